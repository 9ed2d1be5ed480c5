"""Weights into a folder, whole or not at all: chosen, brought, checked, converted where pickled, then renamed.

Everything happens in a hidden folder beside the target, named by the revision: a fetch that was killed goes on there
when it is repeated, with the files that were whole; another revision begins anew.
"""

from __future__ import annotations

import fcntl
import glob
import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open

from modeling.data.exchange import BadRequestError
from modeling.data.fetched_note import NOTE, read_note
from modeling.data.snapshot import file_sha256, sync_folder
from modeling.weights import choosing, converting
from modeling.weights.choosing import RefusedError, Weights
from modeling.weights.sources import Listing, Source, checked

Say = Callable[[str], None]


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What to fetch, and where it shall lie."""

    repository: str
    target: Path
    # None: whatever is there, or the main branch.
    revision: str | None = None
    # The one pickled file to take, where there are several.
    file: str = ""


@dataclass(frozen=True)
class Ready:
    """Fetched files that only need to appear under their name."""

    whole: Path
    target: Path
    note: dict[str, Any]

    def publish(self) -> None:
        """Let the folder appear. Raises BadRequestError when another one came first."""
        try:
            self.whole.rename(self.target)
        except OSError as error:
            if self.target.exists():
                raise BadRequestError(
                    f"{self.target}: came into being meanwhile; remove it or name another folder"
                ) from error
            raise


def already_here(wanted: Wanted) -> dict[str, Any] | None:
    """The note of weights that were fetched before and are whole; None where the target does not exist.

    Raises:
        BadRequestError: something else is there.
    """
    target = wanted.target
    if not target.exists() and not target.is_symlink():
        return None
    if target.is_dir() and not any(target.iterdir()):
        return None
    note = read_note(target)
    mend = "remove it and run again, or name another folder with --into"
    if not note:
        raise BadRequestError(f"{target}: is there and was not fetched by this command; {mend}")
    if note.get("repository") != wanted.repository:
        raise BadRequestError(f"{target}: holds {note.get('repository')}; {mend}")
    for name, facts in note["files"].items():
        path = target / name
        if not path.is_file() or path.stat().st_size != facts["bytes"]:
            raise BadRequestError(f"{path}: not as it was fetched; {mend}")
    if wanted.revision not in (None, note.get("revision"), note.get("asked")):
        raise BadRequestError(
            f"{target}: holds revision {note.get('revision')}, not {wanted.revision}; {mend}"
        )
    return note


@contextmanager
def prepared(wanted: Wanted, source: Source, *, say: Say = lambda text: None) -> Iterator[Ready]:
    """Bring everything and leave it ready to publish; what is not published stays hidden and is continued next time.

    Raises:
        BadRequestError: the source can't be reached, or (RefusedError, nothing is kept) its files are not taken.
        OSError: the disk.
    """
    listing = source.listing(wanted.revision or "main")
    wanted.target.parent.mkdir(parents=True, exist_ok=True)
    with _hidden_folder(wanted.target, listing.revision[:12] or "copy") as (hidden, lock):
        try:
            brought, weights, index = _brought(wanted, source, listing, hidden, say)
            whole, note = _assembled(hidden, brought, weights, index, lock, say)
        except RefusedError as error:
            shutil.rmtree(hidden, ignore_errors=True)
            raise RefusedError(f"{wanted.repository}: {error}") from error
        note = {
            "repository": wanted.repository,
            "revision": listing.revision,
            "asked": wanted.revision or "main",
            "source": source.told,
            "licence": listing.licence,
            "fetched_at": datetime.now(UTC).isoformat(timespec="seconds"),
        } | note
        (whole / NOTE).write_text(json.dumps(note, indent=1, ensure_ascii=False) + "\n", "utf-8")
        sync_folder(whole)
        yield Ready(whole, wanted.target, note)
        if not whole.exists():
            shutil.rmtree(hidden, ignore_errors=True)


@contextmanager
def _hidden_folder(target: Path, key: str) -> Iterator[tuple[Path, int]]:
    """The folder of this fetch and the descriptor of its lock; those of other revisions are removed."""
    hidden = target.with_name(f".{target.name}.{key}.part")
    for other in target.parent.glob(f".{glob.escape(target.name)}.*.part"):
        if other != hidden:
            os.close(_locked(other, target))
            shutil.rmtree(other, ignore_errors=True)
    hidden.mkdir(exist_ok=True)
    lock = _locked(hidden, target)
    try:
        yield hidden, lock
    finally:
        os.close(lock)


def _locked(folder: Path, target: Path) -> int:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        raise BadRequestError(f"{target}: another process is fetching it; wait until it has ended") from None
    return descriptor


def _brought(
    wanted: Wanted, source: Source, listing: Listing, hidden: Path, say: Say
) -> tuple[dict[str, tuple[Path, str]], Weights, dict[str, Any] | None]:
    """Name -> (path, SHA-256) of every file that is taken, the weights among them, and the index of their parts."""
    downloads = hidden / "downloads"
    downloads.mkdir(exist_ok=True)
    for broken in downloads.rglob("*.incomplete"):  # of a killed process; nobody goes on with it
        broken.unlink()
    brought: dict[str, tuple[Path, str]] = {}

    def bring(name: str) -> Path:
        path = source.bring(name, listing.revision, downloads)
        brought[name] = (path, checked(path, listing.files[name]))
        return path

    names = choosing.texts(listing.files)
    if "config.json" in names:
        _refuse_code(_json(bring("config.json")))
    index_name = choosing.index_file(listing.files, wanted.file)
    index = _json(bring(index_name)) if index_name else None
    weights = choosing.weight_files(listing.files, index=index, file=wanted.file)
    _check_room(hidden, listing, [*names, *weights.names], weights)
    for name in [*names, *weights.names]:
        if name not in brought:
            say(f"{name} ({_size(listing.files[name].size)})")
            bring(name)
    return brought, weights, index


def _assembled(
    hidden: Path,
    brought: dict[str, tuple[Path, str]],
    weights: Weights,
    index: dict[str, Any] | None,
    lock: int,
    say: Say,
) -> tuple[Path, dict[str, Any]]:
    """The folder as it will appear, and what its note says of its files."""
    whole = hidden / "whole"
    shutil.rmtree(whole, ignore_errors=True)
    whole.mkdir()
    converted: dict[str, dict[str, Any]] = {}
    hashes = {name: sha256 for name, (_path, sha256) in brought.items()}
    if weights.pickled:
        say("converting pickled weights to safetensors")
        pickles = [brought.pop(name)[0] for name in weights.names]
        targets = [whole / name for name in choosing.converted_names(weights)]
        converting.convert(pickles, targets, index=index, lock=lock)
        for name, path in zip(weights.names, pickles, strict=True):
            converted[name] = {"sha256": hashes.pop(name), "bytes": path.stat().st_size}
            path.unlink()
        if index is not None:
            brought.pop(choosing.PICKLED_INDEX)
            del hashes[choosing.PICKLED_INDEX]
    else:
        _check_weights({name: brought[name][0] for name in weights.names}, index)
    for name, (path, _sha256) in brought.items():
        path.rename(whole / name)
    files = {
        path.name: {"sha256": hashes.get(path.name) or file_sha256(path), "bytes": path.stat().st_size}
        for path in sorted(whole.iterdir())
    }
    return whole, {"files": files, "converted": converted}


def _refuse_code(config: dict[str, Any]) -> None:
    if "auto_map" in config:
        raise RefusedError(
            "its config.json asks for code of its own (auto_map), which is never run here; name the edition that "
            "transformers loads natively"
        )


def _check_weights(paths: dict[str, Path], index: dict[str, Any] | None) -> None:
    """Every part is whole, and holds what the index says. Raises RefusedError."""
    for name, path in paths.items():
        try:
            with safe_open(path, "np") as opened:
                found = set(opened.keys())
        except SafetensorError as error:
            raise RefusedError(
                f"{name}: not a whole safetensors file ({error}); name another revision"
            ) from None
        expected = {key for key, part in index["weight_map"].items() if part == name} if index else set()
        if lost := sorted(expected - found):
            raise RefusedError(
                f"{name}: lacks {lost[0]}, which the index says it holds; name another revision"
            )


def _check_room(hidden: Path, listing: Listing, names: list[str], weights: Weights) -> None:
    needed = sum(listing.files[name].size for name in {*names})
    if weights.pickled:
        needed += sum(listing.files[name].size for name in weights.names)
    here = sum(path.stat().st_size for path in hidden.rglob("*") if path.is_file())
    free = shutil.disk_usage(hidden).free
    if needed - here > free:
        raise BadRequestError(
            f"{hidden.parent}: {_size(needed - here)} are needed and {_size(free)} are free; make room or name another "
            "folder with --into"
        )


def _json(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text("utf-8"))
    except ValueError as error:
        raise RefusedError(f"{path.name}: not JSON ({error}); name another revision") from None
    if not isinstance(found, dict):
        raise RefusedError(f"{path.name}: not one JSON object; name another revision")
    return found


def _size(count: int) -> str:
    """Bytes for people."""
    for unit, factor in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= factor:
            return f"{count / factor:.1f} {unit}"
    return f"{count} bytes"
