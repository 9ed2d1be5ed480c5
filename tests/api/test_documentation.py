"""docs/api.md tells the truth: its examples are run, its lists are those of the code."""

import re
import shlex
import uuid
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from django.test import Client
from django.urls import reverse

from evaluation.models import Slot, Trial
from mammo.accounts.models import User
from mammo.api.scopes import Scope
from mammo.api.tokens import create_token
from mammo.core import dark_ground
from tests.api.conftest import ROOT

PAGE = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")


def run(name: str, **variables: str) -> Any:
    """Run a curl example of the page against the site: its method, headers, body and address."""
    found = re.search(rf"<!-- example: {name} -->\n((?:    .*\n)+)", PAGE)
    assert found is not None, name
    command = found[1].replace("\\\n", " ").replace("$(uuidgen)", str(uuid.uuid4()))
    for variable, value in variables.items():
        command = command.replace(f"${variable}", value)
    words = shlex.split(command)
    assert words[:2] == ["curl", "-s"]
    headers, method, body, address = {}, "GET", "", ""
    rest = iter(words[2:])
    for word in rest:
        if word == "-H":
            header, _colon, value = next(rest).partition(": ")
            headers[header] = value
        elif word == "-X":
            method = next(rest)
        elif word == "-d":
            body = next(rest)
        else:
            address = word
    split = urlsplit(address)
    assert split.netloc == "127.0.0.1:8000"
    kind = headers.pop("Content-Type", "application/json")
    return Client().generic(method, f"{split.path}?{split.query}", body, kind, headers=headers)


def token(user: User) -> str:
    return create_token(user, "docs", scopes=Scope.values, days=1, by_user=user)[1]


def test_the_examples_of_the_page_work(house: Trial, rita: User, sena: User) -> None:
    secret = token(rita)
    assert run("me", TOKEN=secret).json()["username"] == "rita"
    studies = run("studies", TOKEN=secret)
    assert studies.status_code == 200
    assert studies.json()["next"] is None
    form = Slot.objects.filter(rater__user=sena).order_by("position")[0]
    scored = run("score", TOKEN=token(sena), FORM=str(form.pk))
    assert scored.status_code == 201, scored.content
    assert {score["value"] for score in scored.json()} == {80, 75, 70, 85, 60}


def test_the_page_names_every_scope() -> None:
    named = set(re.findall(r"`((?:read|write):\w+)`", PAGE))
    assert named == set(Scope.values)


def test_the_page_names_every_noun() -> None:
    from mammo.api_urls import router

    table = PAGE.split("## Reading")[1].split("What is unknown")[0]
    named = set(re.findall(r"`([a-z-]+)`", table)) | set(re.findall(r"`([a-z-]+)/\{id\}", table))
    assert {prefix for prefix, _viewset, _name in router.registry} <= named


def test_the_page_of_operations_keeps_the_strict_policy(rita: User, client: Client) -> None:
    client.force_login(rita)
    page = client.get(reverse("api:docs"))
    text = page.content.decode()
    assert (
        "'unsafe-inline'" not in page.headers["Content-Security-Policy"].split("script-src ")[1].split(";")[0]
    )
    beside = text.replace(f"<style>{dark_ground.RULE}</style>", "", 1)
    assert not re.search(r"<script>|<style|style=|onclick=", beside), (
        "nothing inline but what the policy names"
    )
    for address in re.findall(r'(?:src|href)="(/static/[^"]+)"', text):
        name = address.removeprefix("/static/")
        assert _is_served(name), address


def _is_served(name: str) -> bool:
    from django.contrib.staticfiles import finders

    found = finders.find(name)
    return found is not None and Path(str(found)).is_file()
