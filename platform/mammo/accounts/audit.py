"""The hash-chained audit trail: `record` inside the transaction of the act itself, `verify` at any time."""

import hashlib
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import UTC
from functools import partial
from typing import Any

from django.db import models, transaction
from django.utils import timezone

from mammo.accounts.models import AuditEvent, AuditHead, Site, User

# What `at_the_end` keeps for the end of its block; None outside one.
_kept: ContextVar[list[Callable[[], AuditEvent]] | None] = ContextVar("_kept", default=None)


def event_hash(event: AuditEvent) -> str:
    """SHA-256 over the canonical JSON of an event and the hash of the one before it."""
    body = {
        "sequence": event.sequence,
        "at": event.at.astimezone(UTC).isoformat(timespec="microseconds"),
        "actor": str(event.actor_id) if event.actor_id else None,
        "action": event.action,
        "object_type": event.object_type,
        "object_id": event.object_id,
        "site": str(event.site_id) if event.site_id else None,
        "reason": event.reason,
        "details": event.details,
        "previous": event.previous_sha256,
    }
    text = json.dumps(body, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def record(
    action: str,
    *,
    by_user: User | None,
    on: models.Model | None = None,
    site: Site | None = None,
    reason: str = "",
    **details: Any,
) -> AuditEvent:
    """Append one event; call it last in the transaction of the act, so that the head is locked shortly.

    Args:
        action: a dotted verb such as `annotation.picked`.
        details: JSON values; never a patient's text.
    """
    # No savepoint: an act whose event can't be written must not stand either.
    with transaction.atomic(savepoint=False):
        try:
            head = AuditHead.objects.select_for_update().get(pk=1)
        except AuditHead.DoesNotExist:  # the first event of all
            AuditHead.objects.get_or_create(pk=1)
            head = AuditHead.objects.select_for_update().get(pk=1)
        event = AuditEvent(
            sequence=head.sequence + 1,
            at=timezone.now(),
            actor=by_user,
            action=action,
            object_type=on._meta.label_lower if on is not None else "",
            object_id=str(on.pk) if on is not None else "",
            site=site,
            reason=reason,
            details=details,
            previous_sha256=head.sha256,
        )
        event.sha256 = event_hash(event)
        event.save(force_insert=True)
        AuditHead.objects.filter(pk=1).update(sequence=event.sequence, sha256=event.sha256)
    return event


def record_late(
    action: str,
    *,
    by_user: User | None,
    on: models.Model | None = None,
    site: Site | None = None,
    reason: str = "",
    **details: Any,
) -> None:
    """As `record`, when the block of `at_the_end` ends; at once where there is none."""
    write = partial(record, action, by_user=by_user, on=on, site=site, reason=reason, **details)
    kept = _kept.get()
    if kept is None:
        write()
    else:
        kept.append(write)


@contextmanager
def at_the_end() -> Iterator[None]:
    """Write what `record_late` is told in this block when it ends: a transaction of many acts locks the head last.

    Stands inside the transaction of the acts. A block within another hands its events over to that one; after an
    error it has none, as its acts don't stand.
    """
    outer, kept = _kept.get(), list[Callable[[], AuditEvent]]()
    token = _kept.set(kept)
    try:
        yield
    finally:
        _kept.reset(token)
    if outer is not None:
        outer.extend(kept)
        return
    for write in kept:
        write()


@dataclass(frozen=True)
class Verification:
    """Outcome of a walk over the whole chain."""

    events: int
    head_sequence: int
    head_sha256: str
    problems: list[str] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """No edit, gap or cut was found."""
        return not self.problems


def verify() -> Verification:
    """Walk the chain; find edits, gaps and, against the head, a cut tail.

    A tail cut together with the head is found by the anchors kept outside the database (`audit_anchors`).
    """
    head = AuditHead.objects.filter(pk=1).first() or AuditHead()
    events = AuditEvent.objects.order_by("sequence")
    walked = _Walk()
    for event in events.filter(sequence__lte=head.sequence).iterator(chunk_size=2000):
        walked.take(event)
    count = walked.count
    if (head.sequence, head.sha256) != (walked.last, walked.sha256):
        walked.problems.append(_cut(head, walked))
    # Others go on recording meanwhile: what they add continues the chain, and the head went on with it.
    for event in events.filter(sequence__gt=head.sequence).iterator(chunk_size=2000):
        walked.take(event)
    now = AuditHead.objects.filter(pk=1).first() or AuditHead()
    if now.sequence < walked.last:
        walked.problems.append(_cut(now, walked))
    return Verification(count, head.sequence, head.sha256, walked.problems)


@dataclass
class _Walk:
    """Where a walk over the chain stands."""

    sha256: str = "0" * 64
    last: int = 0
    count: int = 0
    problems: list[str] = field(default_factory=list)

    def take(self, event: AuditEvent) -> None:
        """Go on to the next event."""
        self.count += 1
        if event.sequence != self.last + 1:
            self.problems.append(f"events {self.last + 1} to {event.sequence - 1} are missing")
        if event.previous_sha256 != self.sha256:
            self.problems.append(f"event {event.sequence}: does not follow the event before it")
        if event_hash(event) != event.sha256:
            self.problems.append(f"event {event.sequence}: was edited")
        self.sha256, self.last = event.sha256, event.sequence


def _cut(head: AuditHead, walked: _Walk) -> str:
    return f"the tail was cut: head says event {head.sequence}, the last one is {walked.last}"
