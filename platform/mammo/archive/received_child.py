"""Child of the job `archive.import_received`: reads files in limited processes; knows no Django, no keys of patients.

`python -m mammo.archive.received_child REQUEST.json ANSWER.jsonl`, the secret `pseudonyms` (hex) over standard input;
one answer row per file. What it prints counts the outcomes so far, for whoever watches the import.
"""

import json
import sys
from collections import Counter
from pathlib import Path
from typing import Any

from mammo.archive.parsing import ParsingPool
from mammo.archive.pseudonyms import Pseudonyms
from mammo.core.handed_secrets import read_secrets


def main(request_path: str, answer_path: str) -> int:
    """Read every file of the request."""
    request = json.loads(Path(request_path).read_text(encoding="utf-8"))
    files: list[dict[str, Any]] = request["files"]
    settled = [_settled(file) for file in files]
    rows = [_row(file, answer) for file, answer in zip(files, settled, strict=True) if answer]
    unread = [number for number, answer in enumerate(settled) if not answer]
    _say(rows, len(files))
    with ParsingPool[int](Pseudonyms(bytes.fromhex(read_secrets()["pseudonyms"]))) as pool:
        for number, answer in pool.answers(
            (number, _request(files[number], number, request)) for number in unread
        ):
            if answer["outcome"] == "failed":
                raise OSError(answer["errno"], answer["reason"])
            rows.append(_row(files[number], answer, staged=str(_target(request, number))))
            _say(rows, len(files))
    with Path(answer_path).open("w", encoding="utf-8") as handle:
        handle.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    return 0


def _settled(file: dict[str, Any]) -> dict[str, Any]:
    """The answer about a file that need not be read; empty for one that must be."""
    if not file["path"]:
        return {"outcome": "rejected", "reason": file["problem"]}
    return {"outcome": "duplicate"} if file["is_known"] else {}


def _say(rows: list[dict[str, Any]], total: int) -> None:
    counts = Counter(row["answer"]["outcome"] for row in rows)
    sys.stdout.write(json.dumps({"progress": {"done": len(rows), "total": total, **counts}}) + "\n")
    sys.stdout.flush()


def _target(request: dict[str, Any], number: int) -> Path:
    return Path(request["folder"]) / f"view-{number}.dcm"


def _request(file: dict[str, Any], number: int, request: dict[str, Any]) -> dict[str, Any]:
    return {
        "task": "import",
        "path": file["path"],
        "target": str(_target(request, number)),
        "site": request["site"],
        "label": None,
    }


def _row(file: dict[str, Any], answer: dict[str, Any], *, staged: str = "") -> dict[str, Any]:
    return {**file, "answer": answer, "staged": staged if answer["outcome"] == "imported" else ""}


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:3]))
