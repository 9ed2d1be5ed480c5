"""`create_campaign`: a whole campaign, or one clear line and nothing."""

import json
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from annotation.models import Campaign
from mammo.accounts.models import Site, User


@pytest.fixture
def spec(tmp_path: Path) -> Path:
    path, model = tmp_path / "glm4.json", tmp_path / "glm-4-9b-chat-hf"
    model.mkdir()
    path.write_text(json.dumps({"kind": "transformers", "path": str(model)}))
    return path


def test_the_campaign_is_open_with_its_members(
    site: Site, rita: User, june: User, sena: User, spec: Path
) -> None:
    call_command(
        "create_campaign",
        "spring",
        site="north",
        by="rita",
        proposer=str(spec),
        correct=["june"],
        pick=["sena"],
    )
    campaign = Campaign.objects.get(name="spring")
    assert campaign.state == Campaign.State.OPEN
    assert {(m.user.username, m.purpose) for m in campaign.members.all()} == {
        ("june", "correct"),
        ("sena", "pick"),
    }


def test_a_member_without_the_role_leaves_nothing_behind(
    site: Site, rita: User, june: User, spec: Path
) -> None:
    with pytest.raises(CommandError):
        call_command("create_campaign", "spring", site="north", by="rita", proposer=str(spec), pick=["june"])
    assert not Campaign.objects.exists()


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("{", "not JSON"),
        ("[" * 9000, "not JSON .nested too deeply"),
        ("[1]", "one JSON object"),
        ('{"kind": "transformers", "path": "/no/such/model"}', "does not exist; put the model or file there"),
    ],
)
def test_a_bad_spec_is_named(site: Site, rita: User, tmp_path: Path, text: str, word: str) -> None:
    path = tmp_path / "bad.json"
    path.write_text(text)
    with pytest.raises(CommandError, match=word):
        call_command("create_campaign", "spring", site="north", by="rita", proposer=str(path))


def test_an_unknown_account_is_named(site: Site, rita: User, spec: Path) -> None:
    with pytest.raises(CommandError, match="--correct ghost"):
        call_command(
            "create_campaign", "spring", site="north", by="rita", proposer=str(spec), correct=["ghost"]
        )
