"""Where the built browser files lie: viewer/build.mjs puts them into static/built/<version>-<hash>/."""

import json
from functools import lru_cache
from pathlib import Path
from typing import Any

from django.core import checks
from django.templatetags.static import static

BUILT = Path(__file__).resolve().parents[1] / "static" / "built"
HOW_TO_BUILD = "build them with `make setup`"


def built_folder(built: Path = BUILT) -> str | None:
    """Name of the folder of the newest build; None when nothing is built."""
    try:
        written = (built / "current.json").stat()
    except OSError:
        return None
    folder = _folder_named(built, written.st_mtime_ns, written.st_ino)
    return folder if folder and (built / folder).is_dir() else None


@lru_cache(maxsize=8)
def _folder_named(built: Path, changed_ns: int, number: int) -> str:
    """What current.json says, read once for each time it is written; every page asks several times."""
    try:
        return str(json.loads((built / "current.json").read_text(encoding="utf-8"))["folder"])
    except (OSError, ValueError, KeyError, TypeError):
        return ""


def asset_url(name: str) -> str:
    """Address of a built file; without a build it answers 404, and the system check says why."""
    return static(f"built/{built_folder() or 'not-built'}/{name}")


@checks.register()
def check_built(**kwargs: Any) -> list[checks.CheckMessage]:
    """Tell when pages would come without style and viewer."""
    if built_folder() is not None:
        return []
    return [
        checks.Warning(
            "the browser files are not built: pages have no style and the viewer shows nothing",
            hint=HOW_TO_BUILD,
            id="core.W102",
        )
    ]
