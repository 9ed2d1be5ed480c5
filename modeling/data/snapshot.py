"""Frozen training sets on disk: the reader every stage uses and the one writer.

A snapshot is a folder of `manifest.json`, `images.npy` (uint8, N x H x W), `studies.jsonl` and, where
answers are trained, `sft.jsonl`. Numpy only: the web side may check a snapshot without loading torch.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

# Format 1 hashed the files alone, not what the manifest itself says of them.
FORMAT = 2
FORMATS = (1, 2)
SPLITS = ("train", "validation", "test")
DENSITIES = ("A", "B", "C", "D")
LATERALITIES = ("L", "R")
VIEWS = ("CC", "MLO")
PATHOLOGY_CLASSES = ("benign", "high_risk", "malignant")
IMAGES_FILE = "images.npy"
STUDIES_FILE = "studies.jsonl"
SFT_FILE = "sft.jsonl"
MANIFEST_FILE = "manifest.json"

Images = npt.NDArray[np.uint8]


class SnapshotError(ValueError):
    """A snapshot that must not be trained on; the message names the file, the row and the mend."""


@dataclass(frozen=True)
class View:
    """One image of a study: its row in images.npy and how it was taken.

    `fit` is how the viewing copy became that row (the archive's `TrainingFit` for this size): by it boxes map
    there and back. None where the whole image was taken. `hash=False`, because it is a mapping.
    """

    index: int
    laterality: str
    view: str
    fit: Mapping[str, Any] | None = field(default=None, hash=False)


@dataclass(frozen=True)
class Pathology:
    """The biopsy result of one breast."""

    laterality: str
    class_: str


@dataclass(frozen=True)
class Study:
    """One examination with its labels and its strictly blanked report."""

    study: str
    patient: str
    split: str
    density: str | None
    age: int | None
    birads: Mapping[str, str | None]
    report: str
    language: str
    views: tuple[View, ...]
    pathology: tuple[Pathology, ...]


@dataclass(frozen=True)
class SftSample:
    """One picked answer: turns alternate patient and assistant and end with the patient."""

    id: str
    patient: str
    study: str | None
    split: str
    language: str
    turns: tuple[str, ...]
    answer: str
    rejected: tuple[str, ...] = ()


@dataclass(frozen=True)
class Snapshot:
    """An opened snapshot; `images` is memory-mapped (N, H, W) uint8 with background 0, as hung."""

    folder: Path
    name: str
    content_hash: str
    simulated: bool
    images: Images = field(repr=False)
    studies: tuple[Study, ...] = field(repr=False)
    sft: tuple[SftSample, ...] = field(repr=False)

    @property
    def image_size(self) -> tuple[int, int]:
        """(height, width) in pixels."""
        return int(self.images.shape[1]), int(self.images.shape[2])

    def in_split(self, split: str) -> list[Study]:
        """The studies of one split, in file order."""
        return [study for study in self.studies if study.split == split]


def file_sha256(path: Path) -> str:
    """SHA-256 of a file's bytes, in hexadecimal."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while block := stream.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def content_hash(files: Mapping[str, str]) -> str:
    """SHA-256 over the sorted lines `name sha256` of a snapshot's files."""
    lines = "".join(f"{name} {files[name]}\n" for name in sorted(files))
    return hashlib.sha256(lines.encode()).hexdigest()


def weights_sha256(folder: str | Path) -> str:
    """SHA-256 of a folder's safetensors: of the file where there is one, else of the list of their hashes."""
    hashes = {file.name: file_sha256(file) for file in sorted(Path(folder).glob("*.safetensors"))}
    return next(iter(hashes.values())) if len(hashes) == 1 else content_hash(hashes)


def manifest_hash(manifest: Mapping[str, Any]) -> str:
    """The content hash that a manifest must name: of its files, and since format 2 of name and simulated too."""
    files = dict(manifest["files"])
    if manifest["format"] != 1:
        told = json.dumps([str(manifest["name"]), bool(manifest.get("simulated", False))])
        files[MANIFEST_FILE] = hashlib.sha256(told.encode()).hexdigest()
    return content_hash(files)


def open_snapshot(folder: Path | str, *, verify: bool = True) -> Snapshot:
    """Open a snapshot and check it.

    Raises SnapshotError when a file is missing or changed since the manifest was written, a row breaks the
    format, an id or an image stands twice, or one patient stands on two sides of the split, by herself or by a study
    that a question names. `verify=False` skips only the hashing.
    """
    folder = Path(folder)
    manifest = _read_manifest(folder)
    if verify:
        _check_hashes(folder, manifest)
    images = np.load(folder / IMAGES_FILE, mmap_mode="r", allow_pickle=False)
    _check_images(images, manifest, folder)
    studies = tuple(_study(row, number, len(images)) for number, row in _rows(folder / STUDIES_FILE))
    sft_path = folder / SFT_FILE
    sft = tuple(_sft(row, number) for number, row in _rows(sft_path)) if sft_path.exists() else ()
    _refuse_repeats(studies, sft)
    _refuse_leaks(studies, sft)
    return Snapshot(
        folder=folder,
        name=str(manifest["name"]),
        content_hash=str(manifest["content_hash"]),
        simulated=bool(manifest.get("simulated", False)),
        images=images,
        studies=studies,
        sft=sft,
    )


def write_snapshot(
    folder: Path | str,
    *,
    name: str,
    images: Iterable[Images],
    image_size: tuple[int, int],
    studies: Iterable[Mapping[str, Any]],
    sft: Iterable[Mapping[str, Any]] = (),
    simulated: bool,
    reports_waiting: int = 0,
) -> str:
    """Write a whole snapshot beside its final place and rename it there; returns the content hash.

    `images` gives (H, W) uint8 arrays in the order of the views' indices, one at a time, so that a set
    larger than memory can be written; rows have the shape of studies.jsonl and sft.jsonl. The rows are read
    back under the reader's own rules before the folder appears, so a snapshot that exists is one that opens; the
    manifest also holds its card (`card.card_of`), and counts the reports that stayed out because nobody had
    confirmed them (`reports_waiting`).
    Raises FileExistsError when the folder is there already, SnapshotError on a bad row or image.
    """
    from modeling.data.card import card_of  # it reads snapshots

    folder = Path(folder)
    if folder.exists():
        raise FileExistsError(f"{folder}: a snapshot is never overwritten; give another folder")
    folder.parent.mkdir(parents=True, exist_ok=True)
    part = folder.with_name(f".{folder.name}.{os.getpid()}.part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir()
    try:
        study_rows, sft_rows = list(studies), list(sft)
        count = sum(len(row.get("views", ())) for row in study_rows)
        _write_images(part / IMAGES_FILE, images, (count, *image_size))
        _write_rows(part / STUDIES_FILE, study_rows)
        if sft_rows:
            _write_rows(part / SFT_FILE, sft_rows)
        files = {path.name: file_sha256(path) for path in sorted(part.iterdir())}
        manifest: dict[str, Any] = {
            "format": FORMAT,
            "name": name,
            "image": {"height": image_size[0], "width": image_size[1], "dtype": "uint8"},
            "files": files,
            "counts": _counts(study_rows, sft_rows, count) | {"reports_waiting": reports_waiting},
            "simulated": simulated,
        }
        digest = manifest_hash(manifest)
        manifest["content_hash"] = digest
        _write_manifest(part, manifest)
        _write_manifest(part, manifest | {"card": card_of(open_snapshot(part, verify=False))})
        sync_folder(part)
        part.replace(folder)
    except BaseException:
        shutil.rmtree(part, ignore_errors=True)
        raise
    return digest


def sync_folder(folder: Path) -> None:
    """fsync every file under a folder, so that a rename never publishes bytes that are not on disk."""
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            with path.open("rb+") as stream:
                os.fsync(stream.fileno())


def _counts(
    studies: Sequence[Mapping[str, Any]], sft: Sequence[Mapping[str, Any]], images: int
) -> dict[str, int]:
    counts = {"studies": len(studies), "images": images, "sft": len(sft)}
    counts["patients"] = len({row["patient"] for row in studies})
    for split in SPLITS:
        counts[f"studies_{split}"] = sum(row["split"] == split for row in studies)
    return counts


def _write_manifest(folder: Path, manifest: Mapping[str, Any]) -> None:
    (folder / MANIFEST_FILE).write_text(json.dumps(manifest, ensure_ascii=False, indent=1), "utf-8")


def _write_images(path: Path, images: Iterable[Images], shape: tuple[int, int, int]) -> None:
    # Written, not mapped: a full disk would end a process at a page of a map by a signal, without a word.
    header = {"descr": "|u1", "fortran_order": False, "shape": shape}
    written = 0
    with path.open("wb") as stream:
        np.lib.format.write_array_header_1_0(stream, header)
        for image in images:
            if written >= shape[0] or image.shape != shape[1:] or image.dtype != np.uint8:
                raise SnapshotError(
                    f"{path.name} row {written}: {image.dtype} {image.shape}, "
                    f"expected {shape[0]} images of uint8 {shape[1:]}"
                )
            stream.write(image.tobytes())
            written += 1
    if written != shape[0]:
        raise SnapshotError(f"{path.name}: {written} images for {shape[0]} views")


def _write_rows(path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    with path.open("w", encoding="utf-8") as stream:
        for row in rows:
            stream.write(json.dumps(row, ensure_ascii=False, sort_keys=True) + "\n")


def _read_manifest(folder: Path) -> dict[str, Any]:
    path = folder / MANIFEST_FILE
    if not path.exists():
        raise SnapshotError(f"{path}: no such file; a snapshot folder holds a manifest.json")
    try:
        manifest = json.loads(path.read_text("utf-8"))
    except ValueError as error:
        raise SnapshotError(f"{path}: not JSON ({error}); build the snapshot again") from error
    for key in ("format", "name", "content_hash", "image", "files"):
        if key not in manifest:
            raise SnapshotError(f"{path}: no field {key!r}; build the snapshot again")
    if manifest["format"] not in FORMATS:
        known = " and ".join(map(str, FORMATS))
        raise SnapshotError(f"{path}: format {manifest['format']!r}, this version reads {known}")
    return dict(manifest)


def _check_hashes(folder: Path, manifest: Mapping[str, Any]) -> None:
    files = dict(manifest["files"])
    for name in sorted(files):
        path = folder / name
        if not path.exists():
            raise SnapshotError(f"{path}: named in the manifest but missing; build the snapshot again")
        if file_sha256(path) != files[name]:
            raise SnapshotError(f"{path}: changed since it was frozen (wrong SHA-256); build it again")
    for name in (STUDIES_FILE, IMAGES_FILE, SFT_FILE):
        if name not in files and ((folder / name).exists() or name != SFT_FILE):
            raise SnapshotError(f"{folder / name}: not covered by the manifest; build the snapshot again")
    if manifest_hash(manifest) != manifest["content_hash"]:
        raise SnapshotError(f"{folder / MANIFEST_FILE}: content_hash is not that of its files; build again")


def _check_images(images: npt.NDArray[Any], manifest: Mapping[str, Any], folder: Path) -> None:
    expected = (int(manifest["image"]["height"]), int(manifest["image"]["width"]))
    if images.ndim != 3 or images.dtype != np.uint8 or images.shape[1:] != expected:
        raise SnapshotError(
            f"{folder / IMAGES_FILE}: {images.dtype} {images.shape}, "
            f"expected uint8 (N, {expected[0]}, {expected[1]})"
        )


def _rows(path: Path) -> Iterable[tuple[int, dict[str, Any]]]:
    if not path.exists():
        raise SnapshotError(f"{path}: no such file; build the snapshot again")
    with path.open(encoding="utf-8") as stream:
        for number, line in enumerate(stream, start=1):
            try:
                row = json.loads(line)
            except ValueError as error:
                raise SnapshotError(f"{path.name} row {number}: not JSON ({error})") from error
            if not isinstance(row, dict):
                raise SnapshotError(f"{path.name} row {number}: not a JSON object")
            yield number, row


def _one_of(row: Mapping[str, Any], key: str, allowed: Sequence[str], where: str) -> str:
    value = row.get(key)
    if value not in allowed:
        raise SnapshotError(f"{where}: {key} is {value!r}, expected one of {', '.join(allowed)}")
    return str(value)


def _study(row: Mapping[str, Any], number: int, images: int) -> Study:
    where = f"{STUDIES_FILE} row {number}"
    for key in ("study", "patient", "report", "language", "views"):
        if key not in row:
            raise SnapshotError(f"{where}: no field {key!r}")
    views = []
    for view in row["views"]:
        index = view.get("index")
        if not isinstance(index, int) or not 0 <= index < images:
            raise SnapshotError(f"{where}: view index {index!r} is not a row of the {images} images")
        views.append(
            View(
                index,
                _one_of(view, "laterality", LATERALITIES, where),
                _one_of(view, "view", VIEWS, where),
                view.get("fit"),
            )
        )
    pathology = tuple(
        Pathology(
            _one_of(item, "laterality", LATERALITIES, where),
            _one_of(item, "class", PATHOLOGY_CLASSES, where),
        )
        for item in row.get("pathology", ())
    )
    density = None if row.get("density") is None else _one_of(row, "density", DENSITIES, where)
    return Study(
        study=str(row["study"]),
        patient=str(row["patient"]),
        split=_one_of(row, "split", SPLITS, where),
        density=density,
        age=row.get("age"),
        birads=dict(row.get("birads") or {}),
        report=str(row["report"]),
        language=str(row["language"]),
        views=tuple(views),
        pathology=pathology,
    )


def _sft(row: Mapping[str, Any], number: int) -> SftSample:
    where = f"{SFT_FILE} row {number}"
    for key in ("id", "patient", "turns", "answer", "language"):
        if key not in row:
            raise SnapshotError(f"{where}: no field {key!r}")
    turns = tuple(str(turn) for turn in row["turns"])
    if len(turns) % 2 == 0:
        raise SnapshotError(f"{where}: {len(turns)} turns; they alternate and end with the patient's")
    return SftSample(
        id=str(row["id"]),
        patient=str(row["patient"]),
        study=None if row.get("study") is None else str(row["study"]),
        split=_one_of(row, "split", SPLITS, where),
        language=str(row["language"]),
        turns=turns,
        answer=str(row["answer"]),
        rejected=tuple(str(text) for text in row.get("rejected", ())),
    )


def _refuse_repeats(studies: Sequence[Study], sft: Sequence[SftSample]) -> None:
    """Refuse an id or an image that stands twice: what is looked up by it would be one of two."""
    indices = [view.index for study in studies for view in study.views]
    for label, name, values in (
        (STUDIES_FILE, "study", [study.study for study in studies]),
        (STUDIES_FILE, "view index", indices),
        (SFT_FILE, "id", [sample.id for sample in sft]),
    ):
        seen: set[str | int] = set()
        for value in values:
            if value in seen:
                raise SnapshotError(f"{label}: {name} {value} stands twice; build the snapshot again")
            seen.add(value)


def _refuse_leaks(studies: Sequence[Study], sft: Sequence[SftSample]) -> None:
    sides: dict[str, tuple[str, str]] = {}
    items: list[tuple[str, Study | SftSample]] = [(STUDIES_FILE, study) for study in studies]
    items += [(SFT_FILE, sample) for sample in sft]
    for label, item in items:
        seen = sides.setdefault(item.patient, (item.split, label))
        if seen[0] != item.split:
            raise SnapshotError(
                f"{label}: patient {item.patient} is in {item.split} and, in {seen[1]}, in {seen[0]}; "
                "split by patient and build the snapshot again"
            )
    patients = {study.study: study.patient for study in studies}
    for sample in sft:
        # By its patient it is on the study's side too; a study that is not here shows no image.
        if sample.study is not None and patients.get(sample.study, sample.patient) != sample.patient:
            raise SnapshotError(
                f"{SFT_FILE}: question {sample.id} of patient {sample.patient} names study {sample.study}, which is "
                f"of patient {patients[sample.study]}; name a study of hers and build the snapshot again"
            )
