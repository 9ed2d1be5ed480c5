"""Cohorts: exclusions one after another with the count of each, saved as they stood, and described by split."""

import hashlib
import statistics
import uuid
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet, Value
from django.db.models.functions import Coalesce
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from mammo.accounts import audit
from mammo.accounts.models import Site, User
from mammo.archive.models import Cohort, CohortStudy, Image, Pathology, Report, Split, SplitMembership, Study
from mammo.core.choices import Birads, Density, PathologyClass, Vendor
from mammo.core.errors import NotAllowedError, UserError

# Exclusions in the order of a flow chart; each says what it takes out.
RULES = {
    "withdrawn": gettext_lazy("the patient withdrew"),
    "simulated": gettext_lazy("simulated"),
    "no_images": gettext_lazy("no image"),
    "views_missing": gettext_lazy("one of the four standard views is missing"),
    "no_report": gettext_lazy("no report"),
    "no_density": gettext_lazy("density not stated"),
    "no_birads": gettext_lazy("BI-RADS not stated"),
    "birads_0": gettext_lazy("BI-RADS 0"),
    "not_birads_3_or_4": gettext_lazy("BI-RADS neither 3 nor 4"),
    "no_pathology": gettext_lazy("no pathology and no negative follow-up"),
    "too_young": gettext_lazy("younger than the age limit, or age unknown"),
    "other_vendor": gettext_lazy("of another vendor"),
    "repeat": gettext_lazy("a later study of the same patient"),
}
ALWAYS = ("withdrawn",)


@dataclass(frozen=True)
class Step:
    """One exclusion of the flow: its rule, how many studies it took out, how many studies and patients stay."""

    rule: str
    excluded: int
    studies: int
    patients: int

    @property
    def label(self) -> str:
        """The rule in the reader's language."""
        return str(RULES[self.rule]) if self.rule in RULES else self.rule


def save_cohort(name: str, query: Mapping[str, Any], *, site: Site, by_user: User) -> Cohort:
    """Apply the chosen exclusions in order and save the result as it stands; it never changes.

    Args:
        query: `rules` (names of RULES), `min_age` (years), `vendor`.

    Raises:
        NotAllowedError: not a researcher of the site.
        UserError: the name is taken, a rule or vendor is unknown, a limit is missing, or nothing is left.
    """
    if not by_user.has_role("researcher", site=site):
        raise NotAllowedError(_("only a researcher of the site saves cohorts"))
    rules = _checked(name, query, site)
    studies: QuerySet[Study] = Study.objects.filter(site=site)
    begun = studies.count()
    flow: list[dict[str, Any]] = [
        {"rule": "", "excluded": 0, "studies": begun, "patients": _patients(studies)}
    ]
    for rule in rules:
        studies = _without(studies, rule, query)
        left = studies.count()
        flow.append(
            {
                "rule": rule,
                "excluded": flow[-1]["studies"] - left,
                "studies": left,
                "patients": _patients(studies),
            }
        )
    members = sorted(studies.values_list("pk", flat=True))
    if not members:
        raise UserError(_("nothing is left after these exclusions: choose fewer"))
    with transaction.atomic():
        cohort = Cohort(
            site=site, name=name.strip(), query=dict(query) | {"rules": rules}, exclusions=flow, by_user=by_user,
            members_sha256=_hash(members), is_simulated=site.is_simulated,
        )  # fmt: skip
        write_cohort(cohort, members)
        audit.record("archive.cohort_saved", by_user=by_user, on=cohort, site=site, studies=len(members))
    return cohort


def write_cohort(cohort: Cohort, members: Iterable[uuid.UUID]) -> Cohort:
    """Store a new cohort of these studies, in one transaction; from then on triggers refuse every change."""
    with transaction.atomic():
        rows = [CohortStudy(cohort_id=cohort.pk, study_id=member) for member in members]
        CohortStudy.objects.bulk_create(rows, batch_size=1000)
        cohort.save(force_insert=True)
    return cohort


def flow_of(cohort: Cohort) -> list[Step]:
    """The patient flow; the first step is what there was before any exclusion."""
    return [Step(**step) for step in cohort.exclusions]


def is_as_saved(cohort: Cohort) -> bool:
    """Do its studies still make the hash that was saved with them?"""
    return _hash(sorted(cohort.studies.values_list("pk", flat=True))) == cohort.members_sha256


def _hash(members: Iterable[uuid.UUID]) -> str:
    return hashlib.sha256("\n".join(map(str, members)).encode()).hexdigest()


def _patients(studies: QuerySet[Study]) -> int:
    return studies.values("patient").distinct().count()


def _checked(name: str, query: Mapping[str, Any], site: Site) -> list[str]:
    chosen = [*ALWAYS, *query.get("rules", [])]
    if not name.strip() or Cohort.objects.filter(site=site, name=name.strip()).exists():
        raise UserError(_("name: give one that no cohort of the site has"))
    if unknown := sorted(set(chosen) - set(RULES)):
        raise UserError(_("unknown exclusion: %(rules)s") % {"rules": ", ".join(unknown)})
    if "too_young" in chosen and not isinstance(query.get("min_age"), int):
        raise UserError(_("age limit: give it in years"))
    if "other_vendor" in chosen and query.get("vendor") not in Vendor.values:
        raise UserError(_("vendor: choose the one that stays"))
    return [rule for rule in RULES if rule in chosen]


