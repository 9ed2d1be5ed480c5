"""A table of questions that is damaged, or written in another encoding, is refused in one clear line."""

import base64
import io
import json
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import CommandError, call_command
from django.urls import reverse

from annotation.models import Campaign, Question, QuestionUpload
from mammo.accounts.models import User
from tests.annotation.test_views import signed_in
from tests.api.conftest import Caller
from tests.api.conftest import caller as caller
from tests.mammo.archive.damaged_books import DAMAGES

pytestmark = pytest.mark.django_db
ROWS = [["text", "source"], *([f"第{number}问？", "ward"] for number in range(400))]
LINES = "\n".join(
    json.dumps({"text": text, "source": source}, ensure_ascii=False) for text, source in ROWS[1:9]
)
GB18030 = LINES.encode("gb18030")
NOT_UTF8 = "q.jsonl: not UTF-8 text; save it as UTF-8"
UNREADABLE = "q.xlsx: not a readable XLSX file; save it again or give a CSV file"
Damage = Callable[[Any], bytes]


def sent_by_page(campaign: Campaign, rita: User, name: str, data: bytes) -> Any:
    return signed_in(rita).post(
        reverse("annotation:question-table", args=[campaign.pk]),
        {"table": SimpleUploadedFile(name, data), "idempotency_key": str(uuid.uuid4())},
    )


def sent_by_interface(called: Any, campaign: Campaign, name: str, data: bytes) -> Any:
    return called.post(
        f"/api/v1/campaigns/{campaign.pk}/uploads/",
        {"name": name, "content": base64.b64encode(data).decode()},
        content_type="application/json",
        headers={"Idempotency-Key": str(uuid.uuid4())},
    )


def refused(answer: Any, said: str) -> None:
    """By the words given, without a path of the server's."""
    body = answer.content.decode()
    assert answer.status_code == 400, body
    assert said in body
    assert "/table." not in body
    assert not QuestionUpload.objects.exists()


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.__name__)
def test_the_page_refuses_a_damaged_workbook(campaign: Campaign, rita: User, damage: Damage) -> None:
    refused(sent_by_page(campaign, rita, "q.xlsx", damage(ROWS)), UNREADABLE)


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.__name__)
def test_the_interface_refuses_a_damaged_workbook(
    campaign: Campaign, rita: User, caller: Caller, damage: Damage
) -> None:
    refused(sent_by_interface(caller(rita), campaign, "q.xlsx", damage(ROWS)), UNREADABLE)


def test_page_and_interface_refuse_lines_in_gb18030(campaign: Campaign, rita: User, caller: Caller) -> None:
    refused(sent_by_page(campaign, rita, "q.jsonl", GB18030), NOT_UTF8)
    refused(sent_by_interface(caller(rita), campaign, "q.jsonl", GB18030), NOT_UTF8)


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.__name__)
def test_the_command_refuses_a_damaged_workbook(campaign: Campaign, tmp_path: Path, damage: Damage) -> None:
    (tmp_path / "q.xlsx").write_bytes(damage(ROWS))
    with pytest.raises(CommandError, match="not a readable XLSX file"):
        call_command("import_questions", tmp_path / "q.xlsx", campaign=campaign.name, site="north")
    assert not Question.objects.exists()


def test_the_command_refuses_lines_in_gb18030(campaign: Campaign, tmp_path: Path) -> None:
    (tmp_path / "q.jsonl").write_bytes(GB18030)
    with pytest.raises(CommandError, match=r"q\.jsonl: not UTF-8 text; save it as UTF-8$"):
        call_command("import_questions", tmp_path / "q.jsonl", campaign=campaign.name, site="north")
    assert not Question.objects.exists()


def test_the_command_takes_the_same_table_in_gb18030_as_csv(campaign: Campaign, tmp_path: Path) -> None:
    text = io.StringIO()
    text.writelines(",".join(row) + "\n" for row in ROWS[:5])
    (tmp_path / "q.csv").write_bytes(text.getvalue().encode("gb18030"))
    call_command("import_questions", tmp_path / "q.csv", campaign=campaign.name, site="north")
    assert Question.objects.count() == 4
