"""The archive's de-identification alone: a folder in, released files under the same relative names out."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mammo.archive.parsing import ParsingPool
from mammo.archive.pseudonyms import installation
from mammo.archive.sources import A_LINK, NO_FILE, files_below
from mammo.core.errors import EndedEarlyError, UserError

# Released files are no archive rows: their pseudonyms and shifts are of this scope, not of a site.
SCOPE = "release"


@dataclass(frozen=True)
class Released:
    """What became of one file."""

    source: str
    outcome: str  # released, quarantined or rejected
    output: str | None
    reasons: list[str] = field(default_factory=list)


def deidentify(source: Path, destination: Path) -> list[Released]:
    """De-identify a file, or every file of a folder; only what passed is written.

    Raises:
        UserError: the source is missing, or the destination is no place to write to.
        EndedEarlyError: the disk is full; every released file is whole.
    """
    source, destination = Path(source), Path(destination)
    if not source.exists():
        raise UserError(f"{source}: no such file or folder; check the path")
    if destination.exists() and not destination.is_dir():
        raise UserError(f"{destination}: is a file; name a folder to write to")
    if destination.resolve() == source.resolve() or source.resolve() in destination.resolve().parents:
        raise UserError(f"{destination}: lies inside {source}; write to a folder outside of it")
    answers, files = [], []
    root = source if source.is_dir() else source.parent
    for path, problem in files_below(source) if source.is_dir() else [(source, "")]:
        if not problem and path.is_symlink() and path != source:
            problem = A_LINK
        elif not problem and not path.is_file():
            problem = NO_FILE
        if problem:
            answers.append(Released(str(path.relative_to(root)), "rejected", None, [problem]))
        else:
            files.append(path)
    with ParsingPool[Path](installation()) as pool:
        for relative, answer in pool.answers(_requests(files, root, destination)):
            try:
                answers.append(_released(relative, answer, destination))
            except OSError as error:
                raise EndedEarlyError(error, "files released before it are whole and stay") from error
    return sorted(answers, key=lambda released: released.source)


def _requests(files: list[Path], root: Path, destination: Path) -> Iterator[tuple[Path, dict[str, Any]]]:
    for path in files:
        relative = path.relative_to(root)
        target = destination / relative
        target.parent.mkdir(parents=True, exist_ok=True)
        yield (
            relative,
            {
                "task": "release",
                "path": str(path.absolute()),
                "target": str(target.absolute()),
                "site": SCOPE,
            },
        )


def _released(relative: Path, answer: dict[str, Any], destination: Path) -> Released:
    target = destination / relative
    if answer["outcome"] == "failed":
        raise OSError(answer["errno"], answer["reason"], str(destination))
    if answer["outcome"] == "released":
        return Released(str(relative), "released", str(target))
    target.unlink(missing_ok=True)  # of an earlier run, under rules that let it pass
    return Released(str(relative), answer["outcome"], None, [answer["reason"]])
