"""The cohort that a protocol names binds its trials and reader studies: no question, no case is of a study outside."""

from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

from django.db.models import Q, QuerySet
from django.utils.translation import ngettext

from annotation.models import Campaign, Question
from evaluation.models import Protocol, ReaderStudy, ReaderStudyCase, Trial
from mammo.archive.models import Study
from mammo.core.errors import UserError

# Positions that a sentence names before it says how many more there are.
MOST_NAMED = 20


def of_cohort(questions: "QuerySet[Question]", protocol: Protocol) -> "QuerySet[Question]":
    """The questions that the protocol's cohort lets in: about a study of it, or about none (text alone)."""
    if protocol.cohort_id is None:
        return questions
    return questions.filter(Q(study=None) | Q(study__in=_studies(protocol.cohort_id)))


def outside_cohort(trial: Trial) -> list[int]:
    """Positions of the trial's questions whose study is outside of the protocol's cohort; none where it names none."""
    cohort = trial.protocol.cohort_id
    if cohort is None:
        return []
    rows = trial.trial_questions.filter(question__study__isnull=False)
    rows = rows.exclude(question__study__in=_studies(cohort))
    return list(rows.order_by("position").values_list("position", flat=True))


def excluded_of(trial: Trial, campaign: Campaign) -> int:
    """How many questions of a campaign the protocol's cohort keeps out of the trial."""
    asked = Question.objects.filter(campaign=campaign, is_practice=False).exclude(
        stage=Question.Stage.WITHDRAWN
    )
    return asked.count() - of_cohort(asked, trial.protocol).count()


def bound_by(trial: Trial) -> dict[str, Any] | None:
    """The protocol's cohort by name, how many studies it has, and how many questions here are outside; None without."""
    cohort = trial.protocol.cohort
    if cohort is None:
        return None
    return {"name": cohort.name, "studies": cohort.studies.count(), "outside": len(outside_cohort(trial))}


def cohort_obstacles(trial: Trial) -> list[str]:
    """What the cohort objects to, as one sentence with count and positions; none where every question is in it."""
    outside = outside_cohort(trial)
    if not outside or trial.protocol.cohort is None:
        return []
    return [
        ngettext(
            "%(count)s question is about a study outside of the protocol's cohort “%(cohort)s” (%(positions)s): take it "
            "out.",
            "%(count)s questions are about studies outside of the protocol's cohort “%(cohort)s” (%(positions)s): take "
            "them out.",
            len(outside),
        )
        % {"count": len(outside), "cohort": trial.protocol.cohort.name, "positions": _named(outside)}
    ]


def refuse_outside(protocol: Protocol, studies: Iterable[Study]) -> None:
    """Let studies pass that the protocol's cohort lets into a reader study.

    Raises:
        UserError: names those outside of it.
    """
    if protocol.cohort is None:
        return
    inside = set(protocol.cohort.studies.values_list("pk", flat=True))
    outside = [study.pk for study in studies if study.pk not in inside]
    if outside:
        raise UserError(
            ngettext(
                "%(count)s study is outside of the protocol's cohort “%(cohort)s” (%(studies)s)",
                "%(count)s studies are outside of the protocol's cohort “%(cohort)s” (%(studies)s)",
                len(outside),
            )
            % {"count": len(outside), "cohort": protocol.cohort.name, "studies": _named(outside)}
        )


def outside_cases(study: ReaderStudy) -> "QuerySet[ReaderStudyCase]":
    """The cases of a reader study whose studies are outside of the protocol's cohort; none where it names none."""
    cohort = study.protocol.cohort_id
    return study.cases.none() if cohort is None else study.cases.exclude(study__in=_studies(cohort))


def case_obstacles(study: ReaderStudy) -> list[str]:
    """What the cohort objects to among the cases of a reader study, as one sentence with count and positions."""
    cohort = study.protocol.cohort
    outside = list(outside_cases(study).order_by("position").values_list("position", flat=True))
    if cohort is None or not outside:
        return []
    return [
        ngettext(
            "%(count)s case is of a study outside of the protocol's cohort “%(cohort)s” (%(positions)s): take it out.",
            "%(count)s cases are of studies outside of the protocol's cohort “%(cohort)s” (%(positions)s): take them "
            "out.",
            len(outside),
        )
        % {"count": len(outside), "cohort": cohort.name, "positions": _named(outside)}
    ]


def _named(things: Sequence[object]) -> str:
    return ", ".join(map(str, things[:MOST_NAMED])) + (", …" if len(things) > MOST_NAMED else "")


def _studies(cohort: UUID) -> QuerySet[Any, Any]:
    return Study.objects.filter(cohorts=cohort).values("pk")
