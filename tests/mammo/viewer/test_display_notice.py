"""Who can't send in from this display is told before the pictures are there, with the way to describe it."""

import re

import pytest
from django.test import Client
from django.urls import reverse

from evaluation.models import ReadingSlot, TrialQuestion
from mammo.accounts.models import User
from mammo.archive import displays
from tests.api.conftest import caller as caller
from tests.evaluation import reading_scene, scene
from tests.mammo.viewer import screens
from tests.mammo.viewer.test_judged_everywhere import House
from tests.mammo.viewer.test_judged_everywhere import house as house

pytestmark = [pytest.mark.django_db, pytest.mark.real_screens]


def way_of(client: Client, path: str) -> str:
    """Where the notice of a page leads; "" where there is none."""
    page = client.get(path)
    assert page.status_code == 200
    notice = re.search(r"data-display-notice>.*?</p>", page.content.decode(), re.DOTALL)
    return re.findall(r'href="([^"]+)"', notice[0])[0] if notice else ""


def told(house: House, person: User, *paths: str) -> None:
    """Each page tells this person until the display is described, and leads back to itself."""
    client = house.browser(person)
    for path in paths:
        assert way_of(client, path) == f"{reverse('archive:display')}?next={path.replace('/', '%2F')}", path
        assert client.get(way_of(client, path)).status_code == 200
    screens.describe(person)
    assert [way_of(client, path) for path in paths] == [""] * len(paths)


def test_a_junior_is_told(house: House) -> None:
    question = house.asked()
    told(
        house,
        house.june,
        reverse("annotation:correct-list"),
        reverse("annotation:correct", args=[question.pk]),
    )


def test_a_senior_is_told_who_decides(house: House) -> None:
    question = house.disputed()
    told(
        house,
        house.ada,
        reverse("annotation:adjudicate-list"),
        reverse("annotation:adjudicate", args=[question.pk]),
    )


def test_a_senior_is_told_who_picks(house: House) -> None:
    question = house.corrected()
    told(house, house.sena, reverse("annotation:pick-list"), reverse("annotation:pick", args=[question.pk]))


def test_a_rater_is_told(house: House) -> None:
    trial = scene.open_trial(house.rita, house.june, [house.sena, house.sol], count=1)
    slot = trial.raters.get(user=house.sol).slots.order_by("position")[0]
    told(house, house.sol, reverse("evaluation:scoring"), reverse("evaluation:form", args=[slot.pk]))


def test_a_reader_is_told(house: House) -> None:
    reading_scene.open_study(house.rita, [house.june])
    slot = ReadingSlot.objects.filter(reader__user=house.june).order_by("position")[0]
    told(house, house.june, reverse("evaluation:readings"), reverse("evaluation:read", args=[slot.pk]))


def test_an_author_is_told_and_led_to_the_display_at_sign_in(house: House) -> None:
    author = scene.person(house.rita.sites_as("researcher").get(), "nora", "author")
    assert displays.needs_description(author, "Chromium")
    questions = scene.questions_of(house.rita, [house.june, house.sena, house.sol], 1)
    scene.draft_trial(house.rita, questions, author)
    asked = TrialQuestion.objects.get()
    told(house, author, reverse("evaluation:writing"), reverse("evaluation:write", args=[asked.pk]))


def test_a_display_that_will_not_do_is_told_and_one_good_screen_ends_it(house: House) -> None:
    question = house.asked()
    client, path = house.browser(house.june), reverse("annotation:correct", args=[question.pk])
    screens.describe(house.june, dark_seen=False)
    assert "nothing can be sent in from it" in client.get(path).content.decode()
    other = screens.measured(screen_width=2048, screen_height=2560)
    displays.record_display(other, screens.stated(), by_user=house.june)
    assert way_of(client, path) == "", "which of the two somebody sits at, the viewer finds out"


def home_notice(client: Client) -> str:
    """The line of the home page that leads to the display; "" where there is none."""
    lines = re.findall(r"<li>.*?</li>", client.get("/").content.decode(), re.DOTALL)
    return "".join(line for line in lines if f'href="{reverse("archive:display")}?next=/"' in line)


def test_home_tells_a_reader_until_the_display_is_described(house: House) -> None:
    client = house.browser(house.june)
    assert "not described yet" in home_notice(client)
    assert client.get(f"{reverse('archive:display')}?next=/").status_code == 200
    screens.describe(house.june)
    assert home_notice(client) == ""
    assert home_notice(house.browser(house.rita)) == "", "a researcher judges nothing"


def test_home_tells_when_the_last_case_was_opened_on_another_screen(house: House) -> None:
    question = house.asked()
    screens.describe(house.june)
    other = {"width": 1280, "height": 720, "pixel_ratio": 1}
    screens.put_on_screen(house.june, "question", question.pk, question.study, screen=other)
    client = house.browser(house.june)
    assert "last opened a case" in home_notice(client)
    displays.record_display(
        screens.measured(screen_width=1280, screen_height=720), screens.stated(), by_user=house.june
    )
    assert home_notice(client) == ""


@pytest.mark.parametrize("way", ["", "?next=/", "?next=%2F"])
def test_the_usual_way_in_leads_a_reader_to_the_display(house: House, way: str) -> None:
    sent = {"login": "june", "password": "correct horse battery"}
    if way:
        sent["next"] = "/"
    entered = Client().post(f"{reverse('account_login')}{way}", sent)
    assert entered.headers["Location"] == f"{reverse('archive:display')}?next=/"
    screens.describe(house.june)
    again = Client(headers={"User-Agent": "Chromium"}).post(f"{reverse('account_login')}{way}", sent)
    assert again.headers["Location"] == "/"


def test_a_way_of_ones_own_is_kept(house: House) -> None:
    sent = {"login": "june", "password": "correct horse battery", "next": "/annotation/correct/"}
    entered = Client().post(reverse("account_login"), sent)
    assert entered.headers["Location"] == "/annotation/correct/"
