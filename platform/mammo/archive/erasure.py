"""Withdrawal of a patient: one person asks, another confirms; her key is destroyed and a tombstone stays."""

import re
import uuid
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, cast

from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _

from mammo.accounts import audit
from mammo.accounts.models import User
from mammo.archive import storage
from mammo.archive.cleaning import clean_text
from mammo.archive.inbox_erasure import Received, received_of
from mammo.archive.marks import Marks, marks_of
from mammo.archive.models import (
    Erasure,
    Image,
    ImportBatch,
    ImportItem,
    PacsFetch,
    Pathology,
    Patient,
    Study,
)
from mammo.archive.one_script import folded
from mammo.archive.report_reading.normalised import normalise
from mammo.archive.roster import roster_patterns
from mammo.archive.study_rows import ERASED
from mammo.archive.table_withdrawals import forget_in_tables
from mammo.archive.unmatched import forget_rows_of
from mammo.core.errors import NotAllowedError, UserError, WrongStateError
from mammo.core.keys import key_store
from mammo.core.private_database import forget_old_pages
from mammo.jobs.logs import erase_logs

# Each names where her data lives on: {"kind": "snapshot", "name": ...}. Later rooms register theirs.
Holder = Callable[[Patient], list[dict[str, str]]]
_holders: list[Holder] = []
# Each empties her rows of what stands in plain columns or under the site's key; called inside the transaction of the
# erasure, while her rows still say by which numbers she is known. May return how much it destroyed, by kind.
Eraser = Callable[[Patient], dict[str, int] | None]
_erasers: list[Eraser] = []
ROLES = ("data_manager", "admin")
# Stands where the reason would that a file of hers was given.
FORGOTTEN = "this patient withdrew: her data was erased"
ITEMS_AT_ONCE = 500


@dataclass
class Sought:
    """What was found of a patient before the transaction that erases her, in which all others would wait for it.

    Attributes:
        received: files of hers that wait in the inbox.
        hers: items of imports that are hers.
        renamed: items of others, or of nobody known, whose file's name says who she is.
        looked_at: all items that were looked at; those that came since are looked at in the transaction.
        known_by: the numbers and the roster by which they were looked at.
    """

    received: Received
    hers: set[uuid.UUID] = field(default_factory=set)
    renamed: set[uuid.UUID] = field(default_factory=set)
    looked_at: set[uuid.UUID] = field(default_factory=set)
    known_by: Any = None


def register_holder(holder: Holder) -> None:
    """Make a room's snapshots, checkpoints or exports known to erasures (in AppConfig.ready)."""
    if holder not in _holders:
        _holders.append(holder)


def register_eraser(eraser: Eraser) -> None:
    """Let a room empty its own rows when a patient is erased (in AppConfig.ready)."""
    if eraser not in _erasers:
        _erasers.append(eraser)


def held_in(patient: Patient) -> list[dict[str, str]]:
    """What outside her rows still holds her: snapshots, checkpoints, exports, trials."""
    return [held for holder in _holders for held in holder(patient)]


def request_erasure(patient: Patient, *, reason: str, by_user: User) -> Erasure:
    """Ask for the erasure of a patient.

    The reason outlives her key, also in the audit trail: what identifies her is taken out of it, except days.

    Raises:
        NotAllowedError: the account is neither data manager nor administrator of her site.
        WrongStateError: it was asked for already.
        UserError: no reason is given.
    """
    _require_role(patient, by_user)
    if not reason.strip():
        raise UserError(_("a reason is needed: how and when the patient withdrew"))
    with transaction.atomic():
        if Erasure.objects.filter(patient=patient).exists():
            raise WrongStateError(_("the erasure of this patient was asked for already"))
        said = clean_text(reason.strip()[:500], patient.roster, dates_stay=True).text
        erasure = Erasure.objects.create(patient=patient, requested_by=by_user, reason=said[:500])
        audit.record(
            "archive.erasure_requested", by_user=by_user, on=patient, site=patient.site, reason=erasure.reason
        )
    return erasure


def look_for(erasure: Erasure, *, by_user: User) -> Sought:
    """Look for a patient in all that came to her site; takes minutes where much did, so call it in no transaction.

    Raises:
        NotAllowedError: the account is neither data manager nor administrator of her site.
        WrongStateError: the same person asked for it, or it is done.
    """
    patient = erasure.patient
    _require_role(patient, by_user)
    if erasure.requested_by_id == by_user.pk:
        raise WrongStateError(_("a second person must confirm: you asked for this erasure yourself"))
    if erasure.confirmed_at is not None:
        raise WrongStateError(_("this patient is erased already"))
    sought = Sought(received_of(patient))
    _look_at_items(patient, marks_of(patient), sought)
    return sought


