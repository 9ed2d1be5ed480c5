"""Every form that is opened on a version: whoever sends it second gets 409 with both texts, until they open it anew."""

import html
import re
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from annotation.models import Campaign, Question
from annotation.services.questions import import_questions
from evaluation.forms import trial_initial
from evaluation.models import Trial
from evaluation.services.protocols import create_protocol
from evaluation.services.readings import next_reading
from evaluation.services.scoring import next_slot
from mammo.accounts.models import User
from mammo.archive.models import Study
from tests.annotation import scene as annotation_scene
from tests.annotation.conftest import ada, campaign, corrected, disputed, question, study  # noqa: F401
from tests.annotation.test_campaign_pages import form_of as campaign_fields
from tests.evaluation import dialogues, reading_scene, scene
from tests.evaluation.conftest import draft, trial  # noqa: F401
from tests.evaluation.pages.test_designing import protocol_fields

pytestmark = [pytest.mark.django_db]
ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("annotation", "evaluation", "modeling", "platform/mammo")
# What a page carries of the state it was opened on.
CARRIED = re.compile(r'name="(version|revision|opened_on|turn|draft_version)"')
HIDDEN = re.compile(r'<input type="hidden" name="(\w+)"[^>]*? value="([^"]*)"')


@dataclass(frozen=True)
class Form:
    """A form in a browser: where it is opened and sent, what it sends beside its hidden fields, and how it reads."""

    who: User
    page: str
    sent: Callable[[str], dict[str, Any]]
    texts: tuple[str, str, str] = ("第一份", "第二份", "第三份")
    address: str = ""
    carries: tuple[str, ...] = ("version",)


def _protocol(get: Callable[[str], Any]) -> Form:
    rita, site = get("rita"), get("site")
    row = create_protocol("Blinded scoring", site=site, by_user=rita)
    page = reverse("evaluation:protocol-edit", args=[row.pk])
    return Form(rita, page, lambda text: protocol_fields(site, analysis_plan=text))


def _checklist(get: Callable[[str], Any]) -> Form:
    row = create_protocol("Blinded scoring", site=get("site"), by_user=get("rita"))
    return Form(
        get("rita"),
        reverse("evaluation:protocol", args=[row.pk]),
        lambda text: {"chart.9": text},
        address=reverse("evaluation:protocol-step", args=[row.pk]),
    )


def _trial(get: Callable[[str], Any]) -> Form:
    row: Trial = get("draft")
    plain = {
        name: value for name, value in trial_initial(row).items() if value is not None and value is not False
    }
    del plain["version"]
    page = reverse("evaluation:trial-edit", args=[row.pk])
    return Form(get("rita"), page, lambda text: plain | {"instructions": text})


def _settings(get: Callable[[str], Any]) -> Form:
    row: Campaign = get("campaign")
    page = reverse("annotation:campaign-settings", args=[row.pk])
    return Form(get("rita"), page, lambda text: campaign_fields(get("site"), consent_zh=text))


def _texts(get: Callable[[str], Any]) -> Form:
    page = reverse("annotation:campaign-texts", args=[get("campaign").pk])
    return Form(get("rita"), page, lambda text: {"instructions": text})


def _wording(get: Callable[[str], Any]) -> Form:
    import_questions(get("campaign"), [annotation_scene.row("我的密度？")], by_user=None, table_name="q")
    page = reverse("annotation:wording", args=[Question.objects.get().pk])
    return Form(get("dana"), page, lambda text: {"turn": [text]})


def _labels(get: Callable[[str], Any]) -> Form:
    row: Study = get("study")
    address = reverse("archive:study-labels", args=[row.pk])
    return Form(
        get("dana"),
        reverse("archive:study", args=[row.pk]),
        lambda text: {"density": "C", "birads_left": "4A", "reason": text},
        address=address,
    )


def _written(get: Callable[[str], Any]) -> Form:
    row: Trial = get("draft")
    row.arms.get(kind="human").answers.all().delete()
    page = reverse("evaluation:write", args=[row.trial_questions.order_by("position").first().pk])
    return Form(get("june"), page, lambda text: {"text": text}, carries=("opened_on",))


def _turn(get: Callable[[str], Any]) -> Form:
    row = dialogues.draft(get("rita"), get("june"), [get("june"), get("sena")], count=1)
    page = reverse("evaluation:write", args=[row.trial_questions.get(position=2).pk])
    return Form(get("june"), page, lambda text: {"text": text}, carries=("turn",))


def _scores(get: Callable[[str], Any]) -> Form:
    slot = next_slot(get("trial").raters.get(user=get("sena")))
    values = {f"value_{key}": "50" for key in scene.ASPECTS}
    return Form(
        get("sena"),
        reverse("evaluation:form", args=[slot.pk]),
        lambda text: values | {"comment": text},
        address=reverse("evaluation:save", args=[slot.pk]),
        carries=("revision",),
    )


