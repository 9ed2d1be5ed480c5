"""Consultations: who may ask a model, what is stored, what can be read while it is written, and remarks."""

import json
from datetime import date, timedelta
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import DatabaseError, connection, transaction
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from annotation.models import Campaign, Question
from mammo.accounts.models import AuditEvent, Site, User
from mammo.archive.models import Study
from mammo.core.errors import NotAllowedError, UserError, WrongStateError
from mammo.jobs import services as jobs
from mammo.jobs.attempt_files import AttemptFiles
from modeling.models import Checkpoint, Consultation, ConsultationProtocol, ConsultationTurn, Run, TurnRemark
from modeling.services import consultations as service

pytestmark = pytest.mark.usefixtures("no_browsers_loop")
TODAY = date.today()
QUESTION = "我的乳腺密度是哪一型？"


@pytest.fixture
def protocol(site: Site, rita: User) -> ConsultationProtocol:
    return service.open_protocol(
        site,
        by_user=rita,
        title="Asking MammoVLM",
        ethics_number="2026-17",
        ends_on=TODAY + timedelta(days=30),
    )


@pytest.fixture
def tuned(site: Site, rita: User) -> Checkpoint:
    run = Run.objects.create(site=site, stage="sft", name="spring", by_user=rita)
    return Checkpoint.objects.create(run=run, folder="/runs/x/model", sha256="e" * 64)


@pytest.fixture
def study(campaign: Campaign) -> Study:
    return Study.objects.order_by("pk")[0]


@pytest.fixture
def consultation(protocol: ConsultationProtocol, tuned: Checkpoint, study: Study, sena: User) -> Consultation:
    return service.begin(protocol, by_user=sena, checkpoint=tuned, study=study)


def answer(text: str = "您的乳腺是C型。", **more: Any) -> dict[str, Any]:
    return {
        "text": text, "raw": text, "finish_reason": "stop", "revision": "r" * 64, "prompt_sha256": "p" * 64,
        "parameters": {"temperature": 0.7}, "tokens": 9, "seconds": 1.5, **more,
    }  # fmt: skip


def finish(turn: ConsultationTurn, **more: Any) -> ConsultationTurn:
    """End a turn's job as a worker does."""
    assert turn.job is not None
    job = jobs.claim(turn.job.pk, "worker")
    assert job is not None
    jobs.finish(job, [answer(**more)])
    return ConsultationTurn.objects.select_related("job", "consultation__protocol__site").get(pk=turn.pk)


def signed_in(person: User) -> Client:
    client = Client()
    client.force_login(person)
    return client


# -- who and under what -----------------------------------------------------------------------------------


def test_only_a_researcher_enters_a_protocol_and_it_needs_a_number(
    site: Site, june: User, rita: User
) -> None:
    with pytest.raises(NotAllowedError):
        service.open_protocol(site, by_user=june, title="t", ethics_number="1", ends_on=TODAY)
    for wrong in ({"ethics_number": " "}, {"title": ""}, {"ends_on": TODAY - timedelta(days=1)}):
        given: dict[str, Any] = {"title": "t", "ethics_number": "1", "ends_on": TODAY, **wrong}
        with pytest.raises(UserError):
            service.open_protocol(site, by_user=rita, **given)


def test_a_protocol_of_another_hospital_helps_nobody(
    protocol: ConsultationProtocol, tuned: Checkpoint, otto: User
) -> None:
    with pytest.raises(NotAllowedError):
        service.begin(protocol, by_user=otto, checkpoint=tuned, study=None)


def test_after_its_last_day_nothing_is_asked(consultation: Consultation, sena: User) -> None:
    ConsultationProtocol.objects.update(ends_on=TODAY - timedelta(days=1))
    consultation.refresh_from_db()
    with pytest.raises(WrongStateError):
        service.ask(consultation, by_user=sena, text=QUESTION)
    assert not ConsultationTurn.objects.exists()


def test_a_checkpoint_that_writes_nothing_is_refused(
    protocol: ConsultationProtocol, tuned: Checkpoint, sena: User
) -> None:
    Run.objects.update(stage="density")
    tuned.refresh_from_db()
    with pytest.raises(UserError, match="doesn't write answers"):
        service.begin(protocol, by_user=sena, checkpoint=tuned, study=None)