def _without(studies: QuerySet[Study], rule: str, query: Mapping[str, Any]) -> QuerySet[Study]:
    images = Image.objects.filter(study=OuterRef("pk"), is_extra=False)
    if rule == "views_missing":
        for laterality in "LR":
            for view in ("CC", "MLO"):
                studies = studies.filter(Exists(images.filter(laterality=laterality, view=view)))
        return studies
    if rule == "repeat":
        # Studies without a date stand behind the dated ones, in the order of their keys.
        undated = Value(date.max)
        this_day = Coalesce(OuterRef("date"), undated)
        hers = Study.objects.filter(patient=OuterRef("patient")).alias(day=Coalesce("date", undated))
        earlier = hers.filter(Q(day__lt=this_day) | Q(day=this_day, pk__lt=OuterRef("pk")))
        return studies.filter(~Exists(earlier.filter(pk__in=studies.values("pk"))))
    kept: dict[str, Q | Exists] = {
        "withdrawn": Q(patient__erased_at=None),
        "simulated": Q(is_simulated=False),
        "no_images": Exists(Image.objects.filter(study=OuterRef("pk"))),
        "no_report": Exists(Report.objects.filter(study=OuterRef("pk"))),
        "no_density": ~Q(density=""),
        "no_birads": ~Q(birads_overall=""),
        "birads_0": ~Q(birads_overall="0"),
        "not_birads_3_or_4": Q(birads_overall__in=["3", "4", "4A", "4B", "4C"]),
        "no_pathology": Exists(Pathology.objects.filter(study=OuterRef("pk"), replaced_by=None)),
        "too_young": Q(age__gte=query.get("min_age")),
        "other_vendor": Q(vendor=query.get("vendor")),
    }
    return studies.filter(kept[rule])


@dataclass(frozen=True)
class BaselineRow:
    """One line of the baseline table: a characteristic, a value of it, and a cell per column."""

    characteristic: str
    value: str
    cells: list[str]


def baseline(cohort: Cohort, split: Split | None) -> tuple[list[str], list[BaselineRow]]:
    """Columns (all, then each side of the split, then those in none) and rows of the baseline table."""
    columns: dict[str, list[Study]] = {_("All"): list(cohort.studies.all())}
    if split is not None:
        sides = dict(split.members.values_list("patient", "side"))
        grouped: dict[str, list[Study]] = {side: [] for side in (*SplitMembership.Side.values, "")}
        for study in columns[_("All")]:
            grouped[sides.get(study.patient_id, "")].append(study)
        columns |= {
            str(SplitMembership.Side(side).label): grouped[side] for side in SplitMembership.Side.values
        }
        if grouped[""]:
            columns[_("In no side")] = grouped[""]
    return list(columns), _rows(list(columns.values()))


def _rows(columns: list[list[Study]]) -> list[BaselineRow]:
    worst = _worst_results([study.pk for study in columns[0]])
    rows = [
        BaselineRow(_("Studies"), "", [str(len(studies)) for studies in columns]),
        BaselineRow(_("Patients"), "", [str(len({s.patient_id for s in studies})) for studies in columns]),
        BaselineRow(_("Age, years: mean (SD)"), "", [_mean(studies) for studies in columns]),
    ]
    for title, choices, value_of in (
        (_("Density"), Density, lambda study: study.density),
        (_("BI-RADS"), Birads, lambda study: study.birads_overall),
        (_("Vendor"), Vendor, lambda study: study.vendor),
        (_("Pathology, worst"), PathologyClass, lambda study: worst.get(study.pk, "")),
    ):
        counts = [Counter(value_of(study) for study in studies) for studies in columns]
        for value, label in [*choices.choices, ("", pgettext_lazy("label of a study", "not stated"))]:
            if any(count[value] for count in counts):
                shares = [
                    _share(count[value], len(studies)) for count, studies in zip(counts, columns, strict=True)
                ]
                rows.append(BaselineRow(title, str(label), shares))
    return rows


def _worst_results(studies: list[uuid.UUID]) -> dict[uuid.UUID, str]:
    order = ["", *PathologyClass.values]
    worst: dict[uuid.UUID, str] = {}
    for start in range(0, len(studies), 500):
        found = Pathology.objects.filter(study__in=studies[start : start + 500], replaced_by=None)
        for study, result in found.values_list("study", "result"):
            worst[study] = max(worst.get(study, ""), result, key=order.index)
    return worst


def _mean(studies: list[Study]) -> str:
    ages = [study.age for study in studies if study.age is not None]
    if not ages:
        return "–"
    deviation = statistics.stdev(ages) if len(ages) > 1 else 0.0
    return f"{statistics.fmean(ages):.1f} ({deviation:.1f})"


def _share(count: int, of: int) -> str:
    return f"{count} ({100 * count / of:.1f} %)" if of else "0"
