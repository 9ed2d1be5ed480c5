"""Who reported a case, as a data manager assigned the doctor's hash, neither rates nor reads it."""

import pytest

from evaluation.models import ReaderStudy, Trial
from evaluation.services.raters import reported_questions
from evaluation.services.reader_studies import reported_cases
from mammo.accounts.models import Site, User
from mammo.archive.models import Study
from mammo.archive.pseudonyms import installation
from mammo.archive.reporting_doctors import assign
from tests.evaluation import reading_scene

# A name as a RIS writes it: no account is called so.
NAME = "陈^建国"


def _reported(study: Study) -> str:
    mark = installation().person_hash(study.site.code, NAME)
    Study.objects.filter(pk=study.pk).update(reporting_doctors=[mark])
    return mark


def test_a_rater_gets_no_question_about_a_case_they_reported(
    draft: Trial, site: Site, sena: User, sol: User, dana: User
) -> None:
    row = draft.trial_questions.exclude(question__study=None).select_related("question__study__site")[0]
    mark = _reported(row.question.study)
    hers = set(draft.trial_questions.filter(question__study=row.question.study).values_list("pk", flat=True))
    assert reported_questions(draft, sena) == set()
    assign(mark, sena, site=site, by_user=dana)
    assert reported_questions(draft, sena) == hers
    assert reported_questions(draft, sol) == set()


@pytest.fixture
def reading(rita: User, june: User, sena: User) -> ReaderStudy:
    return reading_scene.draft_study(rita, [june, sena])


def test_a_reader_gets_no_case_they_reported(
    reading: ReaderStudy, site: Site, june: User, sena: User, dana: User
) -> None:
    case = reading.cases.select_related("study__site")[0]
    mark = _reported(case.study)
    assert reported_cases(reading, june) == set()
    assign(mark, june, site=site, by_user=dana)
    hers = set(reading.cases.filter(study=case.study).values_list("pk", flat=True))
    assert reported_cases(reading, june) == hers
    assert reported_cases(reading, sena) == set()
