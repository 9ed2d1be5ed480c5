"""A researcher writes an example of the practice set in fields, or as JSON lines."""

import uuid
from typing import Any

import pytest
from django.urls import reverse

from annotation.models import Campaign, PracticeItem
from mammo.accounts.models import User
from tests.annotation.test_views import signed_in

FIELDS = {
    "text_1": "您的乳腺密度为C类。",
    "text_2": "您是左乳有结节。",
    "tags_2": ["wrong_side", "language"],
    "reference_2": "您是右乳有结节。",
    "text_3": "请马上手术。",
    "tags_3": ["unsafe_advice"],
    "reference_3": "请做活检。",
}


def write(campaign: Campaign, rita: User, **sent: Any) -> Any:
    """What the page sends with these answers."""
    shared = {"language": "zh", "context": "", "question": "我的结节在哪一侧？", "best": "1", "feedback": ""}
    address = reverse("annotation:campaign-practice", args=[campaign.pk])
    key = {"idempotency_key": str(uuid.uuid4())}
    return signed_in(rita).post(address, shared | key | sent)


def test_an_example_is_written_in_fields(plain: Campaign, rita: User) -> None:
    assert write(plain, rita, **FIELDS).status_code == 302
    item = PracticeItem.objects.get()
    assert [one["text"] for one in item.answers] == [FIELDS[f"text_{n}"] for n in (1, 2, 3)]
    assert [one["tags"] for one in item.answers] == [[], ["language", "wrong_side"], ["unsafe_advice"]]
    assert [one["reference"] for one in item.answers] == ["", "您是右乳有结节。", "请做活检。"]
    assert (item.question, item.best) == ("我的结节在哪一侧？", 0)


def test_json_lines_are_still_taken(plain: Campaign, rita: User) -> None:
    lines = '{"text": "C类。"}\n{"text": "左乳。", "tags": ["wrong_side"], "reference": "右乳。"}'
    assert write(plain, rita, answers=lines).status_code == 302
    assert len(PracticeItem.objects.get().answers) == 2
    empty = '{"text": "C类。", "tags": null, "reference": null}\n{"text": "B类。", "tags": []}'
    assert write(plain, rita, answers=empty).status_code == 302


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        ({}, "Write the answers"),
        ({**FIELDS, "answers": '{"text": "C类。"}'}, "not both"),
        ({"text_1": "C类。", "text_2": "", "tags_2": ["wrong_side"]}, "Answer 2: write its text"),
        ({"text_1": "C类。", "text_2": "B类。", "tags_2": ["unknown"]}, "unknown"),
        *(
            ({"answers": '{"text": "C类。"}\n' + line}, f"Line 2{said}")
            for line, said in (
                ('{"text": "B类。", "reference": 1}', ": expected an object"),
                ('{"text": "B类。", "tags": 5}', ": expected an object"),
                ('{"text": "B类。", "tags": "wrong_side"}', ": expected an object"),
                ('{"text": "B类。", "tags": [[]]}', ": expected an object"),
                ('{"text": "B类。", "tags": {}}', ": expected an object"),
                (r'{"text": "B\u0000"}', ": expected an object"),
                (r'{"text": "B\ud800"}', " is not JSON (a text holds half of a character"),
                ('{"text": "B类。", "tags": ' + "[" * 9000, " is not JSON (nested too deeply)"),
            )
        ),
    ],
)
def test_what_is_missing_is_said_and_what_was_typed_stays(
    plain: Campaign, rita: User, sent: dict[str, Any], said: str
) -> None:
    refused = write(plain, rita, **sent)
    assert refused.status_code == 400
    body = refused.content.decode()
    assert said in body
    assert sent.get("text_1", "我的结节在哪一侧？") in body
    assert not PracticeItem.objects.exists()


def test_the_page_offers_fields_for_three_answers(plain: Campaign, rita: User) -> None:
    body = signed_in(rita).get(reverse("annotation:campaign-practice", args=[plain.pk])).content.decode()
    for number in (1, 2, 3):
        for name in ("text", "reference", "tags"):
            assert f'name="{name}_{number}"' in body
    assert 'value="wrong_side"' in body
