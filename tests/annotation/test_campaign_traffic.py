"""What comes into a campaign and leaves it, on pages: tables, typed questions, the tablet, endpoints, training sets."""

import json
import re
from collections.abc import Callable

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from annotation.models import (
    Campaign,
    EndpointApproval,
    Question,
    QuestionUpload,
    TabletLink,
    TrainingExport,
)
from annotation.services import export, tablet
from mammo.accounts.models import AuditEvent, User
from mammo.archive.models import Study
from mammo.jobs import services as jobs
from mammo.jobs.models import Job
from tests.annotation import scene
from tests.annotation.test_campaign_pages import campaign as campaign
from tests.annotation.test_campaign_pages import key, signed_in
from tests.annotation.test_campaign_pages import settled as settled


def test_a_table_is_looked_at_before_it_is_taken_in(campaign: Campaign, rita: User, june: User) -> None:
    client = signed_in(rita)
    table = "text,source,consent,date,pool\n我的乳腺密度高吗？,门诊,IC-7,2026-10-01,夜班\nIs it serious?,ward,,,\n"
    file = SimpleUploadedFile("问题.csv", table.encode())
    read = client.post(reverse("annotation:question-table", args=[campaign.pk]), {**key(), "table": file})
    upload = QuestionUpload.objects.get()
    assert read.url == reverse("annotation:upload", args=[upload.pk])
    assert not Question.objects.exists()
    for text in ("我的乳腺密度高吗", "夜班"):
        assert text in client.get(read.url).content.decode()
    assert signed_in(june).get(read.url).status_code == 404
    client.post(read.url, {**key(), "do": "confirm"})
    assert not QuestionUpload.objects.exists()
    assert [
        (q.language, q.consent_reference, str(q.asked_on), q.pool)
        for q in Question.objects.order_by("position")
    ] == [
        ("zh", "IC-7", "2026-10-01", "夜班"),
        ("en", "", "None", ""),
    ]


def test_a_bad_table_names_its_row_and_leaves_nothing(campaign: Campaign, rita: User) -> None:
    file = SimpleUploadedFile("q.csv", b"text,source\n,ward\n")
    answer = signed_in(rita).post(
        reverse("annotation:question-table", args=[campaign.pk]), {**key(), "table": file}
    )
    assert answer.status_code == 400
    assert "q.csv, row 2" in answer.content.decode()
    assert not QuestionUpload.objects.exists()


def test_a_typed_question_is_cleaned_and_taken_in(campaign: Campaign, rita: User) -> None:
    url = reverse("annotation:question-typed", args=[campaign.pk])
    sent = {**key(), "text": "我的手机是13812345678，要复查吗？", "source": "电话", "consent": "IC-9"}
    sent |= {"pool": "夜班", "asked_on": "2026-10-03"}
    assert signed_in(rita).post(url, sent).status_code == 302
    question = Question.objects.get()
    assert "13812345678" not in question.turns[0]
    assert (question.source, question.pool, str(question.asked_on)) == ("电话", "夜班", "2026-10-03")


def test_a_patient_with_a_study_asks_and_the_page_tells_nothing_of_it(
    campaign: Campaign, rita: User, study: Study
) -> None:
    Campaign.objects.filter(pk=campaign.pk).update(consent_text={"zh": "我同意。"})
    client, url = signed_in(rita), reverse("annotation:question-invite", args=[campaign.pk])
    unknown = client.post(url, {"language": "zh", "patient": "P001", "accession": "A999"} | key())
    assert unknown.status_code == 400
    page = client.post(url, {"language": "zh", "patient": "P001", "accession": "A001"} | key())
    address = re.search(r"/annotation/ask/[\w-]+/", page.content.decode())
    assert address is not None
    tablet = Client()
    shown = tablet.get(address[0]).content.decode()
    for told in ("P001", "A001", study.patient.pseudonym, "4A", "右乳结节", "体检", "mammo-viewer"):
        assert told not in shown
    assert tablet.post(address[0], {"text": "要复查吗？", "agrees": "on"}).status_code == 200
    question = Question.objects.get(source="tablet")
    assert (question.study, question.patient) == (study, study.patient)


