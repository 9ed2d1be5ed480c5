"""Model folders by their hub name (`owner/name`), and the licence that stands beside a model. Nothing is downloaded.

No torch: read by the web side too.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

from modeling.data.exchange import BadRequestError
from modeling.data.fetched_note import NOTE, read_note

MODELS_VARIABLE = "MAMMO_MODELS"
# A repository of a hub: owner/name.
HUB_NAME = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")
LONGEST_LICENCE = 200
# Of a card, where its first block of YAML ends at the latest.
_CARD_BYTES = 64_000
_FRONT_MATTER = re.compile(r"\A\ufeff?---\s*\n(.*?)\n---\s*(?:\n|\Z)", re.DOTALL)
_LICENCE_LINE = re.compile(r"^(licen[sc]e(?:_name)?):[ \t]*(\S.*?)[ \t]*$", re.MULTILINE)


def located(path: str) -> Path:
    """Where a spec's files lie: a relative path is looked for under MAMMO_MODELS, when that is set."""
    models = os.environ.get(MODELS_VARIABLE)
    return Path(path) if models is None or Path(path).is_absolute() else Path(models) / path


def model_folder(path: str) -> Path:
    """The folder of a model: as `located`, or the one that `fetch_weights` stored of a hub name.

    A folder that is there goes before a hub name that reads the same.

    Raises:
        BadRequestError: a hub name, and no folder here holds its files, or the one of its name holds another model.
    """
    folder = located(path)
    if folder.exists() or not HUB_NAME.fullmatch(path):
        return folder
    models = os.environ.get(MODELS_VARIABLE)
    if not models:
        raise BadRequestError(
            f"{path}: neither a folder here nor known as a hub name, since {MODELS_VARIABLE} is not set: set it to the "
            f"folder of all weights and run `manage.py fetch_weights {path}`; nothing is downloaded here"
        )
    base = Path(models).expanduser().absolute()
    usual = base / path.split("/")[1]
    held = read_note(usual).get("repository") if usual.is_dir() else None
    # A folder without a note was put there by hand under the model's name.
    if usual.is_dir() and held in (None, path):
        return usual
    for note in sorted(base.glob(f"*/{NOTE}")):
        if read_note(note.parent).get("repository") == path:
            return note.parent
    elsewhere = f" ({usual} holds {held})" if held else ""
    mend = f" --into {base / path.replace('/', '--')}" if held else ""
    raise BadRequestError(
        f"{path}: no model of this hub name lies below {base}{elsewhere}: run `manage.py fetch_weights {path}{mend}`, or "
        "give the folder; nothing is downloaded here"
    )


def weights_folder(path: str | Path) -> Path:
    """A folder of pretrained weights: the path as it stands where something is there, else as `model_folder`.

    Raises:
        BadRequestError: as model_folder.
    """
    return Path(path) if Path(path).exists() else model_folder(str(path))


def licence_in(folder: Path) -> str:
    """The licence that a model's folder states, in its note or its card; empty where it states none."""
    return str(read_note(folder).get("licence") or _licence_on_card(folder / "README.md"))[:LONGEST_LICENCE]


def _licence_on_card(card: Path) -> str:
    """`license` of a model card's front matter; its own name where the card says "other"."""
    try:
        with card.open("rb") as stream:
            text = stream.read(_CARD_BYTES).decode("utf-8", "replace").replace("\r\n", "\n")
    except OSError:
        return ""
    block = _FRONT_MATTER.match(text)
    if block is None:
        return ""
    found = {name: value.strip("\"' ") for name, value in _LICENCE_LINE.findall(block[1])}
    named = found.get("license_name") or found.get("licence_name") or ""
    plain = found.get("license") or found.get("licence") or ""
    return named if named and plain in ("", "other") else plain
