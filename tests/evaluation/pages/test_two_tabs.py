"""Two tabs, or two people, on one form of a trial or reader study: 409 with both texts, and nothing is written over."""

import html
import re
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from evaluation.models import Answer, Arm, Score, Trial, UnfinishedDialogue
from evaluation.services.arms import add_human_arm
from evaluation.services.readings import Assessment, next_reading, record_reading, standing_reading
from evaluation.services.remarks import Remark, record_form, standing_remark
from evaluation.services.scoring import next_slot, standing_scores
from mammo.accounts.models import User
from mammo.archive.views_shown import screen_behind
from tests.evaluation import dialogues, reading_scene, scene
from tests.evaluation.pages.test_designing import client_of, post


def hidden(client: Client, address: str, *args: Any) -> dict[str, str]:
    """The hidden fields of a page's form, as a browser that opened it sends them back."""
    page = client.get(reverse(f"evaluation:{address}", args=args)).content.decode()
    fields = re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', page)
    left_out = ("csrfmiddlewaretoken", "idempotency_key")
    return {name: html.unescape(value) for name, value in fields if name not in left_out}


def both_stand(answer: Any, *texts: str) -> None:
    """The answer is 409, and its page holds these texts."""
    assert answer.status_code == 409
    page = html.unescape(answer.content.decode())
    assert [text for text in texts if text not in page] == []


@pytest.fixture
def arm(draft: Trial, jack: User) -> Arm:
    """A doctor's arm that June and Jack write, nothing written yet."""
    found: Arm = draft.arms.get(kind="human")
    found.answers.all().delete()
    found.spec["authors"].append(str(jack.pk))
    found.save()
    return found


def test_two_tabs_of_an_author_lose_neither_text(arm: Arm, draft: Trial, june: User) -> None:
    client, asked = client_of(june), draft.trial_questions.order_by("position").first()
    first, second = hidden(client, "write", asked.pk), hidden(client, "write", asked.pk)
    assert first["opened_on"] == ""
    assert post(client, "write", asked.pk, **first, text="第一个标签页。").status_code == 302
    for _ in range(2):
        late = post(client, "write", asked.pk, **second, text="第二个<标签页>。")
        both_stand(late, "第一个标签页。", "第二个<标签页>。")
    assert str(arm.answers.get().raw_text) == "第一个标签页。"
    fresh = hidden(client, "write", asked.pk)
    assert post(client, "write", asked.pk, **fresh, text="两者合一。").status_code == 302
    assert screen_behind(arm.answers.get()) is not None
    both_stand(post(client, "write", asked.pk, **fresh, text="又一次。"), "两者合一。", "又一次。")
    assert str(arm.answers.get().raw_text) == "两者合一。"


def test_two_authors_of_an_arm_lose_neither_text(arm: Arm, draft: Trial, june: User, jack: User) -> None:
    asked = draft.trial_questions.order_by("position").first()
    mine, theirs = (hidden(client_of(user), "write", asked.pk) for user in (june, jack))
    assert post(client_of(june), "write", asked.pk, **mine, text="June的回答。").status_code == 302
    late = post(client_of(jack), "write", asked.pk, **theirs, text="Jack的回答。")
    both_stand(late, "June的回答。", "Jack的回答。")
    answer = arm.answers.get()
    assert (str(answer.raw_text), answer.author) == ("June的回答。", june)
    # Who has read the text that stands may write it anew.
    seen = hidden(client_of(jack), "write", asked.pk)
    assert post(client_of(jack), "write", asked.pk, **seen, text="合写的回答。").status_code == 302
    answer = arm.answers.get()
    assert (str(answer.raw_text), answer.author) == ("合写的回答。", jack)


def test_a_refused_page_is_still_the_one_that_was_opened_before(arm: Arm, draft: Trial, june: User) -> None:
    client, asked = client_of(june), draft.trial_questions.order_by("position").first()
    opened = hidden(client, "write", asked.pk)
    assert post(client, "write", asked.pk, **opened, text="先写的。").status_code == 302
    refused = post(client, "write", asked.pk, **opened, text=" \n ")
    assert refused.status_code == 400
    assert 'name="opened_on" value=""' in refused.content.decode()
    both_stand(post(client, "write", asked.pk, **opened, text="后写的。"), "先写的。", "后写的。")


