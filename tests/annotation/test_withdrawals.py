"""What a flag and a researcher's decision do: no training set holds a question in doubt."""

import json
import uuid
from pathlib import Path

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from annotation.holders import forget
from annotation.models import Campaign, Comment, Correction, Draft, Flag, Lease, Question
from annotation.services import leases
from annotation.services.corrections import CorrectionItem, submit_corrections
from annotation.services.export import export_training, queue_export
from annotation.services.picks import pick
from annotation.services.remarks import flag, settle_flag
from annotation.services.withdrawals import withdraw
from mammo.accounts.models import AuditEvent, User
from mammo.archive.models import Patient, Study
from mammo.core.errors import NotAllowedError, UserError, WrongStateError
from tests.annotation import scene
from tests.annotation.test_two_people import send
from tests.annotation.test_views import signed_in


@pytest.fixture
def campaign(rita: User, june: User, jack: User, sena: User, sol: User) -> Campaign:
    """An open campaign whose questions need no study."""
    return scene.open_campaign_of(rita, [june, jack], [sena, sol])


def picked(campaign: Campaign, june: User, sena: User, count: int) -> list[Question]:
    """Questions with a pick of the first proposal's correction."""
    questions = scene.proposed(campaign, count)
    for question in questions:
        scene.settle(question, june)
        pick(question, by_user=sena, correction=Correction.objects.candidates(question)[0].pk)
    return questions


def exported(campaign: Campaign, folder: Path, rita: User) -> tuple[set[str], str]:
    """Ids of the questions in a training set, and its data card."""
    export_training(campaign, folder, format="trl", by_user=rita)
    rows = (folder / "lineage.jsonl").read_text("utf-8").splitlines()
    return {json.loads(row)["id"] for row in rows}, (folder / "README.md").read_text("utf-8")


def test_a_withdrawn_question_waits_for_nobody_and_is_in_no_training_set(
    campaign: Campaign, june: User, sena: User, rita: User, tmp_path: Path
) -> None:
    done, kept = picked(campaign, june, sena, 2)
    withdraw(done, "不属于本研究", by_user=rita)
    done.refresh_from_db()
    assert done.stage == Question.Stage.WITHDRAWN
    assert exported(campaign, tmp_path / "out", rita)[0] == {str(kept.pk)}
    event = AuditEvent.objects.get(action="annotation.withdrawn")
    assert "不属于本研究" not in json.dumps(event.details, ensure_ascii=False)
    assert Comment.objects.get(question=done).text == "不属于本研究"
    with pytest.raises(WrongStateError, match="out of the campaign already"):
        withdraw(done, "again", by_user=rita)


def test_taking_out_frees_the_seat_and_keeps_the_draft(campaign: Campaign, june: User, rita: User) -> None:
    (question,) = scene.proposed(campaign, 1)
    leases.hold(question, by_user=june, purpose="correct")
    assert send(question, june, "请半年后复查。", "draft").status_code == 200
    withdraw(question, "同意书有疑问", by_user=rita)
    assert not Lease.objects.exists()
    assert Draft.objects.filter(user=june).exists()
    assert leases.next_question(by_user=june, purpose="correct") is None
    with pytest.raises(WrongStateError):
        scene.settle(question, june)
    page = signed_in(june).get(reverse("annotation:correct", args=[question.pk])).content.decode()
    assert "What you had written" in page
    assert "请半年后复查。" in page


def test_what_is_typed_when_it_is_taken_out_is_kept(campaign: Campaign, june: User, rita: User) -> None:
    (question,) = scene.proposed(campaign, 1)
    assert send(question, june, "请半年后复查。", "draft").status_code == 200
    withdraw(question, "同意书有疑问", by_user=rita)
    refused = send(question, june, "请一年后复查。", "draft", version=1)
    assert refused.status_code == 409
    assert "What you wrote is kept as your draft" in refused.content.decode()
    assert "请一年后复查。" in str(Draft.objects.get(user=june).content)
    assert not Lease.objects.exists()


