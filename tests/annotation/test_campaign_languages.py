"""The languages of a campaign hold for every way in which a question comes in."""

import json
import uuid
from pathlib import Path

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import call_command
from django.test import Client
from django.urls import reverse

from annotation.models import Campaign, Question, QuestionUpload, TabletLink
from annotation.services import tablet
from mammo.accounts.models import User
from mammo.core.errors import UserError
from tests.annotation.test_views import signed_in

TABLE = (
    "text,source,language\n我要复查吗？,ward,\nDo I need another examination?,ward,\n我的BI-RADS？,ward,mix\n"
)
CONSENT = {"zh": "我同意医院使用我的问题。", "en": "I agree that the hospital uses my question."}


@pytest.fixture
def chinese(plain: Campaign) -> Campaign:
    """An open campaign that takes Chinese questions, with consent texts in two languages."""
    plain.languages, plain.consent_text = ["zh"], CONSENT
    plain.save()
    return plain


def key() -> dict[str, str]:
    return {"idempotency_key": str(uuid.uuid4())}


def test_a_table_on_the_page_foretells_and_rejects_the_rows_of_other_languages(
    chinese: Campaign, rita: User
) -> None:
    client = signed_in(rita)
    sent = {"table": SimpleUploadedFile("q.csv", TABLE.encode()), **key()}
    client.post(reverse("annotation:question-table", args=[chinese.pk]), sent)
    address = reverse("annotation:upload", args=[QuestionUpload.objects.get().pk])
    said = '<td class="number">3</td><td>language: en is none of this campaign&#x27;s (zh)</td>'
    assert said in client.get(address).content.decode()
    after = client.post(address, {"do": "confirm", **key()}, follow=True).content.decode()
    assert "language: en is none of this campaign" in after
    # A mixed question is a finding, not a choice: it comes in wherever Chinese does.
    assert sorted(Question.objects.values_list("language", flat=True)) == ["mix", "zh"]


def test_the_command_rejects_the_rows_of_other_languages(
    chinese: Campaign, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "q.csv"
    path.write_text(TABLE, encoding="utf-8")
    call_command("import_questions", str(path), campaign=chinese.name, site="north", json=True)
    said = json.loads(capsys.readouterr().out)
    assert [item["outcome"] for item in said["items"]] == ["imported", "rejected", "imported"]
    assert said["items"][1]["reason"] == "language: en is none of this campaign's (zh)"
    assert sorted(Question.objects.values_list("language", flat=True)) == ["mix", "zh"]


def test_a_tablet_is_offered_and_made_in_the_campaigns_languages_only(chinese: Campaign, rita: User) -> None:
    client = signed_in(rita)
    page = client.get(reverse("annotation:question-list", args=[chinese.pk])).content.decode()
    form = page.split('id="invite_language"')[1].split("</select>")[0]
    assert 'value="zh"' in form
    assert 'value="en"' not in form
    address = reverse("annotation:question-invite", args=[chinese.pk])
    assert client.post(address, {"language": "en", **key()}).status_code == 400
    with pytest.raises(UserError, match="language: en is none of this campaign's"):
        tablet.invite(chinese, by_user=rita, language="en")
    assert not TabletLink.objects.exists()
    assert client.post(address, {"language": "zh", **key()}).status_code == 200


def test_a_link_whose_language_the_campaign_gave_up_stores_nothing_and_says_so(
    chinese: Campaign, rita: User
) -> None:
    _link, token = tablet.invite(chinese, by_user=rita, language="zh")
    Campaign.objects.filter(pk=chinese.pk).update(languages=["en"])
    sent = {"text": "要复查吗？", "agrees": "on"}
    told = Client().post(reverse("annotation:tablet", args=[token]), sent)
    assert told.status_code == 400
    assert "没有保存任何内容" in told.content.decode()
    assert not Question.objects.exists()
    assert TabletLink.objects.get().used_at is None