def test_two_tabs_and_two_authors_of_a_dialogue_lose_no_turn(
    rita: User, june: User, jack: User, sena: User
) -> None:
    trial = dialogues.draft(rita, june, [june, sena], count=1)
    arm = trial.arms.get(kind="human")
    arm.spec["authors"].append(str(jack.pk))
    arm.save()
    asked = trial.trial_questions.get(position=2)
    client, other = client_of(june), client_of(jack)
    tab, theirs = hidden(client, "write", asked.pk), hidden(other, "write", asked.pk)
    assert tab["turn"] == "1"
    assert post(client, "write", asked.pk, **tab, text="第一句。").status_code == 302
    both_stand(post(client, "write", asked.pk, **tab, text="另一标签页。"), "第一句。", "另一标签页。")
    both_stand(post(other, "write", asked.pk, **theirs, text="同事的话。"), "第一句。", "同事的话。")
    for turn in ("2", "3"):
        assert post(client, "write", asked.pk, turn=turn, text=f"第{turn}轮。").status_code == 302
    assert not UnfinishedDialogue.objects.exists()
    both_stand(post(client, "write", asked.pk, turn="3", text="晚到的末句。"), "第3轮。", "晚到的末句。")
    assert Answer.objects.get(arm=arm).turns[1::2] == ["第一句。", "第2轮。", "第3轮。"]


def test_a_tab_of_one_arm_writes_into_no_other_arm_of_its_author(
    draft: Trial, rita: User, june: User
) -> None:
    first = draft.arms.get(kind="human")
    first.answers.all().delete()
    second = add_human_arm(draft, "The same doctor a year later", authors=[june], by_user=rita)
    client, asked = client_of(june), draft.trial_questions.order_by("position").first()
    listed = client.get(reverse("evaluation:writing")).content.decode()
    address = reverse("evaluation:write", args=[asked.pk])
    for arm in (first, second):
        assert f'href="{address}?arm={arm.pk}"' in listed
    tab, other = hidden(client, "write", asked.pk), hidden(client, "write", asked.pk)
    assert (tab["arm"], other["arm"]) == (str(first.pk), str(first.pk))
    saved = post(client, "write", asked.pk, **tab, text="第一臂的回答。")
    assert saved.headers["Location"].endswith(f"?arm={first.pk}")
    both_stand(
        post(client, "write", asked.pk, **other, text="还是第一臂。"), "第一臂的回答。", "还是第一臂。"
    )
    assert not second.answers.exists()
    page = client.get(f"{address}?arm={second.pk}").content.decode()
    assert f'name="arm" value="{second.pk}"' in page
    assert "第一臂的回答。" not in page
    # Which arm is meant is never guessed, and never another person's.
    nameless = {name: value for name, value in tab.items() if name != "arm"}
    assert post(client, "write", asked.pk, **nameless, text="哪一臂？").status_code == 400
    system = draft.arms.filter(kind="system").first()
    for strange in (str(system.pk), "x"):
        assert post(client, "write", asked.pk, **nameless, arm=strange, text="别的臂。").status_code == 404
    assert not second.answers.exists()
    assert (
        post(client, "write", asked.pk, **tab | {"arm": str(second.pk)}, text="第二臂。").status_code == 302
    )
    assert str(second.answers.get().raw_text) == "第二臂。"
    assert str(first.answers.get().raw_text) == "第一臂的回答。"


def values(base: int, **more: str) -> dict[str, str]:
    """What a form of scores sends beside its hidden fields."""
    return {f"value_{key}": str(value) for key, value in scene.values(base).items()} | more


def test_two_tabs_of_a_rater_lose_neither_form(trial: Trial, sena: User, sol: User) -> None:
    client, slot = client_of(sena), next_slot(trial.raters.get(user=sena))
    theirs = next_slot(trial.raters.get(user=sol))
    record_form(theirs, by_user=sol, values=scene.values(11), remark=Remark(comment="Sol's own words"))
    first, second = hidden(client, "form", slot.pk), hidden(client, "form", slot.pk)
    assert first["revision"] == "0"
    assert post(client, "save", slot.pk, **first | values(80, comment="first tab")).status_code == 302
    for _ in range(2):
        late = post(client, "save", slot.pk, **second | values(40, comment="second tab"))
        both_stand(late, "Correctness: 80", "Correctness: 40", "first tab", "second tab")
        shown = late.content.decode()
        secrets = (sol.username, str(sol), "Sol's own words", ": 11", "Untuned model", "Junior doctor")
        assert [secret for secret in secrets if secret in html.unescape(shown)] == []
    assert {score.value for score in standing_scores(slot).values()} == set(scene.values(80).values())
    assert Score.objects.filter(slot=slot).count() == 5
    fresh = hidden(client, "form", slot.pk)
    assert post(client, "save", slot.pk, **fresh | values(40, comment="both")).status_code == 302
    assert str(standing_remark(slot).comment) == "both"


