"""Everything an installation keeps, opened as far as text can stand in it, so that a short string is searched exactly.

Two or three characters, or four to six digits, occur by chance in compressed pixels, in ciphertext, in hashes and in
random names. None of these is skipped by its length: each is recognised for what it is and taken out, and all that
is left over is searched.
"""

from __future__ import annotations

import io
import json
import re
import sqlite3
import struct
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path

import pydicom
from pydicom.encaps import generate_frames

CODECS = ("utf-8", "gb18030", "utf-16-le", "utf-16-be")
# Ciphertext of a column; UUIDs, hashes and keyed UIDs; the digests in names of static files; a session's and a
# form's key; fractions of seconds.
_RANDOM = re.compile(
    r"mammo1:[0-9a-f-]{36}:[A-Za-z0-9+/]+=*|[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|"
    r"(?<![0-9a-f])[0-9a-f]{32,128}(?![0-9a-f])|2\.25\.\d{20,39}|\.[0-9a-f]{12}(?=\.)|-[0-9a-f]{12}(?=[./])|"
    r"(?<![A-Za-z0-9])(?=[A-Za-z]*\d)[A-Za-z0-9]{32}(?:[A-Za-z0-9]{32})?(?![A-Za-z0-9])|"
    r"(?<=\d\d:\d\d:\d\d)\.\d{3,6}|(?<=\d\.)\d{7,}"
)
# Files whose whole content is sealed; what else they would hold is searched.
SEALED = (".enc", ".key")
_PNG = b"\x89PNG\r\n\x1a\n"
_START_OF_TILE, _START_OF_CODESTREAM = b"\xff\x90", b"\xff\x4f"


def planted_in(manifest: Path) -> set[str]:
    """Every planted string of the shared set that is text (what is burned into pixels is another test's)."""
    rows = json.loads(manifest.read_text(encoding="utf-8"))
    return {row["string"] for row in rows if not row["string"].startswith("<")}


def without_random(text: str) -> str:
    """The text without what is random in it."""
    return _RANDOM.sub(" ", text)


def found_in(data: bytes, strings: Iterable[str]) -> list[str]:
    """Which of the strings stand in what a file or an answer holds, whatever its kind, in any of the encodings."""
    # Latin-1 keeps every byte as one character, and `_RANDOM` is of ASCII alone.
    left = [without_random(piece.decode("latin-1")).encode("latin-1") for piece in _opened(data)]
    return [
        string
        for string in strings
        if any(_encoded(string, codec) in piece for piece in left for codec in CODECS)
    ]


def _encoded(string: str, codec: str) -> bytes:
    return string.encode(codec)


def _opened(data: bytes) -> Iterator[bytes]:
    """The parts of a file that hold text; a picture's pixels are none."""
    if data[128:132] == b"DICM":
        yield from _dicom(data)
    elif data.startswith(_PNG):
        yield from _png(data)
    else:
        yield data


def is_ciphertext(data: bytes) -> bool:
    """Is it neither text nor anything that can be made smaller, as readable text and pixels as they come can?"""
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return len(zlib.compress(data, 9)) >= len(data)
    return False


def _dicom(data: bytes) -> Iterator[bytes]:
    """All bytes of the file but the pixels, of which the headers of the code stream are searched too."""
    dataset = pydicom.dcmread(io.BytesIO(data))
    pixels = bytes(dataset.PixelData) if "PixelData" in dataset else b""
    assert pixels, "a picture without pixels"
    assert data.count(pixels) == 1, "the pixels are not where they should be"
    yield data.replace(pixels, b"")
    if dataset.file_meta.TransferSyntaxUID.is_encapsulated:
        for frame in generate_frames(pixels, number_of_frames=1):
            assert frame.startswith(_START_OF_CODESTREAM)
            yield frame[: frame.index(_START_OF_TILE)]


def _png(data: bytes) -> Iterator[bytes]:
    """Every chunk but the pixels, and what stands behind the end."""
    at = len(_PNG)
    while at < len(data):
        (length,), kind = struct.unpack(">I", data[at : at + 4]), data[at + 4 : at + 8]
        if kind != b"IDAT":
            yield kind + data[at + 8 : at + 8 + length]
        at += 12 + length
        if kind == b"IEND":
            yield data[at:]
            return
    raise AssertionError("a picture without an end")


def rows_of(database: Path) -> Iterator[tuple[str, str]]:
    """(table.column, text) of every value of an SQLite database; JSON with its characters, not their escapes."""
    with sqlite3.connect(f"file:{database}?mode=ro", uri=True) as held:
        tables = [name for (name,) in held.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        for table in tables:
            rows = held.execute(f'SELECT * FROM "{table}"')
            names = [column[0] for column in rows.description]
            for row in rows:
                for name, value in zip(names, row, strict=True):
                    if value is not None:
                        yield f"{table}.{name}", _as_text(value)


def _as_text(value: object) -> str:
    if isinstance(value, bytes):
        return value.decode("utf-8", "backslashreplace")
    text = str(value)
    if text[:1] in '[{"':
        try:
            return json.dumps(json.loads(text), ensure_ascii=False)
        except ValueError:
            return text
    return text


def left_in(home: Path, strings: Iterable[str], *, but: Iterable[Path] = ()) -> list[tuple[str, str]]:
    """(string, where) of every string that is left in the files and the database of a home.

    but: files that were there before anything of hers was (keys, secrets).
    """
    strings, known = list(strings), set(but)
    left: list[tuple[str, str]] = []
    for path in sorted(home.rglob("*")):
        if not path.is_file() or path in known:
            continue
        where = str(path.relative_to(home))
        left += [(string, f"name of {where}") for string in strings if string in without_random(where)]
        data = path.read_bytes()
        if path.name.startswith("db.sqlite3"):
            # Rows that were deleted stand in free pages: Chinese and long strings don't occur there by chance.
            whole = [string for string in strings if len(string.encode()) > 6 or not string.isascii()]
            left += [(s, where) for s in whole if any(_encoded(s, codec) in data for codec in CODECS[:2])]
        elif path.suffix not in SEALED or not is_ciphertext(data):
            left += [(string, where) for string in found_in(data, strings)]
    for where, text in rows_of(home / "db.sqlite3"):
        said = without_random(text)
        left += [(string, where) for string in strings if string in said]
    return left