def test_nobody_reads_or_asks_in_anothers_consultation(
    consultation: Consultation, rita: User, sena: User
) -> None:
    turn = service.ask(consultation, by_user=sena, text=QUESTION)
    with pytest.raises(NotAllowedError):
        service.ask(consultation, by_user=rita, text=QUESTION)
    for name, key in (("consultation", consultation.pk), ("turn-stream", turn.pk)):
        assert signed_in(rita).get(reverse(f"modeling:{name}", args=[key])).status_code == 404


# -- the dialogue ------------------------------------------------------------------------------------------


def test_the_answer_is_stored_with_what_is_needed_to_write_it_again(
    consultation: Consultation, sena: User
) -> None:
    turn = finish(service.ask(consultation, by_user=sena, text=QUESTION))
    assert (turn.state, turn.answer, turn.revision) == ("answered", "您的乳腺是C型。", "r" * 64)
    assert (turn.tokens, turn.seconds, turn.parameters) == (9, 1.5, {"temperature": 0.7})
    with connection.cursor() as cursor:
        cursor.execute("SELECT question, answer FROM modeling_consultationturn")
        (row,) = cursor.fetchall()
    assert all(stored.startswith("mammo1:") and "乳腺" not in stored for stored in row)


def test_the_history_goes_with_the_next_question_and_unanswered_turns_do_not(
    consultation: Consultation, sena: User
) -> None:
    finish(service.ask(consultation, by_user=sena, text="一"), text="答一")
    failed = service.ask(consultation, by_user=sena, text="二")
    assert failed.job is not None
    jobs.cancel(failed.job, by_user=sena)
    third = service.ask(consultation, by_user=sena, text="三")
    assert third.job is not None
    request = service.build_request(third.job)
    assert request["turns"] == ["一", "答一", "三"]
    assert request["spec"] == {"kind": "mammovlm", "path": "/runs/x/model"}
    assert len(request["images"]) == 4
    failed.refresh_from_db()
    assert failed.state == "stopped"


def test_one_answer_at_a_time(consultation: Consultation, sena: User) -> None:
    service.ask(consultation, by_user=sena, text="一")
    with pytest.raises(WrongStateError, match="still being written"):
        service.ask(consultation, by_user=sena, text="二")
    assert consultation.turns.count() == 1


def running(turn: ConsultationTurn, *pieces: str) -> ConsultationTurn:
    """The turn while its child writes."""
    assert turn.job is not None
    job = jobs.claim(turn.job.pk, "worker")
    assert job is not None
    files = AttemptFiles(job)
    files.make()
    lines = [json.dumps({"text": piece}, ensure_ascii=False) + "\n" for piece in pieces]
    (files.folder / service.STREAM_FILE).write_text("".join(lines) + '{"text": "ha', "utf-8")
    return ConsultationTurn.objects.select_related("job", "consultation__protocol__site").get(pk=turn.pk)


def test_what_is_written_can_be_read_before_the_end_and_a_half_written_line_waits(
    consultation: Consultation, sena: User
) -> None:
    turn = running(service.ask(consultation, by_user=sena, text=QUESTION), "您的", "乳腺")
    assert service.text_so_far(turn) == "您的乳腺"
    assert turn.job is not None
    # As the attempt ends its files are overwritten before they go.
    (AttemptFiles(turn.job).folder / service.STREAM_FILE).write_bytes(b"\n\xff\xfe{\x80\n")
    assert service.text_so_far(turn) == ""


def test_stopping_asks_the_child_to_end_and_keeps_what_is_written(
    consultation: Consultation, sena: User
) -> None:
    turn = running(service.ask(consultation, by_user=sena, text=QUESTION), "您的")
    service.stop(turn, by_user=sena)
    assert turn.job is not None
    assert (AttemptFiles(turn.job).folder / service.STOP_FILE).exists()
    jobs.finish(turn.job, [answer(text="您的", finish_reason="stopped")])
    turn.refresh_from_db()
    assert (turn.state, turn.answer) == ("stopped", "您的")
    with pytest.raises(WrongStateError):
        service.stop(turn, by_user=sena)


def events(response: Any) -> list[tuple[str, str, Any]]:
    """(id, event, data) of a stream."""
    import asyncio

    async def read() -> bytes:
        return b"".join([part async for part in response.streaming_content])

    found = []
    for block in asyncio.run(read()).decode().strip().split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.split("\n"))
        found.append((fields.get("id", ""), fields["event"], json.loads(fields["data"])))
    return found