def erase_patient(erasure: Erasure, *, by_user: User, sought: Sought | None = None) -> Erasure:
    """Confirm an erasure and carry it out: key, originals, viewing copies and the training sets that hold her are
    destroyed, rows are emptied; so are rows of tables that wait and logs of jobs, which stand under the site's key.

    The key goes before the transaction ends: should that fail, her data is unreadable and the erasure can be
    confirmed again; it is never called done while something is readable.

    Args:
        sought: what `look_for` found, for a caller that is in a transaction now; looked for here when not given.

    Raises:
        NotAllowedError: the account is neither data manager nor administrator of her site.
        WrongStateError: the same person asked for it, or it is done.
        UserError: a training set's folder can't be removed; then nothing is called done.
    """
    sought = sought or look_for(erasure, by_user=by_user)
    received = sought.received
    with transaction.atomic():
        erasure = Erasure.objects.select_for_update().select_related("patient__site").get(pk=erasure.pk)
        if erasure.confirmed_at is not None:
            raise WrongStateError(_("this patient is erased already"))
        patient = erasure.patient
        erasure.confirmed_by, erasure.confirmed_at = by_user, timezone.now()
        destroyed: Counter[str] = Counter()
        marks = marks_of(patient)  # while her rows say by which numbers she is known
        # Tables first: an import holds its table before it writes to the trail, so do we.
        for eraser in (_forget_unfinished, *_erasers):
            destroyed.update(eraser(patient) or {})
        _empty_rows(patient)
        _forget_fetches(patient, marks)
        waiting = _forget_items(patient, marks, sought, by_user)
        images = list(Image.objects.filter(study__patient=patient))
        key_store().destroy(patient.key_id)
        # Behind the key: no job that begins now is given a text of hers.
        destroyed["job_logs"] = erase_logs(patient.site, since=patient.created_at)
        destroyed["received"] = len(received.hers)
        erasure.destroyed, erasure.still_held_in = dict(destroyed), [*held_in(patient), *received.unread]
        erasure.save()
        audit.record(
            "archive.patient_erased",
            by_user=by_user,
            on=patient,
            site=patient.site,
            still_held_in=erasure.still_held_in,
            destroyed=erasure.destroyed,
        )
        for image in images:
            storage.remove(storage.originals_root(), image.original)
            storage.remove(storage.viewing_copies_root(), image.viewing_copy)
        for name in waiting:
            storage.remove(storage.originals_root(), name)
        received.destroy()
        transaction.on_commit(forget_old_pages)
    return erasure


def _empty_rows(patient: Patient) -> None:
    """Empty what stands in plain columns; rows that judgements point at stay."""
    Patient.objects.filter(pk=patient.pk).update(erased_at=timezone.now())
    patient.refresh_from_db(fields=["erased_at"])
    Study.objects.filter(patient=patient).update(
        date=None, age=None, accession_hash="", vendor="", density="", birads_left="", birads_right="",
        birads_overall="", label_source="", label_sources={}, reporting_doctors=[],
    )  # fmt: skip
    results = Pathology.objects.filter(study__patient=patient)
    results.update(replaces=None)  # a corrected result is protected by the one that replaced it
    results.delete()


def _forget_unfinished(patient: Patient) -> dict[str, int]:
    """Her rows in tables that wait, and in what was not taken of earlier ones."""
    return {**forget_in_tables(patient), "refused_rows": forget_rows_of(patient, marks_of(patient))}


def quarantined_of(patient: Patient) -> list[ImportItem]:
    """Files that were kept for a person and name this patient; whose they are stands under the site's key."""
    return [item for item in _naming(patient) if item.outcome == ImportItem.Outcome.QUARANTINED]


def _naming(patient: Patient) -> list[ImportItem]:
    """Items of her site whose details name her: kept for a person, or a picture with text that was removed."""
    items = ImportItem.objects.filter(batch__site=patient.site, details__isnull=False)
    return [
        item
        for item in items.select_related("batch__site").iterator()
        if (item.details or {}).get("patient") == patient.number_hash
    ]


