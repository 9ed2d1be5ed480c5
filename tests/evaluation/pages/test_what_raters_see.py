"""What a rater is told and shown, and what of it becomes rows: consent, report, anchors, order, remarks, pauses."""

import re
import uuid
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from evaluation.models import FormRemark, Score, Slot, Trial, TrialRater
from evaluation.services import drafts
from evaluation.services.freezing import freeze_trial
from evaluation.services.raters import add_rater, consent
from evaluation.services.scoring import form_revision, next_slot, open_scoring
from mammo.accounts.models import Site, User
from mammo.archive.models import Report
from tests.evaluation import scene

REPORT = "双乳腺体致密。左乳外上见结节。"


def client_of(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def page_of(client: Client, name: str, *args: Any) -> str:
    answer = client.get(reverse(f"evaluation:{name}", args=args))
    assert answer.status_code == 200
    return answer.content.decode()


def send(client: Client, slot: Slot, **more: str) -> Any:
    data = {f"value_{key}": str(value) for key, value in scene.values().items()}
    data["revision"] = str(form_revision(slot))
    address = reverse("evaluation:save", args=[slot.pk])
    return client.post(address, data | more | {"idempotency_key": str(uuid.uuid4())})


def started(draft: Trial, rita: User, **changes: Any) -> Trial:
    """The draft with these settings, frozen and open; its raters have not agreed yet."""
    if changes:
        drafts.change_trial(draft, changes, by_user=rita, expected_version=draft.version)
    freeze_trial(draft, by_user=rita)
    open_scoring(draft, by_user=rita)
    return Trial.objects.get(pk=draft.pk)


def agreed(trial: Trial, user: User) -> TrialRater:
    row = trial.raters.get(user=user)
    consent(row, by_user=user)
    return TrialRater.objects.get(pk=row.pk)


@pytest.mark.parametrize("shown", [True, False])
def test_the_report_stands_on_the_form_where_the_design_shows_it(
    rita: User, june: User, sena: User, shown: bool
) -> None:
    questions = scene.questions_of(rita, [june, sena], 3)
    for place, question in enumerate(questions):
        Report(study=question.study, language="zh", sha256=f"{place:064d}", blanked=REPORT).save()
    draft = scene.draft_trial(rita, questions, june, show_report=shown)
    # Answered under the setting that raters score under: no arm may have read another report.
    scene.answer_all(draft, rita, june)
    add_rater(draft, sena, by_user=rita)
    trial = started(draft, rita)
    rater = agreed(trial, sena)
    page = page_of(client_of(sena), "form", next_slot(rater).pk)
    assert (REPORT in page) == shown
    assert ("Report (without BI-RADS)" in page) == shown


@pytest.mark.parametrize(
    ("extras", "told"),
    [
        ({}, None),
        ({"repeats": 1}, "Among the forms is 1 that comes twice or was made worse on purpose"),
        ({"controls": 1}, "Among the forms is 1 that comes twice or was made worse on purpose"),
    ],
)
def test_the_consent_names_repeats_and_controls(
    draft: Trial, rita: User, sena: User, extras: dict[str, int], told: str | None
) -> None:
    trial = started(draft, rita, **extras)
    page = page_of(client_of(sena), "consent", trial.raters.get(user=sena).pk)
    assert (told is not None) == ("made worse on purpose" in page)
    assert told is None or told in page
    forms = trial.raters.get(user=sena).slots.count()
    assert f"You read {forms} answers to 9 questions of patients" in page


def test_the_consent_names_several_extras_in_the_plural(
    rita: User, june: User, sena: User, sol: User
) -> None:
    trial = scene.open_trial(rita, june, [sena, sol], 14, repeats=1, controls=1)
    trial.raters.update(consented_at=None)
    page = page_of(client_of(sena), "consent", trial.raters.get(user=sena).pk)
    assert "Among the forms are 2 that come twice or were made worse on purpose" in page


def test_planned_minutes_and_sittings_are_told_before_and_between(
    draft: Trial, rita: User, sena: User
) -> None:
    trial = started(draft, rita, sitting_slots=2, sitting_minutes=35)
    rater, client = trial.raters.get(user=sena), client_of(sena)
    page = page_of(client, "consent", rater.pk)
    assert "The forms come in 14 sittings of about 35 minutes." in page
    rater = agreed(trial, sena)
    for _ in range(2):
        assert send(client, next_slot(rater)).status_code == 302
    page = page_of(client, "pause", rater.pk)
    assert "Time for a break" in page
    assert "Next comes sitting 2 of 14; it takes about 35 minutes." in page


def test_anchors_are_entered_with_the_aspects_and_stand_at_the_ends_of_the_form(
    draft: Trial, rita: User, sena: User
) -> None:
    client = client_of(rita)
    form = client.get(reverse("evaluation:trial-edit", args=[draft.pk])).context["form"]
    data = {name: form[name].value() for name in form.fields if form[name].value() is not None}
    data = {name: value for name, value in data.items() if value is not False}
    written = str(data["aspects"])
    assert "wrong throughout" in written
    data["aspects"] = written.replace("wrong throughout", "dangerously wrong").replace("no error", "flawless")
    answer = client.post(
        reverse("evaluation:trial-edit", args=[draft.pk]),
        data | {"version": str(draft.version), "idempotency_key": str(uuid.uuid4())},
    )
    assert answer.status_code == 302, answer.content.decode()
    trial = started(Trial.objects.get(pk=draft.pk), rita)
    assert trial.aspects.get(key="correctness").anchors["low"] == "dangerously wrong"
    rater = agreed(trial, sena)
    page = page_of(client_of(sena), "form", next_slot(rater).pk)
    part = re.search(r'<label for="(?:line|value)-correctness">.*?</div>', page, re.S)
    assert part is not None
    assert "<span>dangerously wrong</span><span>flawless</span>" in part[0]


def test_the_order_of_aspects_is_drawn_per_rater_and_the_same_on_all_their_forms(
    draft: Trial, rita: User, site: Site, sena: User
) -> None:
    for number in range(10):
        add_rater(draft, scene.person(site, f"Rater{number}"), by_user=rita)
    trial = started(draft, rita)
    orders = [tuple(row.aspect_order) for row in trial.raters.all()]
    assert all(sorted(order) == sorted(scene.ASPECTS) for order in orders)
    # Twelve draws of 120 orders: five or fewer different ones come up once in 10 million trials.
    assert len(set(orders)) > 5
    rater = agreed(trial, sena)
    client = client_of(sena)
    shown = []
    for _ in range(4):
        slot = next_slot(rater)
        shown.append(re.findall(r'name="value_(\w+)"', page_of(client, "form", slot.pk)))
        assert send(client, slot).status_code == 302
    assert shown == [list(rater.aspect_order)] * 4


def test_that_a_rater_knows_the_case_is_a_row_and_can_be_taken_back(trial: Trial, sena: User) -> None:
    rater, client = trial.raters.get(user=sena), client_of(sena)
    slot = next_slot(rater)
    assert 'id="knows_case"' in page_of(client, "form", slot.pk)
    assert send(client, slot, knows_case="on").status_code == 302
    row = FormRemark.objects.get(slot=slot)
    assert (row.knows_case, row.is_unsafe, row.is_typed) == (True, False, False)
    assert re.search(r'id="knows_case" name="knows_case" checked', page_of(client, "form", slot.pk))
    assert send(client, slot).status_code == 302
    later = FormRemark.objects.get(slot=slot, replaced_by__isnull=True)
    assert (later.knows_case, later.replaces_id, later.revision) == (False, row.pk, 2)


@pytest.mark.parametrize(("mode", "recorded"), [("line", True), ("number", False)])
def test_typing_is_an_exception_on_record_where_the_trial_has_lines(
    draft: Trial, rita: User, sena: User, mode: str, recorded: bool
) -> None:
    trial = started(draft, rita, input_mode=mode)
    rater, client = agreed(trial, sena), client_of(sena)
    slot = next_slot(rater)
    page = page_of(client, "form", slot.pk)
    assert ("Typed values are an exception and are recorded as such." in page) == recorded
    assert ('type="range"' in page) == recorded
    assert send(client, slot, is_typed="1").status_code == 302
    assert FormRemark.objects.filter(slot=slot, is_typed=True).exists() == recorded
    assert Score.objects.filter(slot=slot).count() == 5


def test_a_rater_pauses_anywhere_and_goes_on_where_they_stopped(trial: Trial, sena: User) -> None:
    rater, client = trial.raters.get(user=sena), client_of(sena)
    for _ in range(3):
        assert send(client, next_slot(rater)).status_code == 302
    waiting = next_slot(rater)
    address = reverse("evaluation:form", args=[waiting.pk])
    assert f'href="{reverse("evaluation:pause", args=[rater.pk])}"' in page_of(client, "form", waiting.pk)
    page = page_of(client, "pause", rater.pk)
    assert "Paused" in page
    assert f'href="{address}"' in page
    # Another day: signed in anew, the list leads to the same form, and what was saved is there.
    later = client_of(sena)
    assert f'href="{address}"' in page_of(later, "scoring")
    assert next_slot(rater).pk == waiting.pk
    assert Score.objects.filter(slot__rater=rater).count() == 15
    done = rater.slots.get(position=2)
    assert 'data-state="saved"' in page_of(later, "form", done.pk)


def test_a_refused_form_goes_on_counting_its_seconds(trial: Trial, sena: User) -> None:
    slot, client = next_slot(trial.raters.get(user=sena)), client_of(sena)
    clock = 'name="active_seconds" value="{0}" data-before="{0}"'
    assert clock.format("0.0") in page_of(client, "form", slot.pk)
    refused = send(client, slot, active_seconds="48.2", value_helpfulness="101")
    assert refused.status_code == 400
    assert clock.format("48.2") in refused.content.decode()
    assert not Score.objects.exists()
    assert send(client, slot, active_seconds="55.0").status_code == 302
    assert set(Score.objects.values_list("active_seconds", flat=True)) == {55.0}
    # A stored form that is opened again begins a visit of its own.
    assert clock.format("0.0") in page_of(client, "form", slot.pk)
