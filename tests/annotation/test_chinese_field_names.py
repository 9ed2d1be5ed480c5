"""Chinese messages call a field as the page labels it, not by the name that programs send."""

import re
import uuid
from pathlib import Path

import pytest
from django.conf import settings
from django.urls import reverse
from django.utils import translation
from django.utils.translation import gettext

from annotation.field_names import field_name
from annotation.models import Campaign
from annotation.services.campaign_settings import change_settings
from annotation.services.campaigns import add_member
from mammo.accounts.models import User
from mammo.core.errors import UserError
from tests.annotation.test_upload_preview import read
from tests.annotation.test_views import signed_in

PO = Path(settings.BASE_DIR) / "annotation" / "locale" / "zh_Hans" / "LC_MESSAGES" / "django.po"


def test_no_chinese_message_begins_with_a_programs_name_of_a_field() -> None:
    entries = re.findall(
        r"^msgid (.*?)^msgstr (.*?)(?=^\S|^$|\Z)", PO.read_text("utf-8"), re.DOTALL | re.MULTILINE
    )
    assert len(entries) > 700
    joined = ["".join(re.findall(r'"((?:[^"\\]|\\.)*)"', said)) for _msgid, said in entries]
    assert [said for said in joined if re.match(r"[a-z_][a-z_.]*[：:]", said)] == []


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        ({"text": "", "source": "ward"}, "问题：%(required)s"),
        ({"text": "可以吗？", "source": ""}, "提问地点：%(required)s"),
        ({"text": "可以吗？", "source": "ward", "accession": "A999"}, "检查号（accession）：档案中没有此号"),
        (
            {"text": "可以吗？", "source": "ward", "consent": "患者姓名：张三"},
            "知情同意编号（consent）：含有人名",
        ),
    ],
)
def test_a_typed_question_is_refused_by_the_labels_of_its_page(
    campaign: Campaign, rita: User, sent: dict[str, str], said: str
) -> None:
    client = signed_in(rita)
    client.cookies["django_language"] = "zh-hans"
    given = {"idempotency_key": str(uuid.uuid4()), **sent}
    answer = client.post(reverse("annotation:question-typed", args=[campaign.pk]), given)
    assert answer.status_code == 400
    with translation.override("zh-hans"):
        assert said % {"required": gettext("This field is required.")} in answer.content.decode()


def test_settings_roles_and_columns_have_their_labels_in_chinese_and_their_names_in_english(
    campaign: Campaign, rita: User, june: User
) -> None:
    def refusals() -> list[str]:
        found = []
        for act in (
            lambda: change_settings(campaign, by_user=rita, expected_version=0, overlap=0),
            lambda: add_member(campaign, june, "pick", by_user=rita),
            lambda: read(campaign, rita, f"P001,A001,好？,{'w' * 61},IC\n"),
        ):
            with pytest.raises(UserError) as refused:
                act()
            found.append(str(refused.value))
        return found

    assert refusals() == [
        "overlap: give a whole number from 1 to 20",
        "june is no senior at north; give the account that role first",
        "q.csv, row 2: source is longer than 60 characters; shorten it",
    ]
    with translation.override("zh-hans"):
        assert refusals() == [
            "每题低年资医师人数：请给出 1 到 20 的整数",
            "june在north没有高年资医师角色；请先授予该角色",
            "q.csv 第 2 行：来源（source） 超过 60 个字符；请缩短",
        ]
        assert field_name("unheard_of") == "unheard_of"
