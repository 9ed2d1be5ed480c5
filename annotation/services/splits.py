"""Splits by patient: a patient stands on one side, and never moves."""

import hashlib
from collections.abc import Iterable, Mapping
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _

from annotation.services.access import require_researcher
from mammo.accounts import audit
from mammo.accounts.models import Site, User
from mammo.archive.models import Patient, Split, SplitMembership
from mammo.archive.splits import require_open
from mammo.core.choices import PathologyClass
from mammo.core.errors import UserError

SHARES = {"train": 0.8, "validation": 0.1, "test": 0.1}


def create_split(
    name: str,
    *,
    site: Site,
    by_user: User | None,
    purpose: str,
    patients: Iterable[Patient] | None = None,
    shares: Mapping[str, float] | None = None,
    seed: int = 0,
    is_simulated: bool | None = None,
) -> Split:
    """Divide patients at random, balanced over pathology and density.

    Args:
        patients: all patients of the site who have not withdrawn, when not given.
        shares: part of each side; they sum to 1.
        seed: with the patients' pseudonyms it decides the order.
        is_simulated: as the site is, when not given.

    Raises:
        NotAllowedError: not a researcher of the site.
        UserError: the name is taken, the shares do not sum to 1, or there are no patients.
    """
    require_researcher(site, by_user)
    chosen = dict(shares or SHARES)
    unknown = sorted(set(chosen) - set(SplitMembership.Side.values))
    if unknown or abs(sum(chosen.values()) - 1) > 1e-9 or min(chosen.values()) < 0:
        raise UserError(_("shares: give parts for train, validation and test that sum to 1"))
    if Split.objects.filter(name=name).exists():
        raise UserError(
            _("split “%(name)s” exists already; a split never changes, choose another name") % {"name": name}
        )
    if patients is None:
        patients = Patient.objects.filter(site=site, erased_at__isnull=True)
    with transaction.atomic():
        split = Split.objects.create(
            site=site,
            name=name,
            purpose=purpose,
            rule="random",
            parameters={"shares": chosen},
            seed=seed,
            by_user=by_user,
            is_simulated=site.is_simulated if is_simulated is None else is_simulated,
        )
        added = extend_split(split, patients)
        if not added:
            raise UserError(_("split “%(name)s”: there are no patients to divide") % {"name": name})
        audit.record("archive.split_created", by_user=by_user, on=split, site=site, patients=added)
    return split


def extend_split(split: Split, patients: Iterable[Patient]) -> int:
    """Give a side to patients who have none in this split; nobody moves. Returns how many were added.

    Raises:
        WrongStateError: the split is frozen, and some of them have no side in it.
    """
    counts = {side: split.members.filter(side=side).count() for side in SplitMembership.Side.values}
    placed = set(split.members.values_list("patient", flat=True))
    new = {patient.pk: patient for patient in patients if patient.pk not in placed}
    if new:
        require_open(split)
    strata = _strata(new)
    shares = _shares(split)
    rows = []
    for pk in sorted(new, key=lambda i: (strata[i], _lot(split.seed, new[i].pseudonym))):
        total = sum(counts.values()) + 1
        # The side that is furthest behind its share: neighbours of one stratum spread over all sides.
        side = max(shares, key=lambda s: (shares[s] * total - counts[s], shares[s]))
        counts[side] += 1
        rows.append(SplitMembership(split=split, patient=new[pk], side=side))
    SplitMembership.objects.bulk_create(rows)
    return len(rows)


def side_of_question(split: Split, question_id: UUID) -> str:
    """Side of a question that belongs to no patient: by the split's seed and the question's own id."""
    shares = _shares(split)
    lot = int(_lot(split.seed, str(question_id))[:12], 16) / 16**12
    reached = 0.0
    for side, share in shares.items():
        reached += share
        if lot < reached:
            return side
    return next(iter(shares))


def _shares(split: Split) -> dict[str, float]:
    """Shares in the fixed order of the sides: PostgreSQL stores JSON objects in an order of its own."""
    given: Mapping[str, float] = split.parameters["shares"]
    return {side: given[side] for side in SplitMembership.Side.values if side in given}


def _lot(seed: int, name: str) -> str:
    return hashlib.sha256(f"{seed} {name}".encode()).hexdigest()


def _strata(patients: Mapping[UUID, Patient]) -> dict[UUID, str]:
    """`<worst pathology> <density>` of each patient, from what is on record."""
    order = ("", PathologyClass.BENIGN.value, PathologyClass.HIGH_RISK.value, PathologyClass.MALIGNANT.value)
    worst = dict.fromkeys(patients, "")
    density = dict.fromkeys(patients, "")
    rows = Patient.objects.filter(pk__in=list(patients)).values_list(
        "pk", "studies__density", "studies__pathology__result", "studies__pathology__replaced_by"
    )
    for pk, letter, result, corrected in rows:
        worst[pk] = max(worst[pk], "" if corrected else result or "", key=order.index)
        density[pk] = max(density[pk], letter or "")
    return {pk: f"{worst[pk]} {density[pk]}" for pk in patients}