def test_the_interface_keeps_it_too(campaign: Campaign, june: User, rita: User) -> None:
    (question,) = scene.proposed(campaign, 1)
    withdraw(question, "同意书有疑问", by_user=rita)
    proposal = question.proposals.earliest("index")
    items = {str(proposal.pk): {"text": "请半年后复查。"}}
    refused = signed_in(june).post(
        f"/api/v1/questions/{question.pk}/correct/draft/",
        {"version": 0, "items": items},
        "application/json",
        HTTP_IDEMPOTENCY_KEY=str(uuid.uuid4()),
    )
    assert refused.status_code == 409, refused.content
    assert "请半年后复查。" in str(Draft.objects.get(user=june).content)


def test_nothing_is_kept_any_more_of_a_patient_who_withdrew(
    campaign: Campaign, study: Study, june: User
) -> None:
    (question,) = scene.ask(campaign)
    scene.propose(campaign, [question])
    assert send(question, june, "请半年后复查。", "draft").status_code == 200
    forget(study.patient)
    Patient.objects.update(erased_at=timezone.now())
    assert send(question, june, "请一年后复查。", "draft").status_code == 409
    assert not Draft.objects.exists()


def test_only_a_researcher_takes_out_and_says_why(campaign: Campaign, june: User, rita: User) -> None:
    (question,) = scene.proposed(campaign, 1)
    with pytest.raises(NotAllowedError):
        withdraw(question, "x", by_user=june)
    with pytest.raises(UserError, match="reason"):
        withdraw(question, "  ", by_user=rita)
    client = Client()
    client.force_login(rita)
    sent = {"idempotency_key": str(uuid.uuid4()), "reason": "重复"}
    client.post(reverse("annotation:question-withdraw", args=[question.pk]), sent)
    question.refresh_from_db()
    assert question.stage == Question.Stage.WITHDRAWN


@pytest.mark.parametrize("kind", ["identity", "consent", "study"])
def test_an_open_flag_keeps_the_question_out_until_it_is_settled(
    campaign: Campaign, june: User, sena: User, rita: User, tmp_path: Path, kind: str
) -> None:
    doubtful, kept = picked(campaign, june, sena, 2)
    row = flag(doubtful, by_user=june, kind=kind)
    flag(kept, by_user=june, kind="unclear")
    ids, card = exported(campaign, tmp_path / "one", rita)
    assert ids == {str(kept.pk)}
    assert f"Picked but left out of this set: flag “{row.get_kind_display()}” 1" in card  # type: ignore[attr-defined]
    settle_flag(row, "已核实", by_user=rita)
    ids, card = exported(campaign, tmp_path / "two", rita)
    assert ids == {str(kept.pk), str(doubtful.pk)}
    assert "left out of this set: none" in card


def test_where_everything_is_in_doubt_no_set_is_asked_for(
    campaign: Campaign, june: User, sena: User, rita: User
) -> None:
    (question,) = picked(campaign, june, sena, 1)
    flag(question, by_user=june, kind="consent")
    assert Flag.objects.count() == 1
    with pytest.raises(UserError, match="see the flags"):
        queue_export(campaign, by_user=rita, format="trl")


def test_answers_that_name_somebody_stay_at_home(
    campaign: Campaign, june: User, sena: User, rita: User, tmp_path: Path
) -> None:
    named, beside, kept = scene.proposed(campaign, 3)
    for question, place in ((named, 0), (beside, 1)):
        items = scene.items_for(question)
        items[0] = CorrectionItem(proposal=items[0].proposal, text="王小美女士，您好！密度为C类。")
        submit_corrections(question, by_user=june, items=items)
        chosen = Correction.objects.candidates(question).get(proposal__index=place)
        pick(question, by_user=sena, correction=chosen.pk)
    scene.settle(kept, june)
    pick(kept, by_user=sena, correction=Correction.objects.candidates(kept)[0].pk)
    ids, card = exported(campaign, tmp_path / "out", rita)
    assert ids == {str(beside.pk), str(kept.pk)}
    assert "names or numbers of a person in the answer 1" in card
    folder = tmp_path / "pairs"
    export_training(campaign, folder, format="trl", preferences=True, by_user=rita)
    texts = "".join(path.read_text("utf-8") for path in folder.glob("*.jsonl"))
    assert "请放心" in texts
    assert "王小美" not in texts
