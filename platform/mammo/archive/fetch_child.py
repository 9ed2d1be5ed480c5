"""Child of the job `archive.fetch_studies`: asks a PACS and brings files; knows no Django and no key.

`python -m mammo.archive.fetch_child REQUEST.json ANSWER.jsonl`; the secrets `password` and `pseudonyms` (hex) over
standard input. Without `studies` in the request it answers one row
`{"study": UID}` per study that matches; with them it brings their instances: `{"name", "path", "problem"}` each, a row
`{"done": UID}` per study, and one row `{"known": count}` of instances that were imported earlier.
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mammo.archive.dicomweb import Pacs
from mammo.archive.pacs_query import Query
from mammo.archive.pseudonyms import Pseudonyms
from mammo.core.errors import UserError
from mammo.core.handed_secrets import read_secrets

EXIT_BAD_REQUEST = 2


def main(request_path: str, answer_path: str) -> int:
    """Serve one request; a PACS that does not answer ends in one line and exit code 2."""
    request: dict[str, Any] = json.loads(Path(request_path).read_text(encoding="utf-8"))
    secrets = read_secrets()
    certificates = Path(request["certificates"]) if request["certificates"] else None
    try:
        pacs = Pacs(
            request["url"], user=request["user"], password=secrets["password"], certificates=certificates
        )
        if "studies" in request:
            rows = list(_brought(pacs, request, Pseudonyms(bytes.fromhex(secrets["pseudonyms"]))))
        else:
            rows = list(_found(pacs, request))
    except UserError as error:
        sys.stderr.write(f"{error}\n")
        return EXIT_BAD_REQUEST
    with Path(answer_path).open("w", encoding="utf-8") as handle:
        handle.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    return 0


def _found(pacs: Pacs, request: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for study in pacs.studies(Query.from_dict(request["query"])):
        yield {"study": study}


def _brought(pacs: Pacs, request: dict[str, Any], pseudonyms: Pseudonyms) -> Iterator[dict[str, Any]]:
    known = set(request["known"])
    skipped = number = 0
    for done, study in enumerate(request["studies"], start=1):
        for series, instance in pacs.instances(study):
            if pseudonyms.uid_hash(instance) in known:
                skipped += 1
                continue
            number += 1
            name = f"{pacs.url}/studies/{study}/series/{series}/instances/{instance}"
            folder = Path(request["folder"]) / f"fetched-{number}"
            folder.mkdir()
            try:
                for path in pacs.fetch(study, series, instance, folder):
                    yield {"name": name, "path": str(path), "problem": ""}
            except UserError as error:
                yield {"name": name, "path": "", "problem": f"{error}: fetch it again"}
        yield {"done": study}
        _say(done, len(request["studies"]))
    yield {"known": skipped}


def _say(done: int, total: int) -> None:
    sys.stdout.write(json.dumps({"progress": {"done": done, "total": total}}) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:3]))
