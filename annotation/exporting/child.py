"""`python -m annotation.exporting.child REQUEST.json ANSWER.jsonl`: writes a training set, outside the web process."""

import json
import shutil
import sys
from pathlib import Path

from annotation.exporting.writing import write_training_set
from mammo.core.errors import UserError
from mammo.core.jsonlines import write_jsonlines
from mammo.core.system_errors import EXIT_NO_ROOM, is_full

# As the worker reads them (modeling.data.exchange has the same): the request can't be done, whoever tries.
EXIT_BAD_REQUEST = 2


def main(arguments: list[str]) -> int:
    """Returns the exit status."""
    try:
        return _export(arguments)
    except OSError as error:
        if not is_full(error):
            raise
        return EXIT_NO_ROOM  # the log may lie on the same disk: nothing can be said there


def _export(arguments: list[str]) -> int:
    request_path, answer_path = (Path(argument) for argument in arguments)
    request = json.loads(request_path.read_text(encoding="utf-8"))
    folder = Path(request["folder"])
    # What a killed attempt left behind.
    for left in folder.parent.glob(f".{folder.name}.*.part"):
        shutil.rmtree(left, ignore_errors=True)
    if folder.exists():
        shutil.rmtree(folder)
    try:
        written = write_training_set(request, folder)
    except UserError as error:
        print(str(error), file=sys.stderr)  # noqa: T201 (the worker reads the last line)
        return EXIT_BAD_REQUEST
    row = {
        "content_hash": written.content_hash,
        "export_id": written.export_id,
        "counts": written.counts,
        "folder": str(folder),
        # Whose texts are in the files: the record is made for these picks or not at all.
        "picked": [[line["id"], line["pick"]] for line in request["lineage"]],
    }
    write_jsonlines(answer_path, [row])
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
