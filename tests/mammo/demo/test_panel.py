"""The demonstration's panel on the home page: how far it is while it runs, and that it stopped."""

import html
import re
from typing import Any

import pytest
from django.test import Client

from mammo.accounts.models import User
from mammo.demo.progress import STEPS, Progress


def page(person: User) -> str:
    client = Client()
    client.force_login(person)
    return client.get("/").content.decode()


def asks_again(text: str) -> str:
    """What the home page's changing part says of asking for itself again."""
    (found,) = re.findall(r'<div id="home-progress"([^>]*)>', text)
    return found.strip()


def step(text: str, key: str) -> str:
    """The panel's line about one step, without its tags and with single blanks."""
    lines = re.findall(r"<li class=\"[^\"]*\">(.*?)</li>", text, re.S)
    plain = [" ".join(html.unescape(re.sub(r"<[^>]+>", " ", line)).split()) for line in lines]
    (found,) = [line for line in plain if line.startswith(str(STEPS[key]))]
    return found


@pytest.fixture
def story(june: User, settings: Any) -> Progress:
    """A demonstration that is at its third step, with somebody to look at it."""
    settings.MAMMO_DEMO = True
    progress = Progress(seconds={"hospital": 12.4, "people": 0.0}, running="import", done=7, total=36)
    progress.save()
    return progress


def test_the_panel_tells_what_is_done_what_runs_and_what_comes(story: Progress, june: User) -> None:
    text = page(june)
    assert f'<progress max="{len(STEPS)}" value="2"' in text
    assert f"2 of {len(STEPS)} steps done" in text
    assert step(text, "hospital").endswith("✓ 12 s")
    assert step(text, "people").endswith("✓ 0 s")
    assert step(text, "import").endswith("running 7/36")
    assert step(text, "questions") == STEPS["questions"]
    assert re.search(r"<details open>\s*<summary>Its steps", text), "open while it runs"
    assert "The demonstration stopped" not in text
    assert asks_again(text) == 'hx-get="/home/progress/" hx-trigger="every 3s" hx-swap="outerHTML"'


def test_the_part_that_is_asked_for_moves_on_by_itself_until_the_story_has_ended(
    story: Progress, june: User
) -> None:
    client = Client()
    client.force_login(june)
    story.done = 21
    story.save()
    part = client.get("/home/progress/").content.decode()
    assert step(part, "import").endswith("running 21/36")
    assert 'hx-trigger="every 3s"' in asks_again(part)
    Progress(seconds=dict.fromkeys(STEPS, 1.0)).save()
    assert asks_again(client.get("/home/progress/").content.decode()) == ""


def test_a_step_that_failed_is_named_with_its_reason(story: Progress, june: User) -> None:
    story.failed = "import: no space left on the device"
    story.save()
    text = page(june)
    assert "The demonstration stopped:" in text
    assert "import: no space left on the device" in text
    assert step(text, "import").endswith("stopped")
    assert "running 7/36" not in text
    assert asks_again(text) == "", "nothing moves any more"


def test_a_finished_story_is_closed(story: Progress, june: User) -> None:
    Progress(seconds=dict.fromkeys(STEPS, 1.0)).save()
    text = page(june)
    assert f'<progress max="{len(STEPS)}" value="{len(STEPS)}"' in text
    assert re.search(r"<details>\s*<summary>Its steps", text)
    assert asks_again(text) == ""


def test_there_is_no_panel_outside_the_demo(story: Progress, june: User, settings: Any) -> None:
    settings.MAMMO_DEMO = False
    assert "The demonstration" not in page(june)
