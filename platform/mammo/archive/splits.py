"""Splits by patient under five rules; a frozen one never changes, and says so by a hash of its sides."""

import hashlib
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from mammo.accounts import audit
from mammo.accounts.models import Site, User
from mammo.accounts.site_letters import site_letters
from mammo.archive.models import Patient, Split, SplitMembership, Study
from mammo.archive.pseudonyms import Pseudonyms, installation
from mammo.core.choices import PathologyClass
from mammo.core.errors import NotAllowedError, UserError, WrongStateError

Side = SplitMembership.Side
_SEVERITY = ("", PathologyClass.BENIGN.value, PathologyClass.HIGH_RISK.value, PathologyClass.MALIGNANT.value)


@dataclass(frozen=True, kw_only=True)
class Plan:
    """How to divide.

    Attributes:
        rule: random, stratified, window, after, eras or site.
        shares: part of each side; with window, after and site those of training and validation, with eras none.
        begins, ends: true days of the window (both inside), the first day of `after`, or of `eras` the first and last
            day of the validation set.
        test_site: whose patients are the test set under the rule `site`.
    """

    rule: str
    shares: Mapping[str, float] = field(
        default_factory=lambda: {"train": 0.8, "validation": 0.1, "test": 0.1}
    )
    seed: int = 0
    begins: date | None = None
    ends: date | None = None
    test_site: Site | None = None

    def parameters(self) -> dict[str, Any]:
        """As stored with the split: it must be possible to say how it was made."""
        return {
            "shares": dict(self.shares),
            **({"begins": self.begins.isoformat()} if self.begins else {}),
            **({"ends": self.ends.isoformat()} if self.ends else {}),
            **({"test_site": self.test_site.code} if self.test_site else {}),
        }


def create_split(name: str, plan: Plan, *, site: Site, purpose: str, by_user: User) -> Split:
    """Divide the patients of a site who have not withdrawn (under the rule `site` also those of the test site).

    Dates are compared as they truly were, before the shift; only the side leaves.

    Raises:
        NotAllowedError: not a researcher of every site that takes part.
        UserError: the name is taken, the plan is incomplete, or a side would be empty.
    """
    sites = [site, *([plan.test_site] if plan.test_site and plan.test_site != site else [])]
    if not all(by_user.has_role("researcher", site=each) for each in sites):
        raise NotAllowedError(_("only a researcher of the site makes splits"))
    _check(name, plan, site)
    sides = _sides(plan, sites)
    with transaction.atomic():
        split = Split.objects.create(
            site=site, name=name, purpose=purpose[:40], rule=plan.rule, parameters=plan.parameters(),
            seed=plan.seed, by_user=by_user, is_simulated=any(each.is_simulated for each in sites),
        )  # fmt: skip
        rows = [
            SplitMembership(split=split, patient_id=patient, side=side) for patient, side in sides.items()
        ]
        SplitMembership.objects.bulk_create(rows, batch_size=1000)
        audit.record("archive.split_created", by_user=by_user, on=split, site=site, patients=len(rows))
    return split


def freeze_split(split: Split, *, by_user: User) -> None:
    """From now on no patient joins it; those in it never move anyway.

    Raises:
        NotAllowedError: not a researcher of the site.
        WrongStateError: it is frozen already.
    """
    if split.site is None or not by_user.has_role("researcher", site=split.site):
        raise NotAllowedError(_("only a researcher of the site freezes splits"))
    with transaction.atomic():
        # Whoever is letting patients join has ended before the sides are hashed, and nobody joins after.
        Split.objects.select_for_update(of=("self",)).get(pk=split.pk)
        hashed = members_sha256(split)
        moved = Split.objects.filter(pk=split.pk, frozen_at=None).update(
            frozen_at=timezone.now(), frozen_by=by_user, members_sha256=hashed
        )
        if not moved:
            raise WrongStateError(_("this split is frozen already"))
        audit.record("archive.split_frozen", by_user=by_user, on=split, site=split.site, sha256=hashed)


def exported_name(split: Split) -> str:
    """The split's name as it leaves: where it begins with the hospital's code, with the hospital's letter."""
    if split.site is None or not split.name.startswith(f"{split.site.code} "):
        return split.name
    return site_letters()[split.site.pk] + split.name.removeprefix(split.site.code)


def require_open(split: Split) -> None:
    """Raise unless patients may still join.

    Raises:
        WrongStateError: it is frozen.
    """
    if split.frozen_at is not None:
        raise WrongStateError(
            _("split “%(name)s” is frozen: nobody joins it; make another split") % {"name": split.name}
        )


def members_sha256(split: Split) -> str:
    """SHA-256 over `pseudonym side` of all patients, sorted."""
    rows = split.members.order_by("patient__pseudonym", "patient").values_list("patient__pseudonym", "side")
    return hashlib.sha256("\n".join(f"{name} {side}" for name, side in rows).encode()).hexdigest()


def _check(name: str, plan: Plan, site: Site) -> None:
    if not name.strip() or Split.objects.filter(name=name).exists():
        raise UserError(
            _("split “%(name)s” exists already; a split never changes, choose another name") % {"name": name}
        )
    if plan.rule not in dict(Split._meta.get_field("rule").flatchoices):
        raise UserError(_("rule: choose one of the list"))
    total = sum(plan.shares.values())
    if set(plan.shares) - set(Side.values) or abs(total - 1) > 1e-9 or min(plan.shares.values()) < 0:
        raise UserError(_("shares: give parts for train, validation and test that sum to 1"))
    if plan.rule in ("window", "after", "eras") and plan.begins is None:
        raise UserError(_("first day: this rule needs one"))
    if plan.rule in ("window", "eras") and (
        plan.ends is None or plan.begins is None or plan.ends < plan.begins
    ):
        raise UserError(_("last day: give one that is not before the first"))
    if plan.rule == "site" and (plan.test_site is None or plan.test_site == site):
        raise UserError(_("test site: choose a site other than the split's own"))


