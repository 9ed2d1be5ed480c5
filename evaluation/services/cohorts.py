"""The cohort that a protocol names binds its trials: no question is about a study outside of it."""

from typing import Any
from uuid import UUID

from django.db.models import Q, QuerySet
from django.utils.translation import ngettext

from annotation.models import Campaign, Question
from evaluation.models import Protocol, Trial
from mammo.archive.models import Cohort

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
    named = ", ".join(map(str, outside[:MOST_NAMED])) + (", …" if len(outside) > MOST_NAMED else "")
    return [
        ngettext(
            "%(count)s question is about a study outside of the protocol's cohort “%(cohort)s” (%(positions)s): take it "
            "out.",
            "%(count)s questions are about studies outside of the protocol's cohort “%(cohort)s” (%(positions)s): take "
            "them out.",
            len(outside),
        )
        % {"count": len(outside), "cohort": trial.protocol.cohort.name, "positions": named}
    ]


def _studies(cohort: UUID) -> QuerySet[Any, Any]:
    return Cohort.objects.filter(pk=cohort).values("studies")
