"""Child of the job `archive.import_received`: reads files in limited processes; knows no Django, no keys of patients.

`python -m mammo.archive.received_child REQUEST.json ANSWER.jsonl`; one answer row per file.
"""

import json
import sys
from pathlib import Path
from typing import Any

from mammo.archive.parsing import ParsingPool
from mammo.archive.pseudonyms import Pseudonyms


def main(request_path: str, answer_path: str) -> int:
    """Read every file of the request."""
    request = json.loads(Path(request_path).read_text(encoding="utf-8"))
    files: list[dict[str, Any]] = request["files"]
    rows = [
        _row(file, {"outcome": "rejected", "reason": file["problem"]}) for file in files if not file["path"]
    ]
    with ParsingPool[int](Pseudonyms(bytes.fromhex(request["secret"]))) as pool:
        for number, answer in pool.answers(
            (number, _request(file, number, request)) for number, file in enumerate(files) if file["path"]
        ):
            if answer["outcome"] == "failed":
                raise OSError(answer["errno"], answer["reason"])
            rows.append(_row(files[number], answer, staged=str(_target(request, number))))
            progress = {"progress": {"done": len(rows), "total": len(files)}}
            sys.stdout.write(json.dumps(progress) + "\n")
            sys.stdout.flush()
    with Path(answer_path).open("w", encoding="utf-8") as handle:
        handle.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    return 0


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
