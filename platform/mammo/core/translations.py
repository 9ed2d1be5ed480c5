"""Message catalogues without GNU gettext: extract, complete and compile them with Babel.

    manage.py translations extract     bring every .po up to date with the sources
    manage.py translations check       name what is not translated (exit code 1)
    manage.py translations compile     write the .mo files that Django reads

Each app keeps its own catalogue in its own locale/ folder; English is the language of the sources.
"""

import io
import os
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from babel.messages import extract
from babel.messages.catalog import Catalog, Message
from babel.messages.mofile import write_mo
from babel.messages.pofile import PoFileError, read_po, write_po
from django.utils.translation.template import templatize

from mammo.core.errors import UserError

ROOT = Path(__file__).resolve().parents[3]
LOCALE = "zh_Hans"
KEYWORDS = {
    "_": None,
    "gettext": None,
    "gettext_lazy": None,
    "gettext_noop": None,
    "ngettext": (1, 2),
    "ngettext_lazy": (1, 2),
    "pgettext": ((1, "c"), 2),
    "pgettext_lazy": ((1, "c"), 2),
    "npgettext": ((1, "c"), 2, 3),
    "npgettext_lazy": ((1, "c"), 2, 3),
}
# Dates in the header would change the file on every run.
FIXED_DATE = datetime(2026, 1, 1, tzinfo=UTC)
SKIPPED = {"migrations", "node_modules", "locale", "static"}


@dataclass(frozen=True)
class Room:
    """One app's sources and its catalogue."""

    folder: Path

    @property
    def po(self) -> Path:
        """The catalogue that people edit."""
        return self.folder / "locale" / LOCALE / "LC_MESSAGES" / "django.po"

    def sources(self) -> Iterator[Path]:
        """Python files and templates, in a stable order."""
        for path in sorted(self.folder.rglob("*")):
            inside = path.relative_to(self.folder)
            is_template = path.suffix in {".html", ".txt"} and "templates" in inside.parts
            if not SKIPPED.intersection(inside.parts) and (path.suffix == ".py" or is_template):
                yield path


class CatalogueError(UserError):
    """A catalogue that can't be used: file, message and mend."""


def rooms(root: Path = ROOT) -> list[Room]:
    """The platform package and the three apps beside it."""
    folders = [root / "platform" / "mammo", root / "annotation", root / "modeling", root / "evaluation"]
    return [Room(folder) for folder in folders if folder.is_dir()]


def _as_python(path: Path) -> bytes:
    source = path.read_text(encoding="utf-8")
    if path.suffix == ".py":
        return source.encode()
    # templatize() keeps the template's indentation, which Python's tokenizer would refuse.
    lines = templatize(source, origin=str(path)).splitlines()
    return "\n".join(line.strip() for line in lines).encode()


def extract_messages(room: Room) -> Catalog:
    """All messages of a room's sources, each with the files it comes from."""
    catalog = Catalog(charset="utf-8")
    for path in room.sources():
        found = extract.extract(
            "python", io.BytesIO(_as_python(path)), KEYWORDS, comment_tags=("Translators",)
        )
        name = path.relative_to(room.folder).as_posix()
        for _line, message, comments, context in found:
            catalog.add(message, None, [(name, 0)], auto_comments=comments, context=context)
    return catalog


def read_catalogue(path: Path) -> Catalog:
    """A .po file as a Catalog; an empty one when there is none yet."""
    if not path.exists():
        return Catalog(
            locale=LOCALE,
            domain="django",
            project="mammovlm-platform",
            version="0.1.0",
            msgid_bugs_address="",
            last_translator="",
            language_team="zh-hans",
            charset="utf-8",
        )
    with path.open("rb") as file:
        try:
            return read_po(file, locale=LOCALE, domain="django", abort_invalid=True)
        except (PoFileError, UnicodeDecodeError) as error:
            raise CatalogueError(f"{path}: {error}; mend the file by hand") from error


def untranslated(catalog: Catalog) -> list[Message]:
    """Messages without a translation, or with one that nobody confirmed."""

    def is_empty(message: Message) -> bool:
        texts = message.string if isinstance(message.string, list | tuple) else [message.string]
        return not all(texts)

    return [message for message in catalog if message.id and (is_empty(message) or message.fuzzy)]


def _replace(path: Path, content: bytes) -> bool:
    """Write `content` whole or not at all; say whether anything changed."""
    if path.exists() and path.read_bytes() == content:
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    with fresh.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    os.replace(fresh, path)
    return True


def update(room: Room) -> bool:
    """Bring a room's .po up to date with its sources; say whether it changed."""
    messages = extract_messages(room)
    if not len(messages) and not room.po.exists():
        return False
    catalog = read_catalogue(room.po)
    catalog.update(messages, no_fuzzy_matching=True, update_header_comment=False)
    catalog.obsolete.clear()
    catalog.fuzzy = False
    catalog.msgid_bugs_address = catalog.last_translator = ""
    catalog.header_comment = f"# Simplified Chinese messages of {room.folder.name}."
    catalog.creation_date = catalog.revision_date = FIXED_DATE
    buffer = io.BytesIO()
    write_po(buffer, catalog, width=110, include_lineno=False, sort_output=True)
    return _replace(room.po, buffer.getvalue())


def compile_room(room: Room) -> bool:
    """Write a room's .mo; say whether it changed.

    Raises:
        CatalogueError: a translation lacks or invents a placeholder.
    """
    if not room.po.exists():
        return False
    catalog = read_catalogue(room.po)
    for message, errors in catalog.check():
        raise CatalogueError(f"{room.po}: {message.id!r}: {errors[0]}; mend the msgstr")
    buffer = io.BytesIO()
    write_mo(buffer, catalog)
    return _replace(room.po.with_suffix(".mo"), buffer.getvalue())


def missing_messages(room: Room) -> list[str]:
    """Messages of the sources that the catalogue lacks or leaves untranslated."""
    catalog = read_catalogue(room.po)
    known = {(message.id, message.context) for message in catalog}
    lacking = [message for message in extract_messages(room) if message.id]
    absent = [str(message.id) for message in lacking if (message.id, message.context) not in known]
    return absent + [str(message.id) for message in untranslated(catalog)]


def run(action: str, only: Collection[str] = ()) -> tuple[bool, list[str]]:
    """Run `extract`, `check` or `compile` over all rooms, or those whose folders `only` names.

    Returns whether all is well, and the lines to print.

    Raises:
        CatalogueError: a catalogue can't be read or used.
    """
    chosen = [room for room in rooms() if not only or room.folder.name in only]
    if action == "check":
        lines = [f"{room.folder.name}: {message}" for room in chosen for message in missing_messages(room)]
        return not lines, [*lines, f"translations: {len(lines)} not translated"]
    act = update if action == "extract" else compile_room
    changed = [room.folder.name for room in chosen if act(room)]
    return True, [f"translations: {action}: {', '.join(changed) or 'nothing to do'}"]
