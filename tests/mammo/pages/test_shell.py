"""The page shell as the server renders it: sign-in, navigation, languages, error pages."""

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from django.conf import settings
from django.core import checks
from django.test import Client

from mammo.core import dark_ground, navigation
from mammo.core.demo_accounts import DemoAccount, show_accounts
from mammo.core.navigation import Entry

PASSWORD = "correct horse battery"


@pytest.fixture
def entries(monkeypatch: pytest.MonkeyPatch) -> list[Entry]:
    """A registry of its own for one test."""
    registry: list[Entry] = []
    monkeypatch.setattr(navigation, "_entries", registry)
    return registry


def sign_in(client: Client, username: str, password: str = PASSWORD, **more: str):
    return client.post("/accounts/login/", {"login": username, "password": password, **more})


@pytest.mark.django_db
def test_a_stranger_is_sent_to_the_sign_in_page(client: Client) -> None:
    answer = client.get("/")
    assert answer.status_code == 302
    assert answer.url.startswith("/accounts/login/")


def test_the_right_password_signs_in_and_a_wrong_one_does_not(client: Client, june) -> None:
    assert "alert-danger" in sign_in(client, "june", "wrong").content.decode()
    assert sign_in(client, "june").status_code == 302
    assert "June" in client.get("/").content.decode()


def test_sign_out_needs_a_post_and_ends_the_session(client: Client, june) -> None:
    client.force_login(june)
    assert client.get("/accounts/logout/").status_code == 200
    assert client.get("/").status_code == 200
    client.post("/accounts/logout/")
    assert client.get("/").status_code == 302


def test_a_password_can_be_changed(client: Client, june) -> None:
    client.force_login(june)
    fresh = "staple battery horse"
    answer = client.post(
        "/accounts/password/change/", {"oldpassword": PASSWORD, "password1": fresh, "password2": fresh}
    )
    assert answer.status_code == 302
    client.post("/accounts/logout/")
    assert sign_in(client, "june", fresh).status_code == 302


def test_nobody_signs_up(client: Client, db: None) -> None:
    assert client.get("/accounts/signup/").status_code == 404


def test_demo_sign_ins_are_shown_in_the_demo_only(client: Client, db: None, settings) -> None:
    show_accounts([DemoAccount(username="demo-june", password="shown to all", role="Junior radiologist")])
    settings.MAMMO_DEMO = False
    assert "demo-june" not in client.get("/accounts/login/").content.decode()
    settings.MAMMO_DEMO = True
    page = client.get("/accounts/login/").content.decode()
    assert "demo-june" in page
    assert "shown to all" in page


def test_navigation_shows_what_the_role_may_see(client: Client, june, sena, entries: list[Entry]) -> None:
    navigation.register_entry(Entry(label="Corrections", url_name="about", roles=frozenset({"junior"})))
    navigation.register_entry(Entry(label="Everybody", url_name="home"))
    for person, sees in ((june, True), (sena, False)):
        client.force_login(person)
        head = client.get("/").content.decode().split("<main")[0]
        assert ("Corrections" in head) is sees
        assert "Everybody" in head


def test_the_deepest_entry_that_holds_the_page_is_current(june, entries: list[Entry]) -> None:
    navigation.register_entry(Entry(label="Home", url_name="home"))
    navigation.register_entry(Entry(label="About", url_name="about"))
    current = [str(link.entry.label) for link in navigation.links_for(june, "/about/") if link.is_current]
    assert current == ["About"]


def test_home_tells_what_waits_for_me(client: Client, june, entries: list[Entry]) -> None:
    navigation.register_entry(Entry(label="Corrections", url_name="about", waiting=lambda user: 7))
    client.force_login(june)
    assert re.search(r">7</span>\s*waiting for you", client.get("/").content.decode())


def test_an_entry_that_leads_nowhere_is_named_by_the_system_check(june, entries: list[Entry]) -> None:
    navigation.register_entry(Entry(label="Nowhere", url_name="no_such_address"))
    assert navigation.links_for(june, "/") == []
    assert "no_such_address" in navigation.check_entries()[0].msg


@pytest.mark.django_db
def test_every_registered_entry_leads_somewhere() -> None:
    assert [found for found in checks.run_checks() if found.id == "core.W101"] == []


def test_the_language_switch_turns_the_page_into_chinese(client: Client, june) -> None:
    client.force_login(june)
    client.post("/i18n/setlang/", {"language": "zh-hans", "next": "/about/"})
    page = client.get("/about/").content.decode()
    assert '<html lang="zh-hans"' in page
    assert "关于本平台" in page
    assert "研究用软件" in page


def test_an_unknown_address_is_answered_in_the_shell(client: Client, june) -> None:
    client.force_login(june)
    answer = client.get("/no-such-page/")
    assert answer.status_code == 404
    assert "not yours to see" in answer.content.decode()


@pytest.mark.urls("tests.mammo.pages.pages_urls")
def test_a_defect_is_answered_without_telling_its_inside(client: Client, db: None) -> None:
    client.raise_request_exception = False
    answer = client.get("/test/broken")
    assert answer.status_code == 500
    assert "The server failed" in answer.content.decode()
    assert "a defect" not in answer.content.decode()


def test_a_form_of_an_earlier_sign_in_is_refused_in_plain_words(june) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(june)
    answer = strict.post("/accounts/logout/")
    assert answer.status_code == 403
    assert "grown old" in answer.content.decode()


class _Inline(HTMLParser):
    """Collects what the strict policy would block, and the text of each style."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self.rules: list[str] = []

    def handle_data(self, data: str) -> None:
        if self.cdata_elem == "style":
            self.rules.append(data)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = dict(attrs)
        if "style" in named or any(name.startswith("on") for name in named):
            self.found.append(f"{tag} {named}")
        if tag == "script" and "src" not in named and named.get("type") != "application/json":
            self.found.append(f"{tag} {named}")


@pytest.mark.parametrize("address", ["/", "/about/", "/accounts/password/change/", "/no-such-page/"])
def test_no_page_carries_inline_script_or_style(client: Client, june, address: str) -> None:
    client.force_login(june)
    parser = _Inline()
    parser.feed(client.get(address).content.decode())
    assert parser.found == []
    assert parser.rules == [dark_ground.RULE]


def test_no_template_asks_another_host_for_anything() -> None:
    outside = re.compile(r"""(?:src|href|action)=["'](?:https?:)?//""")
    templates = (Path(settings.PACKAGE_DIR) / "templates").rglob("*.html")
    assert [path.name for path in templates if outside.search(path.read_text(encoding="utf-8"))] == []
