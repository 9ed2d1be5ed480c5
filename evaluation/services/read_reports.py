"""Which report an answer was given beside: raters read one report, and every arm has to have read the same."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from django.db.models import QuerySet

from evaluation.models import Answer, Trial, TrialQuestion
from evaluation.services.shown_studies import REPORT_SHA256, report_hash_today
from mammo.archive.models import Study

# Of a dialogue's provenance: one for each turn.
ROUNDS = "rounds"


def report_beside(trial: Trial, study: Study | None) -> str:
    """Keyed hash of the report that a draft shows beside a study's question now; empty where it shows none."""
    return report_hash_today(study) if trial.show_report else ""


def reports_beside(trial: Trial, questions: Iterable[TrialQuestion]) -> dict[str, str]:
    """`report_beside` of each question, by the id of its row."""
    return {str(question.pk): report_beside(trial, question.question.study) for question in questions}


def outdated(answers: QuerySet[Answer], trial: Trial) -> set[UUID]:
    """Ids of those answers that were given beside another report than raters of the trial would read.

    Answers that came as a file, and those that earlier versions stored, do not tell what was read: they are none.
    """
    rows = answers.filter(arm__trial=trial).values_list("pk", "provenance", "question__question__study")
    told = [(pk, read, study) for pk, provenance, study in rows if (read := _reports_read(provenance))]
    studies = Study.objects.in_bulk({study for _pk, _read, study in told if study is not None})
    today = {key: report_beside(trial, study) for key, study in studies.items()}
    return {pk for pk, read, study in told if read != {today.get(study, "")}}


def up_to_date(answers: QuerySet[Answer], trial: Trial) -> QuerySet[Answer]:
    """The others: they need not be given again."""
    return answers.exclude(pk__in=outdated(answers, trial))


def _reports_read(provenance: dict[str, Any]) -> set[str]:
    """Hashes of the reports that an answer, or the answers to a dialogue's turns, say they were given beside."""
    said = [provenance, *provenance.get(ROUNDS, ())]
    return {one[REPORT_SHA256] for one in said if REPORT_SHA256 in one}
