"""Reporting doctors: keyed hashes in studies, which a data manager assigns to accounts.

Nobody rates a case of which they reported a study that it shows: other rooms ask `hashes_of` which hashes stand for
an account, and `is_reported_by` about every study that is shown.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from django.db import transaction
from django.utils.translation import gettext as _

from mammo.accounts import audit
from mammo.accounts.models import Site, User
from mammo.archive.models import Patient, ReportingDoctor, Study
from mammo.archive.pseudonyms import installation
from mammo.core.errors import NotAllowedError, UserError

# Rosters that are looked into for a doctor's name: each is decrypted.
ROSTERS_LOOKED_AT = 5


@dataclass(frozen=True)
class Reporter:
    """One reporting doctor of a site.

    Attributes:
        name_hash: as it stands in studies.
        studies: how many they reported.
        row: what a data manager said, if anything.
    """

    name_hash: str
    studies: int
    row: ReportingDoctor | None


def reporters_of(site: Site) -> list[Reporter]:
    """Every reporting doctor of a site, those that nobody has assigned yet first, then by number of studies."""
    held = Study.objects.filter(site=site).exclude(reporting_doctors=[]).order_by()
    counts: Counter[str] = Counter()
    for hashes in held.values_list("reporting_doctors", flat=True):
        counts.update(hashes)
    rows = {
        row.name_hash: row
        for row in ReportingDoctor.objects.filter(site=site).select_related("user", "by_user")
    }
    found = [Reporter(name_hash, count, rows.get(name_hash)) for name_hash, count in counts.items()]
    return sorted(found, key=lambda each: (each.row is not None, -each.studies, each.name_hash))


def names_of(site: Site, hashes: Iterable[str]) -> dict[str, str]:
    """The names behind hashes, as they stand in the encrypted rosters of these doctors' patients.

    For data managers alone, who must know whom they assign; the caller records that they were seen.
    """
    keys = installation()
    names: dict[str, str] = {}
    for name_hash in hashes:
        patients = Patient.objects.filter(
            site=site, erased_at=None, studies__reporting_doctors__icontains=name_hash
        )
        for patient in patients.distinct().order_by("pk")[:ROSTERS_LOOKED_AT]:
            known = dict(patient.roster).get("doctors", [])
            name = next((each for each in known if keys.person_hash(site.code, each) == name_hash), None)
            if name is not None:
                names[name_hash] = str(name)
                break
    return names


def assign(name_hash: str, user: User | None, *, site: Site, by_user: User) -> ReportingDoctor:
    """Say which account a reporting doctor is; None: nobody here.

    Raises:
        NotAllowedError: the account is no data manager of the site.
        UserError: no study of the site has this doctor, or the person works elsewhere.
    """
    if not by_user.has_role("data_manager", site=site):
        raise NotAllowedError(_("only a data manager of the site assigns reporting doctors"))
    if (
        not Study.objects.filter(site=site, reporting_doctors__icontains=name_hash).exists()
        or len(name_hash) < 64
    ):
        raise UserError(_("no study of this site was reported by this doctor"))
    if user is not None and not user.memberships.filter(site=site).exists():
        raise UserError(_("%(user)s: has no role at this site") % {"user": user.username})
    with transaction.atomic():
        row, _is_new = ReportingDoctor.objects.update_or_create(
            site=site, name_hash=name_hash, defaults={"user": user, "by_user": by_user}
        )
        audit.record(
            "archive.reporting_doctor_assigned", by_user=by_user, on=row, site=site,
            account=str(user.pk) if user else None,
        )  # fmt: skip
    return row


def hashes_of(user: User, site: Site) -> set[str]:
    """Keyed hashes that stand for an account at a site.

    Those a data manager assigned, and those of the account's own names unless they were assigned to another.
    """
    keys = installation()
    names = {name for name in (user.display_name, user.get_full_name(), user.username) if name}
    own = {keys.person_hash(site.code, name) for name in names}
    rows = ReportingDoctor.objects.filter(site=site)
    assigned = set(rows.filter(user=user).values_list("name_hash", flat=True))
    others = set(rows.filter(name_hash__in=own).exclude(user=user).values_list("name_hash", flat=True))
    return assigned | (own - others)


def is_reported_by(hashes: set[str], *studies: Study | None) -> bool:
    """Whether a doctor with these hashes reported any of the studies; None stands for a study that is not shown."""
    return any(study is not None and not hashes.isdisjoint(study.reporting_doctors) for study in studies)


def reported_by(study: Study, user: User) -> bool:
    """Whether the account is one of the study's reporting doctors."""
    return is_reported_by(hashes_of(user, study.site), study)
