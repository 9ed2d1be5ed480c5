"""Child of the job `archive.import_table` and of a table's preview: reads a part of a table; knows no Django, no key.

`python -m mammo.archive.table_child REQUEST.json ANSWER.jsonl`; one answer row `{"number", "cells"}` per row of the
table, and one `{"rows": count, "start": first}` of all that it holds and where this part began. A request with
`preview`, a count, is answered by one row `{"header", "rows"}`, within the limits of somebody who waits.
"""

import json
import resource
import sys
from itertools import islice
from pathlib import Path
from typing import Any

from mammo.archive.dicom.limits import LIMITS
from mammo.archive.table_kinds import KINDS
from mammo.archive.tables import header_and_rows, read_table
from mammo.core import words
from mammo.core.errors import UserError

EXIT_BAD_REQUEST = 2
EXIT_NO_MEMORY = 3


def main(request_path: str, answer_path: str) -> int:
    """Serve one request; a table that can't be read ends in one line and exit code 2 (3: memory was too little)."""
    request: dict[str, Any] = json.loads(Path(request_path).read_text(encoding="utf-8"))
    _limit(is_preview="preview" in request)
    path = Path(request["path"])
    try:
        if "preview" in request:
            words.speak(Path(request["catalogues"]), request["locale"])
            header, first = header_and_rows(path, int(request["preview"]))
            Path(answer_path).write_text(json.dumps({"header": header, "rows": first}), encoding="utf-8")
            return 0
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


def _limit(*, is_preview: bool) -> None:
    memory = LIMITS.preview_memory_bytes if is_preview else LIMITS.table_memory_bytes
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a core file would hold patients' data
    if is_preview:
        resource.setrlimit(resource.RLIMIT_CPU, (LIMITS.preview_cpu_seconds, LIMITS.preview_cpu_seconds))


if __name__ == "__main__":
    try:
        code = main(*sys.argv[1:3])
    except MemoryError:
        sys.stderr.write("MemoryError\n")
        code = EXIT_NO_MEMORY
    sys.exit(code)
