"""Withdrawal of a patient: one person asks, another confirms; her key is destroyed and a tombstone stays."""

from collections.abc import Callable
from typing import Any, cast

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from mammo.accounts import audit
from mammo.accounts.models import User
from mammo.archive import storage
from mammo.archive.models import Erasure, Image, ImportItem, PacsFetch, Pathology, Patient, Study
from mammo.archive.pseudonyms import installation
from mammo.archive.unmatched import forget_rows_of
from mammo.core.errors import NotAllowedError, UserError, WrongStateError
from mammo.core.keys import key_store

# Each names where her data lives on: {"kind": "snapshot", "name": ...}. Later rooms register theirs.
Holder = Callable[[Patient], list[dict[str, str]]]
_holders: list[Holder] = []
# Each empties her rows of what stands in plain columns; called inside the transaction of the erasure.
Eraser = Callable[[Patient], None]
_erasers: list[Eraser] = []
ROLES = ("data_manager", "admin")


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
        erasure = Erasure.objects.create(patient=patient, requested_by=by_user, reason=reason.strip()[:500])
        audit.record(
            "archive.erasure_requested", by_user=by_user, on=patient, site=patient.site, reason=erasure.reason
        )
    return erasure


def erase_patient(erasure: Erasure, *, by_user: User) -> Erasure:
    """Confirm an erasure and carry it out: key, originals and viewing copies are destroyed, rows are emptied.

    The key goes before the transaction ends: should that fail, her data is unreadable and the erasure can be
    confirmed again; it is never called done while something is readable.

    Raises:
        NotAllowedError: the account is neither data manager nor administrator of her site.
        WrongStateError: the same person asked for it, or it is done.
    """
    _require_role(erasure.patient, by_user)
    if erasure.requested_by_id == by_user.pk:
        raise WrongStateError(_("a second person must confirm: you asked for this erasure yourself"))
    with transaction.atomic():
        erasure = Erasure.objects.select_for_update().select_related("patient__site").get(pk=erasure.pk)
        if erasure.confirmed_at is not None:
            raise WrongStateError(_("this patient is erased already"))
        patient = erasure.patient
        erasure.still_held_in = held_in(patient)
        erasure.confirmed_by, erasure.confirmed_at = by_user, timezone.now()
        erasure.save()
        _empty_rows(patient)
        for eraser in _erasers:
            eraser(patient)
        audit.record(
            "archive.patient_erased",
            by_user=by_user,
            on=patient,
            site=patient.site,
            still_held_in=erasure.still_held_in,
        )
        waiting = _forget_quarantined(patient, by_user)
        images = list(Image.objects.filter(study__patient=patient))
        key_store().destroy(patient.key_id)
        for image in images:
            storage.remove(storage.originals_root(), image.original)
            storage.remove(storage.viewing_copies_root(), image.viewing_copy)
        for name in waiting:
            storage.remove(storage.originals_root(), name)
    return erasure


def _empty_rows(patient: Patient) -> None:
    """Empty what stands in plain columns; rows that judgements point at stay."""
    Patient.objects.filter(pk=patient.pk).update(erased_at=timezone.now())
    patient.refresh_from_db(fields=["erased_at"])
    Study.objects.filter(patient=patient).update(
        date=None, age=None, accession_hash="", vendor="", density="", birads_left="", birads_right="",
        birads_overall="", label_source="", reporting_doctors=[],
    )  # fmt: skip
    Pathology.objects.filter(study__patient=patient).delete()
    # The names of her files are kept under the site's key, not hers.
    for item in ImportItem.objects.filter(image__study__patient=patient).select_related("batch__site"):
        item.source, item.details = "(erased)", None
        item.save(update_fields=["source", "details"])
    _forget_fetches(patient)
    forget_rows_of(patient)


def quarantined_of(patient: Patient) -> list[ImportItem]:
    """Files that were kept for a person and name this patient; whose they are stands under the site's key."""
    items = ImportItem.objects.filter(batch__site=patient.site, outcome=ImportItem.Outcome.QUARANTINED)
    return [
        item
        for item in items.select_related("batch__site").iterator()
        if (item.details or {}).get("patient") == patient.number_hash
    ]


def _forget_quarantined(patient: Patient, by_user: User) -> list[str]:
    """Settle her files in quarantine, which lie under the site's key; returns their names, for removal."""
    names = []
    for item in quarantined_of(patient):
        names.append(item.quarantine_file)
        item.source, item.details, item.decision_reason, item.quarantine_file = "(erased)", None, "", ""
        if item.resolved_at is None:
            item.decision = ImportItem.Decision.REJECTED
            item.resolved_by, item.resolved_at = by_user, timezone.now()
        item.save()
    return names


def _forget_fetches(patient: Patient) -> None:
    """Her number stands under the site's key where a PACS was asked for it."""
    keys, code = installation(), patient.site.code
    for fetch in PacsFetch.objects.filter(service__site=patient.site).select_related("service__site"):
        asked = dict(fetch.query)
        if asked.get("patient") and keys.number_hash(code, asked["patient"]) == patient.number_hash:
            fetch.query = cast("Any", {**asked, "patient": "(erased)", "accession": "", "study_uid": ""})
            fetch.todo = cast("Any", [])
            fetch.save(update_fields=["query", "todo"])


def _require_role(patient: Patient, user: User) -> None:
    if not user.has_role(*ROLES, site=patient.site):
        raise NotAllowedError(_("only a data manager or administrator of her site erases a patient"))
