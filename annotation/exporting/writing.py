"""A training set on disk: it exists whole or not at all, and its hash is over every file in it."""

import glob
import hashlib
import json
import os
import shutil
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from annotation.exporting import formats
from mammo.core.errors import UserError
from mammo.core.jsonlines import write_atomically

MANIFEST = "manifest.json"
CARD = "README.md"
LINEAGE = "lineage.jsonl"
HASH_PLACE = "@@CONTENT_HASH@@"
# As files beside the rows, in the rows, or left out: a set of texts alone, as a language model takes it.
IMAGES = ("reference", "packed", "none")
# Formats whose rows hold pictures; of all others they are files beside the rows.
HOLDS_PICTURES = ("parquet",)


@dataclass(frozen=True)
class WrittenSet:
    """What was written: the hash of the contents, the id made of it, how much of everything."""

    content_hash: str
    export_id: str
    counts: dict[str, int]


def choices() -> list[tuple[str, str]]:
    """Every format with every way of its pictures that goes with it."""
    return [(name, images) for name in formats.WRITERS for images in IMAGES if goes_together(name, images)]


def goes_together(format_name: str, images: str) -> bool:
    """Whether pictures can be packed into the rows of this format, where that is asked for."""
    return images != "packed" or format_name in HOLDS_PICTURES


def export_id_of(campaign: str, content_hash: str) -> str:
    """The same contents of the same campaign have the same id, on every machine and day."""
    return hashlib.sha256(f"{campaign} {content_hash}".encode()).hexdigest()[:12]


def write_training_set(request: Mapping[str, Any], folder: Path) -> WrittenSet:
    """Write the set that a request describes.

    Args:
        request: campaign, campaign_id, split, format, preferences, images, simulated, card (Markdown with a
            place for the hash), lineage (rows), records (id, split, turns, answer, rejected, images as name,
            path, center, width, function).
        folder: made by this call; must not exist, or be empty.

    Raises:
        UserError: a picture is missing or can't be decoded, or the folder is not empty; nothing is left then.
    """
    if (request["format"], request["images"]) not in choices():
        raise UserError(f"format {request['format']} with pictures as {request['images']}: not written")
    _remove_left_behind(folder)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UserError(f"{folder}: exists and is not empty; give another folder")
    part = folder.with_name(f".{folder.name}.{os.getpid()}.part")
    try:
        written = _write(part, request)
        if folder.exists():
            folder.rmdir()
        os.replace(part, folder)
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return written


def _remove_left_behind(folder: Path) -> None:
    """Remove what attempts at this folder left that were killed: patients' texts in clear, under another process's id."""
    for part in folder.parent.glob(f".{glob.escape(folder.name)}.*.part"):
        number = part.name.removeprefix(f".{folder.name}.").removesuffix(".part")
        if number.isdecimal() and not _is_another_process(int(number)):
            shutil.rmtree(part, ignore_errors=True)


def _is_another_process(number: int) -> bool:
    if number == os.getpid():
        return False
    try:
        os.kill(number, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True  # somebody else's
    return True


def _write(part: Path, request: Mapping[str, Any]) -> WrittenSet:
    part.mkdir(parents=True)
    packed = request["images"] == "packed"
    pictures: dict[str, bytes] = {}
    samples = _pictures_first(request)
    records = [_record_of(row, part, pictures if packed else None) for row, _line in samples]
    writer = formats.WRITERS[request["format"]]
    extra: dict[str, Any] = {"pictures": pictures} if packed else {}
    for name, data in writer(records, preferences=bool(request["preferences"]), **extra).items():
        write_atomically(part / name, data)
    lineage = "".join(json.dumps(line, ensure_ascii=False, sort_keys=True) + "\n" for _row, line in samples)
    write_atomically(part / LINEAGE, lineage.encode())
    hashes = _hashes(part)
    lines = "".join(f"{name} {sha256}\n" for name, sha256 in sorted(hashes.items()))
    digest = hashlib.sha256(lines.encode()).hexdigest()
    counts = counts_of(records, preferences=bool(request["preferences"]))
    written = WrittenSet(digest, export_id_of(request["campaign_id"], digest), counts)
    manifest = {
        "campaign": request["campaign"],
        "export": written.export_id,
        "split": request["split"],
        "format": request["format"],
        "images": request["images"],
        "preferences": bool(request["preferences"]),
        "counts": written.counts,
        "content_hash": digest,
        "files": hashes,
        "simulated": bool(request["simulated"]),
    }
    write_atomically(part / MANIFEST, json.dumps(manifest, ensure_ascii=False, indent=1).encode())
    write_atomically(part / CARD, str(request["card"]).replace(HASH_PLACE, digest).encode())
    return written


def _pictures_first(request: Mapping[str, Any]) -> list[tuple[Mapping[str, Any], Mapping[str, Any]]]:
    """Each record beside its lineage, those with pictures first, else in the order of the questions.

    Loaders guess the columns from a file's first ten megabytes; trainers that load one file by themselves can't be
    told them.
    """
    pairs = zip(request["records"], request["lineage"], strict=True)
    return sorted(pairs, key=lambda pair: not pair[0]["images"])


def _record_of(row: Mapping[str, Any], part: Path, pictures: dict[str, bytes] | None) -> formats.Record:
    from annotation.exporting.pictures import png_of  # pydicom: not in every process that starts

    names = []
    for image in row["images"]:
        name = str(image["name"])
        names.append(name)
        if (pictures is not None and name in pictures) or (part / name).exists():
            continue
        png = png_of(
            Path(image["path"]), center=image["center"], width=image["width"], function=image["function"]
        )
        if pictures is None:
            write_atomically(part / name, png)
        else:
            pictures[name] = png
    return formats.Record(
        id=str(row["id"]),
        split=str(row["split"]),
        turns=tuple(row["turns"]),
        answer=str(row["answer"]),
        rejected=tuple(row["rejected"]),
        images=tuple(names),
    )


def _hashes(part: Path) -> dict[str, str]:
    return {
        path.relative_to(part).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(part.rglob("*"))
        if path.is_file()
    }


def counts_of(records: Sequence[formats.Record], *, preferences: bool) -> dict[str, int]:
    """Samples, by side, pairs (none where they were not asked for) and pictures."""
    sides = Counter(record.split for record in records)
    return {
        "samples": len(records),
        **{split: sides[split] for split in formats.SPLITS},
        "pairs": sum(len(record.rejected) for record in records) if preferences else 0,
        "images": len({name for record in records for name in record.images}),
    }