@pytest.mark.django_db(transaction=True)
def test_a_reader_who_comes_back_gets_what_follows_and_nothing_is_written_anew(
    consultation: Consultation, sena: User
) -> None:
    turn = finish(service.ask(consultation, by_user=sena, text=QUESTION))
    url, client = reverse("modeling:turn-stream", args=[turn.pk]), signed_in(sena)
    whole = events(client.get(url))
    assert whole == [("8", "text", "您的乳腺是C型。"), ("", "end", "answered")]
    again = events(client.get(url, headers={"Last-Event-ID": "4"}))
    assert again[0] == ("8", "text", "是C型。")
    assert events(client.get(url, headers={"Last-Event-ID": "8"})) == [("", "end", "answered")]
    assert ConsultationTurn.objects.count() == 1
    assert AuditEvent.objects.filter(action="modeling.consultation_asked").count() == 1


def test_every_page_says_that_a_machine_wrote_it_and_that_it_is_no_diagnosis(
    consultation: Consultation, sena: User
) -> None:
    finish(service.ask(consultation, by_user=sena, text=QUESTION))
    response = signed_in(sena).get(consultation.get_absolute_url())
    body = response.content.decode()
    assert "Not a diagnosis" in body
    assert "AI, not a physician" in body
    assert 'data-content-origin="ai-generated"' in body
    assert response.headers["X-Content-Origin"] == "ai-generated"


def test_the_page_asks_once_however_often_the_form_is_sent(consultation: Consultation, sena: User) -> None:
    client, url = signed_in(sena), reverse("modeling:consultation-ask", args=[consultation.pk])
    form = {"question": QUESTION, "idempotency_key": "6e0b6c1c-0f5c-4a07-9a5e-0a4a0a3b8f11"}
    for _ in range(2):
        assert client.post(url, form).status_code == 302
    assert consultation.turns.count() == 1


# -- remarks -----------------------------------------------------------------------------------------------


def test_a_remark_can_put_its_question_into_a_campaign_with_the_turns_before(
    consultation: Consultation, campaign: Campaign, rita: User, sena: User
) -> None:
    own = service.begin(
        consultation.protocol, by_user=rita, checkpoint=consultation.checkpoint, study=consultation.study
    )
    finish(service.ask(own, by_user=rita, text="一？"), text="答一")
    turn = finish(service.ask(own, by_user=rita, text="二？"), text="答二")
    row = service.remark(turn, by_user=rita, thumb="down", comment="too sure", campaign=campaign)
    assert row.question is not None
    fed = Question.objects.get(pk=row.question_id)
    assert list(fed.turns) == ["一？", "答一", "二？"]
    assert (fed.campaign_id, fed.study_id, fed.source) == (campaign.pk, consultation.study_id, "consultation")
    with pytest.raises(UserError, match="holds this question already"):
        service.remark(turn, by_user=rita, thumb="down", campaign=campaign)
    assert TurnRemark.objects.count() == 1


def test_who_may_not_add_questions_feeds_no_campaign(
    consultation: Consultation, campaign: Campaign, sena: User
) -> None:
    turn = finish(service.ask(consultation, by_user=sena, text=QUESTION))
    with pytest.raises(NotAllowedError):
        service.remark(turn, by_user=sena, thumb="up", campaign=campaign)
    service.remark(turn, by_user=sena, thumb="up", comment="好")
    assert TurnRemark.objects.get().comment == "好"


def test_remarks_are_never_changed(consultation: Consultation, sena: User) -> None:
    turn = finish(service.ask(consultation, by_user=sena, text=QUESTION))
    service.remark(turn, by_user=sena, thumb="up")
    with pytest.raises((DatabaseError, ValidationError)), transaction.atomic():
        TurnRemark.objects.update(thumb="down")
    assert timezone.now() > TurnRemark.objects.get().created_at


def test_the_page_says_which_rounds_an_answer_did_not_see(consultation: Consultation, sena: User) -> None:
    turn = service.ask(consultation, by_user=sena, text=QUESTION)
    finish(turn, parameters={"temperature": 0.7, "rounds_left_out": 3})
    client = Client()
    client.force_login(sena)
    page = client.get(consultation.get_absolute_url()).content.decode()
    assert "it did not see the first 3 rounds" in page
