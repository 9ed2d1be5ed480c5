"""Keys and names of aspects: what no figure, table or address could take is refused; older trials that hold it work."""

from html import unescape
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.urls import reverse

from evaluation.models import Protocol, Trial
from evaluation.services.protocols import change_protocol, create_protocol
from evaluation.services.scoring import lock_trial, next_slot, record_scores
from mammo.accounts.models import User
from mammo.core.errors import UserError
from tests.evaluation import scene
from tests.evaluation.pages.test_designing import client_of, post


def fields_of(protocol: Any, aspects: str) -> dict[str, Any]:
    return {
        "protocol": protocol.pk, "name": "On pages", "aspects": aspects, "scale_min": "1", "scale_max": "100",
        "input_mode": "line", "order": "interleaved", "repeats": "0", "controls": "0", "guesses": "0",
        "sitting_slots": "5", "sitting_minutes": "20",
    }  # fmt: skip


@pytest.mark.parametrize(
    "aspects",
    [
        "清晰度 | Clarity",
        "a, b | Clarity",
        "a/b | Clarity",
        "k" * 41 + " | Clarity",
        "clarity | " + "n" * 81,
        "clarity | Clarity | " + "清" * 81,
        "clarity | Clarity\nclarity | Again",
    ],
)
def test_a_key_or_a_name_that_no_table_takes_is_refused_on_the_page(
    rita: User, june: User, sena: User, sol: User, aspects: str
) -> None:
    client = client_of(rita)
    protocol = scene.frozen_protocol(rita)
    answer = post(client, "trial-new", **fields_of(protocol, aspects))
    assert answer.status_code == 400
    assert "aspects: " in unescape(answer.content.decode())
    assert not Trial.objects.exists()
    assert post(client, "trial-new", **fields_of(protocol, "clarity | Clarity | 清晰度")).status_code == 302
    draft = Trial.objects.get()
    changed = fields_of(protocol, aspects) | {"version": draft.version}
    assert post(client, "trial-edit", draft.pk, **changed).status_code == 400
    assert list(draft.aspects.values_list("key", flat=True)) == ["clarity"]


def test_the_refusal_names_the_key_and_what_is_taken(rita: User, june: User, sena: User, sol: User) -> None:
    client = client_of(rita)
    fields = fields_of(scene.frozen_protocol(rita), "清晰度 | Clarity")
    page = unescape(post(client, "trial-new", **fields).content.decode())
    assert "the key “清晰度” can't be used; give Latin letters, digits, - and _ alone, at most 40" in page


@pytest.mark.parametrize("key", ["清晰度", "a, b", "a/b"])
def test_a_frozen_trial_with_such_a_key_still_has_results_tables_and_a_report(
    rita: User, june: User, sena: User, sol: User, tmp_path: Path, key: str
) -> None:
    trial = scene.draft_trial(rita, scene.questions_of(rita, [june, sena, sol]), june)
    trial.aspects.filter(key="correctness").update(key=key)
    scene.answer_all(trial, rita, june)
    for rater in scene.opened(trial, rita, [sena, sol]).raters.select_related("user"):
        slot = next_slot(rater)
        while slot is not None:
            values = scene.values(60 + slot.position % 7 + 5 * slot.answer.arm.position)
            values[key] = values.pop("correctness")
            record_scores(slot, by_user=rater.user, values=values, active_seconds=20)
            slot = next_slot(rater)
    trial.refresh_from_db()
    lock_trial(trial, by_user=rita)
    client = client_of(rita)
    page = client.get(reverse("evaluation:results", args=[trial.pk]))
    assert page.status_code == 200
    figure = reverse("evaluation:result-figure", args=[trial.pk, "forest_aspect_1", "svg"])
    assert figure in page.content.decode()
    assert client.get(figure).status_code == 200
    assert client.get(reverse("evaluation:table-page", args=[trial.pk, 1])).status_code == 200
    by = client.get(reverse("evaluation:table", args=[trial.pk, 1, "csv"]) + "?by=density")
    assert by.status_code == 200
    call_command("study_report", "--trial", trial.name, str(tmp_path / "report"), "--json")
    assert (tmp_path / "report" / "forest_aspect_1.svg").is_file()


def test_a_key_that_a_frozen_protocol_plans_for_may_be_given(rita: User) -> None:
    """Of an earlier version: the plan can't be changed any more, so its trial must be able to have the aspect."""
    protocol = scene.frozen_protocol(rita)
    Protocol.objects.filter(pk=protocol.pk).update(primary_endpoint={"endpoint": "清晰度"})
    client = client_of(rita)
    fields = fields_of(protocol, "清晰度 | Clarity")
    assert post(client, "trial-new", **fields).status_code == 302
    draft = Trial.objects.get()
    again = fields | {"version": draft.version, "sitting_slots": "6"}
    assert post(client, "trial-edit", draft.pk, **again).status_code == 302
    assert draft.aspects.get().key == "清晰度"
    other = fields | {"version": Trial.objects.get().version, "aspects": "亮度 | Brightness"}
    assert post(client, "trial-edit", draft.pk, **other).status_code == 400


def test_no_new_protocol_plans_for_a_key_that_no_aspect_can_have(rita: User) -> None:
    site = rita.sites_as("researcher").get()
    protocol = create_protocol("Blinded scoring", site=site, by_user=rita, ethics_approval="EC-2026-1")
    with pytest.raises(UserError, match="no aspect can have the key “清晰度”"):
        change_protocol(
            protocol,
            {"primary_endpoint": {"endpoint": "清晰度"}},
            by_user=rita,
            expected_version=protocol.version,
        )
