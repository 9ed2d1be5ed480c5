"""A number of thousands of digits is refused like a word: `int` gives up above some thousands of them."""

from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.urls import reverse

from evaluation.forms import trial_initial
from evaluation.models import Reading, Score, Trial
from evaluation.services.protocols import create_protocol
from evaluation.services.readings import next_reading
from evaluation.services.scoring import next_slot
from mammo.accounts.models import Site, User
from tests.evaluation import reading_scene, scene
from tests.evaluation.pages.test_designing import client_of, post, protocol_fields

LONG = pytest.param("9" * 5000, id="5000 digits")


@pytest.mark.parametrize("number", ["²", LONG])
def test_a_design_takes_no_such_number(draft: Trial, rita: User, number: str) -> None:
    client, campaign = client_of(rita), draft.trial_questions.first().question.campaign
    arm = draft.arms.get(name="MammoVLM")
    held = draft.trial_questions.count()
    fields = {name: value for name, value in trial_initial(draft).items() if value is not None}
    sent = fields | {"protocol": draft.protocol_id, "name": "Other", "version": number}
    refused = post(client, "trial-edit", draft.pk, **sent)
    assert (refused.status_code, "version: " in refused.content.decode()) == (400, True)
    assert post(client, "design", draft.pk, do="tables", arm=arm.pk, tables=["1"]).status_code == 302
    for asked in ({"do": "sample", "campaign": campaign.pk, "count": number},
                  {"do": "tables", "arm": arm.pk, "tables": ["1", number]}):  # fmt: skip
        assert post(client, "design", draft.pk, **asked).status_code == 400
    rule = {"action": "cut", "kind": "length", "reason": "too long", "limit": number}
    assert post(client, "screen-rule", draft.pk, **rule).status_code == 400
    arm.refresh_from_db()
    row = Trial.objects.get(pk=draft.pk)
    assert (row.name, row.screening, arm.spec["tables"]) == (draft.name, [], [1])
    assert row.trial_questions.count() == held


@pytest.mark.parametrize("number", ["²", LONG])
def test_a_protocol_takes_no_such_version(rita: User, site: Site, number: str) -> None:
    row, client = create_protocol("Blinded scoring", site=site, by_user=rita), client_of(rita)
    sent = protocol_fields(site, title="Other")
    assert post(client, "protocol-edit", row.pk, **sent, version=number).status_code == 400
    row.refresh_from_db()
    assert row.title == "Blinded scoring"
    assert post(client, "protocol-edit", row.pk, **sent, version=str(row.version)).status_code == 302


@pytest.mark.parametrize("number", ["--5", "5-", "²", "９", "0000000080", LONG])
def test_a_form_takes_no_such_score(trial: Trial, sena: User, number: str) -> None:
    slot = next_slot(trial.raters.get(user=sena))
    sent = {f"value_{key}": str(value) for key, value in scene.values().items()}
    answer = post(client_of(sena), "save", slot.pk, **sent | {"value_helpfulness": number})
    assert answer.status_code == 400
    assert not Score.objects.exists()


@pytest.mark.parametrize("number", ["²", "９", LONG])
def test_a_reading_takes_no_such_likelihood(rita: User, june: User, sena: User, number: str) -> None:
    study = reading_scene.open_study(rita, [june, sena], 2, design="sequential")
    slot = next_reading(study.readers.get(user=june))
    given: dict[str, Any] = {"finding": "none", "category": "2", "likelihood": number}
    assert post(client_of(june), "read", slot.pk, **given).status_code == 400
    assert not Reading.objects.exists()


@pytest.mark.parametrize("number", ["²", LONG])
def test_there_is_no_such_table(db: None, number: str) -> None:
    with pytest.raises(CommandError, match="give the number of a table"):
        call_command("table", number)


def test_no_page_of_a_table_has_such_a_number(db: None, rita: User) -> None:
    address = reverse("evaluation:any-table", args=[9])
    assert client_of(rita).get(f"{address.rstrip('/')}{'9' * 5000}/").status_code == 404
