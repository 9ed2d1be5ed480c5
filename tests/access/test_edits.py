"""Nobody's text is lost: sixty writers at once, double clicks, lost answers, two tabs, two people."""

import uuid
from typing import Any

import pytest
from django.test import Client

from annotation.models import Correction, Draft, Proposal, Question
from mammo.accounts.models import User
from tests.access.writers import CLICKS, WRITERS, storm
from tests.annotation.conftest import campaign, question, study  # noqa: F401


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_sixty_writers_at_once_lose_nothing_and_twenty_clicks_make_one_row(
    question: Question,  # noqa: F811
    june: User,
) -> None:
    found = storm(str(question.pk), june.username)
    # The counts of docs/reliability.md: shown by `pytest -rP`.
    print(
        ", ".join(f"{name} {found[name]}" for name in ("ok", "conflict", "lost", "rows", "rows_after_retry"))
    )
    assert found["ok"] + found["conflict"] == WRITERS, found
    assert found["other"] == {}
    assert found["ok"] >= 1
    assert found["lost"] == []
    assert found["version"] == found["ok"], "each save moved the version by one"
    # One sending: three proposals settled once, everybody is led to the same place.
    assert found["rows"] == 3, found["answers"]
    ((status, place, count),) = found["answers"]
    assert (status, count) == (302, CLICKS)
    assert found["retry"] == [status, place]
    assert found["rows_after_retry"] == 3


@pytest.mark.django_db
def test_two_tabs_are_told_of_both_texts(question: Question, june: User, client: Client) -> None:  # noqa: F811
    client.force_login(june)
    proposal = Proposal.objects.current(question)[0]
    address = f"/annotation/correct/{question.pk}/draft/"
    first = client.post(address, {f"text-{proposal.pk}": "第一个标签页", "round": 1, "draft_version": 0})
    assert first.status_code == 200
    second = client.post(address, {f"text-{proposal.pk}": "第二个标签页", "round": 1, "draft_version": 0})
    assert second.status_code == 409
    assert "第一个标签页" in second.content.decode()
    assert "第二个标签页" in second.content.decode()
    assert "第一个标签页" in str(Draft.objects.get().content)


@pytest.mark.django_db
def test_a_retry_after_a_lost_answer_makes_no_second_row(
    question: Question,  # noqa: F811
    june: User,
    client: Client,
) -> None:
    client.force_login(june)
    form: dict[str, Any] = {
        "idempotency_key": str(uuid.uuid4()),
        "round": 1,
        "draft_version": 0,
        "revision": 0,
    }
    for proposal in Proposal.objects.current(question):
        form |= {f"text-{proposal.pk}": proposal.text, f"no_change-{proposal.pk}": "on"}
    address = f"/annotation/correct/{question.pk}/submit/"
    answers = [client.post(address, form) for _ in range(3)]
    assert {(answer.status_code, answer.headers["Location"]) for answer in answers} == {
        (302, "/annotation/correct/")
    }
    assert Correction.objects.count() == 3
    assert client.post(address, {**form, "active_seconds": 7}).status_code == 302, "the page only counted on"
    first = next(name for name in form if name.startswith("text-"))
    changed = client.post(address, {**form, first: "别的回答"})
    assert changed.status_code == 409, "the same key with other contents is no retry"


@pytest.mark.django_db
def test_a_page_of_one_account_is_not_saved_by_another(
    question: Question,  # noqa: F811
    june: User,
    jack: User,
    client: Client,
) -> None:
    """On a shared machine somebody else may have signed in since the page was opened."""
    client.force_login(june)
    proposal = Proposal.objects.current(question)[0]
    form = {f"text-{proposal.pk}": "junes Worte", "round": 1, "draft_version": 0}
    address = f"/annotation/correct/{question.pk}/draft/"
    assert client.post(address, form, headers={"X-Account": str(jack.pk)}).status_code == 403
    assert not Draft.objects.exists()
    assert client.post(address, form, headers={"X-Account": str(june.pk)}).status_code == 200
    page = client.get("/annotation/correct/").content.decode()
    assert str(june.pk) in page.split("hx-headers=", 1)[1][:200]
