"""Child of the job `archive.import_table`: reads a part of a table; knows no Django and no key.

`python -m mammo.archive.table_child REQUEST.json ANSWER.jsonl`; one answer row `{"number", "cells"}` per row of the
table, and one `{"rows": count, "start": first}` of all that it holds and where this part began.
"""

import json
import resource
import sys
from itertools import islice
from pathlib import Path
from typing import Any

from mammo.archive.dicom.limits import LIMITS
from mammo.archive.table_kinds import KINDS
from mammo.archive.tables import read_table
from mammo.core.errors import UserError

EXIT_BAD_REQUEST = 2


def main(request_path: str, answer_path: str) -> int:
    """Serve one request; a table that can't be read ends in one line and exit code 2."""
    resource.setrlimit(resource.RLIMIT_AS, (LIMITS.memory_bytes, LIMITS.memory_bytes))
    request: dict[str, Any] = json.loads(Path(request_path).read_text(encoding="utf-8"))
    path = Path(request["path"])
    try:
        rows = read_table(path, KINDS[request["kind"]], "table", request["mapping"])
    except UserError as error:
        # The path is this machine's: the person knows the table by its own name.
        sys.stderr.write(str(error).replace(str(path), "table") + "\n")
        return EXIT_BAD_REQUEST
    start = int(request["start"])
    with Path(answer_path).open("w", encoding="utf-8") as handle:
        for row in islice(rows, start, start + int(request["limit"])):
            answer = {"number": row.number, "cells": row.cells}
            handle.write(json.dumps(answer, ensure_ascii=False) + "\n")
        handle.write(json.dumps({"rows": len(rows), "start": start}) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:3]))