def _reading(get: Callable[[str], Any]) -> Form:
    row = reading_scene.open_study(get("rita"), [get("june"), get("sena")], 4)
    page = reverse("evaluation:read", args=[next_reading(row.readers.get(user=get("june"))).pk])
    sent = {"finding": "none", "category": "2"}
    return Form(
        get("june"), page, lambda text: sent | {"likelihood": text}, ("37", "58", "76"), carries=("revision",)
    )


def _correction_draft(get: Callable[[str], Any]) -> Form:
    row: Question = get("question")
    pk = row.proposals.first().pk
    page, address = (reverse(f"annotation:{name}", args=[row.pk]) for name in ("correct", "correct-draft"))
    return Form(
        get("june"),
        page,
        lambda text: {f"text-{pk}": text},
        address=address,
        carries=("draft_version", "revision", "round"),
    )


def _pick_draft(get: Callable[[str], Any]) -> Form:
    row: Question = get("corrected")
    page, address = (reverse(f"annotation:{name}", args=[row.pk]) for name in ("pick", "pick-draft"))
    return Form(
        get("sena"), page, lambda text: {"reason": text}, address=address, carries=("draft_version", "round")
    )


def _adjudication_draft(get: Callable[[str], Any]) -> Form:
    row: Question = get("disputed")
    page, address = (
        reverse(f"annotation:{name}", args=[row.pk]) for name in ("adjudicate", "adjudicate-draft")
    )
    return Form(
        get("ada"), page, lambda text: {"reason": text}, address=address, carries=("draft_version", "round")
    )


# By the template that carries the version (or whose form does), each form that is sent with it.
FORMS = {
    "evaluation/protocol_form.html": _protocol,
    "evaluation/protocol.html": _checklist,
    "evaluation/trial_form.html": _trial,
    "annotation/campaign_form.html": _settings,
    "annotation/campaign_texts.html": _texts,
    "annotation/wording.html": _wording,
    "archive/study.html": _labels,
    "evaluation/write.html": _written,
    "evaluation/write.html, a turn": _turn,
    "evaluation/form.html": _scores,
    "evaluation/read.html": _reading,
    "annotation/correct.html": _correction_draft,
    "annotation/pick.html": _pick_draft,
    "annotation/adjudicate.html": _adjudication_draft,
}


def _post(client: Client, form: Form, hidden: dict[str, str], text: str) -> Any:
    key = {"idempotency_key": str(uuid.uuid4())}
    return client.post(form.address or form.page, {**form.sent(text), **hidden, **key})


def _opened(client: Client, form: Form) -> dict[str, str]:
    """What the page carries of the state it was opened on."""
    page = client.get(form.page)
    assert page.status_code == 200
    found = {name: html.unescape(value) for name, value in HIDDEN.findall(page.content.decode())}
    return {name: found[name] for name in form.carries}


@pytest.mark.parametrize("name", FORMS)
def test_whoever_sends_a_form_second_sees_both_texts_and_writes_over_none(
    name: str, request: pytest.FixtureRequest
) -> None:
    form = FORMS[name](request.getfixturevalue)
    client = Client()
    client.force_login(form.who)
    first, second = _opened(client, form), _opened(client, form)
    stored, sent, later = form.texts
    assert _post(client, form, first, stored).status_code in (200, 302)
    for text in (sent, sent, later):
        late = _post(client, form, second, text)
        assert late.status_code == 409
        shown = html.unescape(late.content.decode())
        assert stored in shown, "the text that stands"
        assert text in shown, "the text that was sent"
        assert not HIDDEN.search(shown.split("conflict-panel", 1)[1].split("<footer", 1)[0])
    fresh = _opened(client, form)
    assert fresh != second
    assert _post(client, form, fresh, later).status_code in (200, 302)


def test_every_template_that_carries_a_version_stands_in_the_list() -> None:
    found = set()
    for room in ROOMS:
        for path in (ROOT / room).rglob("*.html"):
            if "node_modules" in path.parts or not CARRIED.search(_whole(path)):
                continue
            found.add(f"{path.parent.name}/{path.name}")
    pieces = {"annotation/_draft_version.html"}  # included by correct, pick and adjudicate
    by_their_form = {
        "evaluation/protocol_form.html",
        "evaluation/trial_form.html",
        "annotation/campaign_form.html",
    }
    by_their_form |= {"annotation/campaign_texts.html"}
    assert found - pieces == {name.split(",")[0] for name in FORMS} - by_their_form


def _whole(path: Path) -> str:
    """A template with the piece that holds a draft's version."""
    text = path.read_text(encoding="utf-8")
    return text.replace('{% include "annotation/_draft_version.html" %}', ' name="draft_version"')