def _look_at_items(patient: Patient, marks: Marks, sought: Sought) -> None:
    """Sort what became of files at her site by whether it names her; what was looked at by the same marks stays."""
    # Confirmed again after one that broke off: her key is gone, and her names with it.
    roster = patient.roster if isinstance(patient.roster, dict) else {}
    names = {kind: list(roster.get(kind, [])) for kind in ("names", "numbers")}
    if sought.known_by != (marks.hashes, names):
        sought.known_by = (marks.hashes, names)
        sought.looked_at.clear()
    known = roster_patterns(names)
    without_picture = Q(batch__kind=ImportBatch.Kind.STUDIES, image=None)
    rows = ImportItem.objects.filter(Q(details__isnull=False) | without_picture, batch__site=patient.site)
    new = set(rows.values_list("pk", flat=True)) - sought.looked_at
    for item in _items(new):
        named = (item.details or {}).get("patient")
        if named == patient.number_hash:
            sought.hers.add(item.pk)
        elif item.batch.kind == ImportBatch.Kind.STUDIES and item.image_id is None:
            has_number = marks.stand_in(_pieces(item.source))
            if has_number and not named:
                sought.hers.add(item.pk)
            elif has_number or (not item.quarantine_file and _names_her(item.source, known)):
                sought.renamed.add(item.pk)
    sought.looked_at |= new


def _items(keys: Iterable[uuid.UUID]) -> Iterator[ImportItem]:
    """These items, not all at once in memory."""
    listed = list(keys)
    for start in range(0, len(listed), ITEMS_AT_ONCE):
        chunk = listed[start : start + ITEMS_AT_ONCE]
        yield from ImportItem.objects.filter(pk__in=chunk).select_related("batch__site")


def _forget_items(patient: Patient, marks: Marks, sought: Sought, by_user: User) -> list[str]:
    """Empty what became of her files, which stands under the site's key, also where the same bytes came again and
    no image is behind the row; settle those in quarantine and return the names of their files, for removal.
    """
    _look_at_items(patient, marks, sought)
    at_site = ImportItem.objects.filter(batch__site=patient.site).select_related("batch__site")
    hers = {item.pk: item for item in (*_items(sought.hers), *at_site.filter(image__study__patient=patient))}
    bytes_of_hers = {item.sha256 for item in hers.values() if item.sha256}
    hers |= {item.pk: item for item in at_site.filter(sha256__in=bytes_of_hers)}
    for item in _items(sought.renamed - set(hers)):
        # Another's in her folder, or a namesake's: what was found in the file is told on, what it was called is not.
        item.source = ERASED
        item.save(update_fields=["source"])
    names = []
    for item in hers.values():
        if item.outcome == ImportItem.Outcome.QUARANTINED:
            names.append(item.quarantine_file)
            if item.resolved_at is None:
                item.decision = ImportItem.Decision.REJECTED
                item.resolved_by, item.resolved_at = by_user, timezone.now()
        # The names of her files, and why a person took one in, are kept under the site's key, not hers; what was
        # found in them (a view, a code of her header) stands in a plain column.
        item.source, item.details, item.decision_reason, item.quarantine_file = ERASED, None, "", ""
        item.reason = FORGOTTEN
        item.save()
    return names


def _pieces(source: str) -> list[str]:
    """What may be a number in the name of a file: folders, and a file's name with and without its ending."""
    pieces = re.split(r"[/\\!_\s]+", source)
    return [*pieces, *(piece.rsplit(".", 1)[0] for piece in pieces if "." in piece)]


def _names_her(source: str, known: list[tuple[str, re.Pattern[str]]]) -> bool:
    """Whether the name of a file holds a name or a number of hers."""
    text = folded(normalise(re.sub(r"[/\\!_]", " ", source))).text
    return any(pattern.search(text) for _kind, pattern in known)


def _forget_fetches(patient: Patient, marks: Marks) -> None:
    """Her numbers stand under the site's key where a PACS was asked for them, and where her studies wait."""
    for fetch in PacsFetch.objects.filter(service__site=patient.site).select_related("service__site"):
        asked = dict(fetch.query)
        if marks.stand_in(asked.get(name, "") for name in ("patient", "accession", "study_uid")):
            fetch.query = cast("Any", {**asked, "patient": ERASED, "accession": "", "study_uid": ""})
            fetch.todo = cast("Any", [])
        elif fetch.todo and marks.stand_in(fetch.todo):
            fetch.todo = cast("Any", [study for study in fetch.todo if not marks.stand_in([study])])
        else:
            continue
        fetch.save(update_fields=["query", "todo"])


def _require_role(patient: Patient, user: User) -> None:
    if not user.has_role(*ROLES, site=patient.site):
        raise NotAllowedError(_("only a data manager or administrator of her site erases a patient"))