def test_a_second_tab_that_changes_the_remark_alone_is_late_too(trial: Trial, sena: User) -> None:
    client, slot = client_of(sena), next_slot(trial.raters.get(user=sena))
    assert post(client, "save", slot.pk, **hidden(client, "form", slot.pk) | values(80)).status_code == 302
    first, second = hidden(client, "form", slot.pk), hidden(client, "form", slot.pk)
    unsafe = values(80, comment="harms her", unsafe="on")
    assert post(client, "save", slot.pk, **first | unsafe).status_code == 302
    both_stand(post(client, "save", slot.pk, **second | values(80, comment="fine")), "harms her", "fine")
    assert (str(standing_remark(slot).comment), standing_remark(slot).is_unsafe) == ("harms her", True)
    refused = post(client, "save", slot.pk, **second | values(80, value_helpfulness="many"))
    assert (
        refused.status_code,
        f'name="revision" value="{second["revision"]}"' in refused.content.decode(),
    ) == (
        400,
        True,
    )


def test_a_second_tab_is_late_whichever_aspect_the_first_one_changed(trial: Trial, sena: User) -> None:
    """Revisions of the aspects differ: the highest of them does not move with every change."""
    client, slot = client_of(sena), next_slot(trial.raters.get(user=sena))
    assert post(client, "save", slot.pk, **hidden(client, "form", slot.pk) | values(80)).status_code == 302
    changed = values(80, value_correctness="41")
    assert post(client, "save", slot.pk, **hidden(client, "form", slot.pk) | changed).status_code == 302
    first, second = hidden(client, "form", slot.pk), hidden(client, "form", slot.pk)
    both = changed | {"value_helpfulness": "33"}
    assert post(client, "save", slot.pk, **first | both).status_code == 302
    late = changed | {"value_completeness": "22"}
    both_stand(post(client, "save", slot.pk, **second | late), "Helpfulness: 33", "Completeness: 22")
    standing = standing_scores(slot)
    assert {key: standing[key].value for key in ("correctness", "helpfulness", "completeness")} == {
        "correctness": 41,
        "helpfulness": 33,
        "completeness": 84,
    }


def test_two_tabs_of_a_reader_lose_neither_reading(rita: User, june: User, sena: User) -> None:
    study = reading_scene.open_study(rita, [june, sena], 4)
    client, slot = client_of(june), next_reading(study.readers.get(user=june))
    theirs = next_reading(study.readers.get(user=sena))
    record_reading(
        theirs, Assessment("4B", 61, "L", "mass", {"view": "LCC", "across": 0.5, "down": 0.5}), by_user=sena
    )
    first, second = hidden(client, "read", slot.pk), hidden(client, "read", slot.pk)
    assert first["revision"] == "0"
    none = {"finding": "none", "category": "2", "likelihood": "7"}
    mass = {
        "finding": "mass", "side": "L", "category": "4A", "likelihood": "43", "point_view": "LCC",
        "point_across": "20", "point_down": "30",
    }  # fmt: skip
    assert post(client, "read", slot.pk, **first | none).status_code == 302
    for _ in range(2):
        late = post(client, "read", slot.pk, **second | mass)
        both_stand(late, "You saved this on another page", "0 to 100: 7", "0 to 100: 43", "LCC 20 30")
        assert [
            secret for secret in ("61", sena.username, str(sena)) if f" {secret}" in late.content.decode()
        ] == []
    assert (slot.readings.get().category, slot.readings.get().likelihood) == ("2", 7)
    refused = post(client, "read", slot.pk, **second | mass | {"likelihood": "101"})
    assert (refused.status_code, 'name="revision" value="0"' in refused.content.decode()) == (400, True)
    assert post(client, "read", slot.pk, **hidden(client, "read", slot.pk) | mass).status_code == 302
    assert standing_reading(slot).category == "4A"


def test_two_researchers_who_tick_an_arms_tables_do_not_write_over_each_other(
    draft: Trial, rita: User
) -> None:
    client, arm = client_of(rita), draft.arms.order_by("created_at").first()
    assert arm is not None

    def tick(were: str, *numbers: int) -> Any:
        return post(client, "design", draft.pk, do="tables", arm=arm.pk, were=were, tables=list(numbers))

    page = client.get(reverse("evaluation:design", args=[draft.pk])).content.decode()
    assert '<input type="hidden" name="were" value="">' in page
    assert tick("", 1, 3).status_code == 302
    late = tick("", 2)
    both_stand(late, "1,3")
    arm.refresh_from_db()
    assert arm.spec["tables"] == [1, 3]
    assert (
        '<input type="hidden" name="were" value="1,3">'
        in client.get(reverse("evaluation:design", args=[draft.pk])).content.decode()
    )
    assert tick("1,3", 2).status_code == 302
