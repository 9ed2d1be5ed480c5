"""What kinds of job there are: each app registers its own in AppConfig.ready()."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.utils.functional import Promise

from mammo.core.errors import UserError
from mammo.jobs.models import Job

# Key of a request whose values go over the child's standard input (`core.handed_secrets`), never into a file.
SECRETS = "secrets"


@dataclass(frozen=True)
class JobKind:
    """A kind of job.

    Attributes:
        name: stored on the row, such as `annotation.propose`.
        module: run as `python -m <module> REQUEST.json ANSWER.jsonl` in a child process.
        build_request: makes the child's request (a JSON object) from the row, when a worker claims it; what stands
            under `secrets` (a name and a text each) is not written with it: the child asks `read_secrets()`.
        ingest: turns the answer's rows into database rows, inside the transaction that ends the job.
        keeps: whether `ingest` also takes, in a transaction of its own, the rows that a child had kept when its attempt
            failed or was stopped; the next attempt is asked for the rest.
        queue: `cpu` or `gpu`.
        spreads: whether several GPUs are used by as many processes that speak with each other (torchrun), as training
            does; any other kind runs in one process, which sees them all.
        label: the kind in words, shown on pages.
        tells: whether who asked for such a job is told of its end; not where they watch it as it is written.
        is_last: whether a job that succeeded was the last of those that do one piece of work a part each: only its end
            is told; None where every job is a piece of its own.
        figures: the figures of its progress and result in words, shown on pages; key -> name.

    The child gets no way to the database or to the master key (`core.child_environment`). Request and answer live in
    a folder that is shredded when the attempt ends: what must stay is written elsewhere and named in the
    answer.
    """

    name: str
    module: str
    build_request: Callable[[Job], dict[str, Any]]
    ingest: Callable[[Job, Iterable[dict[str, Any]]], dict[str, Any] | None]
    keeps: bool = False
    queue: str = "cpu"
    spreads: bool = False
    label: str | Promise = ""
    tells: bool = True
    is_last: Callable[[Job], bool] | None = None
    figures: Mapping[str, str | Promise] = field(default_factory=dict, compare=False)


_KINDS: dict[str, JobKind] = {}


def register(kind: JobKind) -> None:
    """Make a kind known; the same name twice is a programming error."""
    if kind.name in _KINDS and _KINDS[kind.name] != kind:
        raise RuntimeError(f"job kind {kind.name} is registered twice")
    _KINDS[kind.name] = kind


def get(name: str) -> JobKind:
    """Return a registered kind.

    Raises:
        UserError: no app registered this name.
    """
    try:
        return _KINDS[name]
    except KeyError:
        raise UserError(f"unknown kind of job {name!r}; known: {', '.join(sorted(_KINDS))}") from None


def label_of(name: str) -> str:
    """A kind in words; its name when no app registers it any more."""
    kind = _KINDS.get(name)
    return str(kind.label) if kind is not None and kind.label else name


def tells(name: str) -> bool:
    """Whether the end of a job of this kind is told to who asked for it."""
    kind = _KINDS.get(name)
    return kind is None or kind.tells


def is_in_parts(name: str) -> bool:
    """Whether jobs of this kind do one piece of work a part each."""
    kind = _KINDS.get(name)
    return kind is not None and kind.is_last is not None


def is_last(job: Job) -> bool:
    """Whether the success of this job ends the piece of work that it is a part of."""
    kind = _KINDS.get(job.kind)
    return kind is None or kind.is_last is None or kind.is_last(job)


def names_of(name: str) -> Mapping[str, str | Promise]:
    """What the figures of a kind are called; empty when no app registers it any more."""
    kind = _KINDS.get(name)
    return kind.figures if kind is not None else {}
