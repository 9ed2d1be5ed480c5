"""“A file of answers” of the Design page: what cannot be read is refused in one line, GB18030 as CSV is read."""

import json
import uuid
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from evaluation.models import Arm, Trial
from mammo.accounts.models import User
from tests.evaluation import scene


@pytest.fixture
def trial(rita: User, june: User, sena: User) -> Trial:
    return scene.draft_trial(rita, scene.questions_of(rita, [june, sena], 2), june)


def sent(trial: Trial, rita: User, name: str, data: bytes) -> Any:
    client = Client()
    client.force_login(rita)
    return client.post(
        reverse("evaluation:design", args=[trial.pk]),
        {"do": "written", "name": "Ward", "kind": "reference", "answers": SimpleUploadedFile(name, data),
         "idempotency_key": str(uuid.uuid4())},
        follow=True,
    )  # fmt: skip


LINES = [{"question": 1, "text": "每年复查。"}, {"question": 2, "text": "密度为C类。"}]
AS_JSON = "\n".join(json.dumps(row, ensure_ascii=False) for row in LINES)
AS_CSV = "question,text\n" + "".join(f"{row['question']},{row['text']}\n" for row in LINES)


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        ("a.jsonl", AS_JSON.encode("gb18030"), "answers: not UTF-8 text; save it as UTF-8"),
        ("a.jsonl", b'{"question": 1', "answers, line 1: not JSON"),
        ("a.csv", AS_CSV.encode() + b'2,"no end\n', "answers: not a table of CSV (unexpected end of data)"),
        ("a.csv", b"\xff\xff", "answers: neither UTF-8 nor GB18030; save it as UTF-8"),
        ("a.csv", b"", "answers: empty; it needs a line of column names"),
    ],
)  # fmt: skip
def test_a_file_that_cannot_be_read_is_refused_by_its_field(
    trial: Trial, rita: User, name: str, data: bytes, said: str
) -> None:
    body = sent(trial, rita, name, data).content.decode()
    assert said in body
    assert f"/answers.{name.partition('.')[2]}" not in body, "a path of the server's"
    assert not trial.arms.filter(kind=Arm.Kind.REFERENCE).exists()


@pytest.mark.parametrize("codec", ["utf-8", "utf-8-sig", "gb18030"])
def test_a_spreadsheets_csv_is_read_in_its_encoding(trial: Trial, rita: User, codec: str) -> None:
    assert sent(trial, rita, "a.csv", AS_CSV.encode(codec)).status_code == 200
    arm = trial.arms.get(kind=Arm.Kind.REFERENCE)
    assert sorted(str(answer.raw_text) for answer in arm.answers.all()) == ["密度为C类。", "每年复查。"]
