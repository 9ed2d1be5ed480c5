"""Who reported a case, or the earlier study shown beside it, neither rates nor reads it; a data manager assigned the
doctor's hash."""

import pytest

from evaluation.models import ReaderStudy, ReadingSlot, Slot, Trial
from evaluation.services.drafts import change_trial
from evaluation.services.freezing import freeze_trial
from evaluation.services.raters import add_rater, reported_questions
from evaluation.services.reader_studies import add_cases, freeze_reader_study, reported_cases
from mammo.accounts.models import Site, User
from mammo.archive.models import Study
from mammo.archive.pseudonyms import installation
from mammo.archive.reporting_doctors import assign
from tests.evaluation import reading_scene, scene

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


def test_who_reported_the_earlier_study_rates_the_question_only_where_it_is_not_shown(
    site: Site, rita: User, june: User, sena: User, sol: User, dana: User
) -> None:
    questions = scene.questions_of(rita, [june, sena, sol], 3)
    before = scene.earlier_of(questions[0].study)
    assign(_reported(before), sena, site=site, by_user=dana)
    trial = scene.draft_trial(rita, questions, june)
    assert reported_questions(trial, sena) == set()
    shown = change_trial(trial, {"show_earlier": True}, by_user=rita, expected_version=trial.version)
    (hers,) = shown.trial_questions.filter(earlier=before)
    assert reported_questions(shown, sena) == {hers.pk}
    assert reported_questions(shown, sol) == set()

    scene.answer_all(shown, rita, june)
    for rater in (sena, sol):
        add_rater(shown, rater, by_user=rita)
    freeze_trial(shown, by_user=rita)
    scored = Slot.objects.filter(answer__question=hers)
    assert set(scored.values_list("rater__user", flat=True)) == {sol.pk}


@pytest.mark.parametrize("shown", [True, False])
def test_who_reported_the_earlier_study_reads_the_case_only_where_it_is_not_shown(
    shown: bool, site: Site, rita: User, june: User, sena: User, dana: User
) -> None:
    study = reading_scene.draft_study(rita, [june, sena], count=0, show_earlier=shown)
    checkpoint = study.checkpoint
    assert checkpoint is not None
    cases = reading_scene.proven_studies(study.site, checkpoint, 4, "E")
    assign(_reported(scene.earlier_of(cases[0])), june, site=site, by_user=dana)
    add_cases(study, cases, by_user=rita)
    freeze_reader_study(study, by_user=rita)
    read_by = set(ReadingSlot.objects.filter(case__study=cases[0]).values_list("reader__user", flat=True))
    assert read_by == ({sena.pk} if shown else {june.pk, sena.pk})