def _sides(plan: Plan, sites: Sequence[Site]) -> dict[uuid.UUID, str]:
    patients = list(Patient.objects.filter(site__in=sites, erased_at=None).select_related("site"))
    if not patients:
        raise UserError(_("there are no patients to divide"))
    if plan.rule == "eras":
        return _by_era(plan, patients)
    held_out = _held_out(plan, patients)
    divided = [patient for patient in patients if patient.pk not in held_out]
    shares = dict(plan.shares)
    if plan.rule in ("window", "after", "site"):
        shares = {side: share for side, share in shares.items() if side != Side.TEST}
        if not held_out:
            raise UserError(_("the test set would be empty: no study falls into it"))
    sides = _dealt(divided, shares, plan.seed, stratified=plan.rule != "random")
    return {**sides, **dict.fromkeys(held_out, Side.TEST.value)}


def _held_out(plan: Plan, patients: Iterable[Patient]) -> set[uuid.UUID]:
    """Patients whom the rule puts into the test set: all of one with any study in the window."""
    if plan.rule == "site":
        return {patient.pk for patient in patients if patient.site == plan.test_site}
    if plan.rule not in ("window", "after") or plan.begins is None:
        return set()
    ends = plan.ends if plan.rule == "window" else None
    days = _true_days(patients)
    return {
        patient
        for patient, found in days.items()
        if any(plan.begins <= day and (ends is None or day <= ends) for day in found)
    }


def _by_era(plan: Plan, patients: Iterable[Patient]) -> dict[uuid.UUID, str]:
    """Each patient on the side of her latest study; one without a dated study is of no era and stands on none."""
    if plan.begins is None or plan.ends is None:
        raise UserError(_("first day: this rule needs one"))
    sides: dict[uuid.UUID, str] = {}
    for patient, days in _true_days(patients).items():
        latest = max(days)
        era = Side.TRAIN if latest < plan.begins else Side.VALIDATION if latest <= plan.ends else Side.TEST
        sides[patient] = era.value
    if set(sides.values()) < {Side.TRAIN.value, Side.VALIDATION.value, Side.TEST.value}:
        raise UserError(_("an era would be empty: choose other days"))
    return sides


def _true_days(patients: Iterable[Patient]) -> dict[uuid.UUID, list[date]]:
    """The true days of each patient's studies, by undoing her shift.

    Raises:
        UserError: a shift can't be undone, because her hospital number is not on record.
    """
    pseudonyms = installation()
    by_key = {patient.pk: patient for patient in patients}
    studies = Study.objects.filter(patient__in=by_key).exclude(date=None).values_list("patient", "date")
    days: dict[uuid.UUID, list[date]] = {}
    for key, shifted in studies:
        if shifted is not None:
            days.setdefault(key, []).append(shifted)
    return {
        key: [
            day - pseudonyms.date_shift(by_key[key].site.code, _identity(by_key[key], pseudonyms))
            for day in found
        ]
        for key, found in days.items()
    }


def _identity(patient: Patient, pseudonyms: Pseudonyms) -> str:
    for number in patient.roster.get("numbers", []):
        if pseudonyms.number_hash(patient.site.code, number) == patient.number_hash:
            return str(number)
    raise UserError(
        _(
            "patient %(patient)s has no hospital number on record: her dates can't be compared with a calendar day"
        )
        % {"patient": patient.pseudonym}
    )


def _dealt(
    patients: Sequence[Patient], shares: Mapping[str, float], seed: int, *, stratified: bool
) -> dict[uuid.UUID, str]:
    """Deal patients out in the order of their lots, each to the side that is furthest behind its share."""
    strata = _strata([patient.pk for patient in patients]) if stratified else {}
    total_share = sum(shares.values()) or 1.0
    parts = {side: shares[side] / total_share for side in Side.values if shares.get(side)}
    counts = dict.fromkeys(parts, 0)
    sides: dict[uuid.UUID, str] = {}
    for patient in sorted(patients, key=lambda each: (strata.get(each.pk, ""), _lot(seed, each.pseudonym))):
        total = len(sides) + 1
        side = max(parts, key=lambda name: (parts[name] * total - counts[name], parts[name]))
        counts[side] += 1
        sides[patient.pk] = side
    return sides


def _strata(patients: Sequence[uuid.UUID]) -> dict[uuid.UUID, str]:
    """`<worst pathology> <highest density>` of each patient, from what is on record."""
    worst, density = dict.fromkeys(patients, ""), dict.fromkeys(patients, "")
    for start in range(0, len(patients), 500):
        rows = Patient.objects.filter(pk__in=patients[start : start + 500]).values_list(
            "pk", "studies__density", "studies__pathology__result", "studies__pathology__replaced_by"
        )
        for pk, letter, result, corrected in rows:
            worst[pk] = max(worst[pk], "" if corrected else result or "", key=_SEVERITY.index)
            density[pk] = max(density[pk], letter or "")
    return {pk: f"{worst[pk]} {density[pk]}" for pk in patients}


def _lot(seed: int, name: str) -> str:
    return hashlib.sha256(f"{seed} {name}".encode()).hexdigest()
