"""Keeping the folders of the filesystem transport in order: nothing else ever removes a message there."""

import json
import time
from pathlib import Path
from typing import Any

from mammo.celery import app, make_queue_folders
from mammo.jobs.timing import timing


def tidy() -> dict[str, int]:
    """Remove processed and unreadable messages (empty, cut off), mend the routes; return what was removed.

    Nothing happens with another transport.
    """
    options: dict[str, Any] = app.conf.broker_transport_options or {}
    if "data_folder_in" not in options:
        return {"processed": 0, "unreadable": 0}
    make_queue_folders()
    age = timing().unreadable_message
    processed = _old_files(Path(options["processed_folder"]), age)
    unreadable = [path for path in _old_files(Path(options["data_folder_in"]), age) if not _is_readable(path)]
    return {"processed": _remove(processed), "unreadable": _remove(unreadable)}


def _old_files(folder: Path, age: float) -> list[Path]:
    """Files that nobody has written or moved for `age` seconds (a worker moves a message, then reads it)."""
    found = []
    for path in folder.iterdir():
        try:
            state = path.stat()
        except FileNotFoundError:
            continue
        if path.is_file() and time.time() - max(state.st_mtime, state.st_ctime) > age:
            found.append(path)
    return found


def _is_readable(path: Path) -> bool:
    try:
        return isinstance(json.loads(path.read_bytes()), dict)
    except FileNotFoundError:
        return True  # a worker took it
    except (OSError, ValueError):
        return False


def _remove(paths: list[Path]) -> int:
    for path in paths:
        path.unlink(missing_ok=True)
    return len(paths)
