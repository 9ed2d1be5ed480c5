"""Patients who come with a question alone: with their own key, and joined by a study that comes later."""

from pathlib import Path

import pytest

from annotation.models import Campaign, Question
from annotation.services.questions import import_questions
from mammo.accounts.models import User
from mammo.accounts.services import create_account
from mammo.archive.models import Patient, Study
from mammo.archive.services import erase_patient, import_studies, request_erasure
from mammo.core.encryption import ErasedText
from tests.mammo.archive.files import mammogram

from .scene import confirm_all, plain_row, propose, row

pytestmark = pytest.mark.django_db


@pytest.fixture
def hers(campaign: Campaign) -> Question:
    """The question of a woman of whom the archive has nothing."""
    asked = row("什么是乳腺密度？我的号码是T5550001。", patient="T5550001", accession="")
    assert import_questions(campaign, [asked], by_user=None, table_name="q").counts["imported"] == 1
    confirm_all(campaign)
    return Question.objects.select_related("patient", "campaign__site").get(turns_hash__gt="", study=None)


def test_she_has_a_row_and_a_key_of_her_own_and_no_study(hers: Question) -> None:
    assert hers.patient is not None
    assert hers.patient.studies.count() == 0
    assert hers.encryption_key_id() == hers.patient.key_id != hers.campaign.site.key_id
    assert "T5550001" not in hers.turns[0]


def test_a_name_that_a_later_file_tells_takes_her_question_back_to_the_data_manager(
    campaign: Campaign, tmp_path: Path
) -> None:
    asked = row("顾莉莉问：什么是乳腺密度？", patient="T5550001", accession="")
    import_questions(campaign, [asked], by_user=None, table_name="q")
    confirm_all(campaign)
    hers = Question.objects.get()
    assert "顾莉莉" in hers.turns[0]
    assert not hers.is_unconfirmed
    for number, name in enumerate(("王^秀英", "顾^莉莉")):
        file = mammogram(
            tmp_path / f"{number}.dcm", PatientID="T5550001", StudyInstanceUID="1.7.7", PatientName=name
        )
        import_studies([file], site=campaign.site, by_user=None)
        hers.refresh_from_db()
        assert hers.is_unconfirmed == (name == "顾^莉莉")


def test_a_later_study_under_her_number_becomes_hers(hers: Question, tmp_path: Path) -> None:
    file = mammogram(tmp_path / "a.dcm", PatientID="T5550001", StudyInstanceUID="1.7.7")
    import_studies([file], site=hers.campaign.site, by_user=None)
    assert Study.objects.filter(patient=hers.patient).count() == 1


def test_her_question_goes_the_whole_way_without_a_study_and_her_withdrawal_takes_it(
    hers: Question, campaign: Campaign
) -> None:
    propose(campaign, [hers])
    assert hers.stage == Question.Stage.PROPOSED
    people = [
        create_account(
            name, password="correct horse battery", roles={"data_manager": [campaign.site]}, by_user=None
        )
        for name in ("asker", "confirmer")
    ]
    _withdraw(hers.patient, *people)
    assert isinstance(Question.objects.get(pk=hers.pk).turns, ErasedText)


def _withdraw(patient: Patient | None, first: User, second: User) -> None:
    assert patient is not None
    erase_patient(request_erasure(patient, reason="withdrew", by_user=first), by_user=second)


def test_a_question_of_nobody_stands_under_the_sites_key(campaign: Campaign) -> None:
    result = import_questions(campaign, [plain_row("什么是BI-RADS？")], by_user=None, table_name="q")
    assert result.counts["imported"] == 1
    question = Question.objects.select_related("campaign__site").get(patient=None)
    assert question.encryption_key_id() == campaign.site.key_id


def test_an_unknown_accession_number_is_refused_with_the_mend(campaign: Campaign) -> None:
    asked = row("问", patient="T5550002", accession="NOPE")
    (item,) = import_questions(campaign, [asked], by_user=None, table_name="q").items
    assert (item.outcome, "import her study first" in item.reason) == ("rejected", True)
    assert not Patient.objects.filter(roster__contains="T5550002").exists()