def test_a_patient_asks_once_on_a_tablet_and_sees_no_ai_text(campaign: Campaign, rita: User) -> None:
    Campaign.objects.filter(pk=campaign.pk).update(consent_text={"zh": "我同意医院使用我的问题。"})
    scene.proposed(campaign, 1)
    client = signed_in(rita)
    invite = {"language": "zh", "pool": "夜班"} | key()
    page = client.post(reverse("annotation:question-invite", args=[campaign.pk]), invite)
    again = client.post(reverse("annotation:question-invite", args=[campaign.pk]), invite, follow=True)
    assert "This form has made its link, which is shown once" in again.content.decode()
    assert TabletLink.objects.count() == 1, "a second click makes no second link"
    address = re.search(r"/annotation/ask/[\w-]+/", page.content.decode())
    assert address is not None
    assert "<svg" in page.content.decode()
    token = address[0].split("/")[-2]
    assert not TabletLink.objects.filter(token_sha256__contains=token[:10]).exists()
    tablet = Client()
    shown = tablet.get(address[0]).content.decode()
    assert "我同意医院使用我的问题。" in shown
    assert "交出我的问题" in shown or "Hand in" in shown
    for text in scene.ANSWERS:
        assert text not in shown
    refused = tablet.post(address[0], {"text": "要复查吗？"})
    assert refused.status_code == 400
    assert "要复查吗" in refused.content.decode()
    assert tablet.post(address[0], {"text": "要复查吗？", "agrees": "on"}).status_code == 200
    assert tablet.get(address[0]).status_code == 404
    question = Question.objects.get(source="tablet")
    assert question.consent_reference.startswith("tablet ")
    assert question.pool == "夜班"
    assert question.asked_on == timezone.localdate()
    assert TabletLink.objects.get().question == question


def test_her_form_is_guarded_and_its_address_told_to_no_other_site(campaign: Campaign, rita: User) -> None:
    Campaign.objects.filter(pk=campaign.pk).update(consent_text={"en": "I agree."})
    campaign.refresh_from_db()
    _link, token = tablet.invite(campaign, by_user=rita, language="en")
    address, hers = reverse("annotation:tablet", args=[token]), Client(enforce_csrf_checks=True)
    sent = {"text": "Is it serious?", "agrees": "on"}
    old = hers.post(address, sent, headers={"Accept-Language": "zh-CN"})
    assert old.status_code == 403
    told = old.content.decode()
    assert "not handed in yet" in told
    assert "Is it serious?</textarea>" in told
    assert "<a" not in told
    shown = hers.get(address)
    assert shown.headers["Referrer-Policy"] == "same-origin"
    assert 'name="referrer" content="same-origin"' in shown.content.decode()
    for proof in (told, shown.content.decode()):
        found = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', proof)
        assert found is not None
        answer = hers.post(
            address,
            {**sent, "csrfmiddlewaretoken": found[1]},
            headers={"Origin": "http://testserver"},
        )
        assert "Thank you" in answer.content.decode()
    assert Question.objects.filter(source="tablet").count() == 1


