"""`--by`: in which stratum a study or a question stands."""

from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

from django.utils.translation import gettext as _

from annotation.models import Question
from evaluation.reports.findings import of_studies_by_report
from mammo.accounts.site_letters import site_letters
from mammo.archive.models import Report, Study
from mammo.core.errors import UserError

STRATA = ("density", "site", "vendor", "age", "finding", "language")
# Years; the last has no upper end.
AGE_GROUPS = ((0, 40), (40, 50), (50, 60), (60, 70), (70, 200))


def require_stratum(by: str) -> None:
    """Refuse a stratum that there is not.

    Raises:
        UserError: names those that exist.
    """
    if by not in STRATA:
        raise UserError(
            _("--by %(by)s: no such stratum; known: %(known)s") % {"by": by, "known": ", ".join(STRATA)}
        )


def of_studies(studies: Iterable[UUID], by: str) -> dict[UUID, str]:
    """Stratum of each study; its language is that of its newest report.

    Raises:
        UserError: the stratum is unknown.
    """
    require_stratum(by)
    if by == "language":
        return _languages_by_report(studies)
    if by == "finding":
        return of_studies_by_report(studies)
    found = Study.objects.filter(pk__in=set(studies)).values("pk", "density", "site", "vendor", "age")
    letters = site_letters() if by == "site" else {}
    return {row["pk"]: _value(dict(row), by, letters) for row in found}


def of_questions(questions: Iterable[UUID], by: str) -> dict[UUID, str]:
    """Stratum of each question: of its study, or its language.

    Raises:
        UserError: the stratum is unknown.
    """
    require_stratum(by)
    if by == "finding":
        of_question = dict(Question.objects.filter(pk__in=set(questions)).values_list("pk", "study_id"))
        findings = of_studies_by_report(study for study in of_question.values() if study is not None)
        return {pk: findings.get(study) or _("not recorded") for pk, study in of_question.items()}
    fields = ("pk", "language", "study__density", "study__site", "study__vendor", "study__age")
    found = Question.objects.filter(pk__in=set(questions)).values(*fields)
    if by == "language":
        return {row["pk"]: row["language"] or _("not recorded") for row in found}
    letters = site_letters() if by == "site" else {}
    return {
        row["pk"]: _value({name.removeprefix("study__"): value for name, value in row.items()}, by, letters)
        for row in found
    }


def _languages_by_report(studies: Iterable[UUID]) -> dict[UUID, str]:
    wanted = set(studies)
    found = dict.fromkeys(wanted, _("not recorded"))
    standing = Report.objects.filter(study__in=wanted, replaced_by__isnull=True).order_by("created_at")
    return found | {
        study: language for study, language in standing.values_list("study_id", "language") if language
    }


def _value(row: dict[str, Any], by: str, letters: Mapping[UUID, str]) -> str:
    if by == "site":
        # A table leaves the hospital: it names none.
        return letters.get(row["site"]) or _("not recorded")
    if by == "age":
        age = row["age"]
        if age is None:
            return _("not recorded")
        low, high = next(group for group in AGE_GROUPS if group[0] <= age < group[1])
        return f"{low}–{high - 1}" if high < 200 else f"≥ {low}"
    return str(row[by] or "") or _("not recorded")


def labelled(label: str, by: str | None, stratum: str | None) -> str:
    """`MammoVLM · density C`."""
    return label if stratum is None else f"{label} · {by} {stratum}"
