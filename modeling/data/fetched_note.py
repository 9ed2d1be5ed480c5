"""The note that `fetch_weights` leaves beside what it fetched: repository, revision, licence, files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

NOTE = "fetched.json"


def read_note(folder: Path) -> dict[str, Any]:
    """What was written beside fetched weights; empty where nothing readable was."""
    try:
        note = json.loads((folder / NOTE).read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return note if isinstance(note, dict) and isinstance(note.get("files"), dict) else {}