def test_a_second_tap_or_a_page_sent_again_is_thanked_and_asks_nothing_more(
    campaign: Campaign, rita: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    Campaign.objects.filter(pk=campaign.pk).update(consent_text={"en": "I agree."})
    campaign.refresh_from_db()
    _link, token = tablet.invite(campaign, by_user=rita, language="en")
    address, hers = reverse("annotation:tablet", args=[token]), Client()
    sent = {"text": "Is it serious?\r\n", "agrees": "on"}
    before = tablet.link_of(token)
    for _tap in range(2):
        assert "Thank you" in hers.post(address, sent).content.decode()
    # Both taps found the link unused.
    with monkeypatch.context() as at_once:
        at_once.setattr(tablet, "link_of", lambda token: before)
        assert "Thank you" in hers.post(address, sent).content.decode()
        assert hers.post(address, {**sent, "text": "And now?"}).status_code == 400
    assert Question.objects.filter(source="tablet").count() == 1
    assert hers.post(address, {**sent, "text": "And now?"}).status_code == 404
    TabletLink.objects.update(expires_at=timezone.now())
    assert hers.post(address, sent).status_code == 404


def test_a_lapsed_link_is_no_page(campaign: Campaign, rita: User) -> None:
    Campaign.objects.filter(pk=campaign.pk).update(consent_text={"en": "I agree."})
    invite = {"language": "en"} | key()
    page = signed_in(rita).post(reverse("annotation:question-invite", args=[campaign.pk]), invite)
    address = re.search(r"/annotation/ask/[\w-]+/", page.content.decode())
    assert address is not None
    TabletLink.objects.update(expires_at=timezone.now())
    assert Client().get(address[0]).status_code == 404


def test_an_endpoint_is_approved_by_somebody_else_and_every_question_sent_is_on_record(
    rita: User, june: User, sena: User, dana: User
) -> None:
    campaign = scene.open_campaign_of(rita, [june], [sena])
    Campaign.objects.filter(pk=campaign.pk).update(
        proposer={"kind": "openai", "base_url": "https://llm.example.org:8443/v1", "model": "m"}
    )
    scene.ask(campaign, scene.plain_row("要复查吗？"))
    client = signed_in(rita)
    propose = reverse("annotation:propose", args=[campaign.pk])
    refused = client.post(propose, key())
    assert refused.status_code == 400
    assert "no approval stands" in refused.content.decode()
    asked = {
        "site": str(campaign.site_id),
        "host": "llm.example.org:8443",
        "country": "cn",
        "reason": "合同 2026-1",
        "expires_on": timezone.localdate().isoformat(),
    }
    clicked = asked | key()
    for _ in range(2):
        assert client.post(reverse("annotation:endpoints"), clicked).status_code == 302
    row = EndpointApproval.objects.get()
    decide = reverse("annotation:endpoint-decide", args=[row.pk])
    assert client.post(decide, {"do": "approve"}).status_code == 404
    assert signed_in(dana).post(decide, {"do": "approve"}).status_code == 302
    assert client.post(propose, key()).status_code == 302
    job = jobs.claim(Job.objects.get().pk, "worker")
    assert job is not None
    from annotation.services.proposals import build_request

    request = build_request(job)
    assert request["systems"][0]["spec"]["remote_allowed"] is True
    sent = row.transmissions.get()
    assert (sent.characters, sent.images) == (len("要复查吗？"), 0)
    assert "要复查吗" not in json.dumps(list(row.transmissions.values()), default=str, ensure_ascii=False)
    signed_in(dana).post(decide, {"do": "revoke"})
    with pytest.raises(Exception, match="no approval stands"):
        build_request(job)


def test_a_training_set_is_written_by_a_job_with_a_stable_id(
    settled: Question, rita: User, run_child: Callable[..., None]
) -> None:
    client, campaign = signed_in(rita), settled.campaign
    url = reverse("annotation:campaign-export", args=[campaign.pk])
    for _ in range(2):
        sent = {**key(), "format": "parquet", "preferences": "on", "images": "packed"}
        assert client.post(url, sent).status_code == 302
        assert client.post(url, {**sent, **key()}).status_code == 409, "the same set is being written"
        run_child(export.JOB_KIND)
    first, second = TrainingExport.objects.order_by("created_at")
    assert (first.export_id, first.content_hash) == (second.export_id, second.content_hash)
    assert first.pk != second.pk
    assert first.counts["samples"] == 1
    page = client.get(reverse("annotation:campaign", args=[campaign.pk])).content.decode()
    assert first.export_id in page
    answer = client.post(reverse("annotation:export-download", args=[first.pk]))
    assert b"".join(answer.streaming_content)[:2] == b"PK"
    assert AuditEvent.objects.filter(action="annotation.export_downloaded").exists()
    assert client.post(url, {**key(), "format": "trl", "images": "packed"}).status_code == 400


def test_two_women_without_a_number_may_ask_the_same(campaign: Campaign, rita: User) -> None:
    Campaign.objects.filter(pk=campaign.pk).update(consent_text={"en": "I agree."})
    campaign.refresh_from_db()
    for _woman in range(2):
        _link, token = tablet.invite(campaign, by_user=rita, language="en")
        address, hers = reverse("annotation:tablet", args=[token]), Client()
        for _tap in range(2):
            assert (
                "Thank you" in hers.post(address, {"text": "Is it serious?", "agrees": "on"}).content.decode()
            )
    assert Question.objects.filter(source="tablet").count() == 2
