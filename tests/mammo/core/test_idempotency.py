"""A creating POST counts once."""

import re
import threading
import uuid
from datetime import timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connections
from django.test import Client
from django.utils import timezone

from mammo.accounts.models import Site, User
from mammo.core import idempotency
from mammo.core.models import IdempotentPost

pytestmark = [pytest.mark.urls("tests.mammo.core.creating_urls"), pytest.mark.django_db]


def signed_in(user: User) -> Client:
    client = Client(raise_request_exception=False)
    client.force_login(user)
    return client


def made() -> int:
    return Site.objects.filter(code__startswith="made-").count()


def test_the_same_form_sent_twice_makes_one_row_and_answers_alike(june: User) -> None:
    client, form = signed_in(june), {"idempotency_key": str(uuid.uuid4()), "name": "A"}
    first, second = client.post("/create", form), client.post("/create", form)
    assert first.status_code == second.status_code == 302
    assert first.headers["Location"] == second.headers["Location"]
    assert made() == 1


def test_two_forms_make_two_rows(june: User) -> None:
    client = signed_in(june)
    for _ in range(2):
        client.post("/create", {"idempotency_key": str(uuid.uuid4()), "name": "A"})
    assert made() == 2


def test_a_key_belongs_to_one_account(june: User, jack: User) -> None:
    form = {"idempotency_key": str(uuid.uuid4()), "name": "A"}
    signed_in(june).post("/create", form)
    signed_in(jack).post("/create", form)
    assert made() == 2


@pytest.mark.parametrize("key", [None, "", "17", "not-a-uuid"])
def test_a_post_without_a_usable_key_makes_nothing(june: User, key: str | None) -> None:
    form = {"name": "A"} if key is None else {"name": "A", "idempotency_key": key}
    assert signed_in(june).post("/create", form).status_code == 400
    assert made() == 0


def test_the_key_may_come_as_a_header(june: User) -> None:
    client, key = signed_in(june), str(uuid.uuid4())
    for _ in range(2):
        assert client.post("/create", {"name": "A"}, headers={"Idempotency-Key": key}).status_code == 302
    assert made() == 1


@pytest.mark.parametrize("how", ["error", "invalid"])
def test_after_an_error_nothing_stands_and_the_same_form_can_be_sent_again(june: User, how: str) -> None:
    client, key = signed_in(june), str(uuid.uuid4())
    assert client.post("/create", {"idempotency_key": key, "name": "A", "how": how}).status_code in (400, 422)
    assert made() == 0
    assert client.post("/create", {"idempotency_key": key, "name": "B"}).status_code == 302
    assert made() == 1


@pytest.mark.parametrize(
    ("address", "name"), [("/create", "other text"), ("/other", "A"), ("/create?page=2", "A")]
)
def test_a_key_that_comes_back_with_other_contents_is_refused_not_swallowed(
    june: User, address: str, name: str
) -> None:
    client, key = signed_in(june), str(uuid.uuid4())
    client.post("/create", {"idempotency_key": key, "name": "A"})
    assert client.post(address, {"idempotency_key": key, "name": name}).status_code == 409
    assert made() == 1


def test_a_corrected_file_of_the_same_name_and_size_is_other_contents(june: User) -> None:
    """Its bytes are looked at, and the view reads them from the beginning all the same."""
    client, key = signed_in(june), str(uuid.uuid4())

    def sent(text: bytes) -> int:
        file = SimpleUploadedFile("q.csv", text)
        return client.post("/create", {"idempotency_key": key, "table": file}).status_code

    assert [sent(b"BI-RADS 3"), sent(b"BI-RADS 4"), sent(b"BI-RADS 3")] == [302, 409, 302]
    assert Site.objects.get(code__startswith="made-").name == "BI-RADS 3"


def test_a_new_csrf_token_is_not_other_contents(june: User) -> None:
    client, key = signed_in(june), str(uuid.uuid4())
    for token in ("before-signing-in-again", "after"):
        form = {"idempotency_key": key, "name": "A", "csrfmiddlewaretoken": token}
        assert client.post("/create", form).status_code == 302
    assert made() == 1


def test_seconds_that_the_page_counted_on_are_not_other_contents(june: User) -> None:
    client, key = signed_in(june), str(uuid.uuid4())
    answers = [
        client.post("/create", {"idempotency_key": key, "name": "A", "active_seconds": counted})
        for counted in ("31", "33")
    ]
    assert [answer.status_code for answer in answers] == [302, 302]
    assert answers[0].headers["Location"] == answers[1].headers["Location"]
    assert made() == 1


def test_a_repeated_fragment_leaves_the_page_as_it_is(june: User) -> None:
    client, form = signed_in(june), {"idempotency_key": str(uuid.uuid4()), "how": "fragment"}
    assert client.post("/create", form).status_code == 200
    assert client.post("/create", form).status_code == 204
    assert made() == 1


def test_every_page_carries_a_fresh_key(june: User) -> None:
    client = signed_in(june)
    pages = [client.get("/create").content.decode() for _ in range(2)]
    keys = {uuid.UUID(re.search(r'name="idempotency_key" value="([^"]+)"', page).group(1)) for page in pages}  # type: ignore[union-attr]
    assert len(keys) == 2


def test_a_stranger_gets_the_page_of_an_unknown_object(db: None) -> None:
    response = Client(raise_request_exception=False).post("/create", {"idempotency_key": str(uuid.uuid4())})
    assert response.status_code == 404
    assert made() == 0


def test_old_keys_are_forgotten_and_young_ones_kept(june: User) -> None:
    for age in (timedelta(days=1), idempotency.KEPT + timedelta(minutes=1)):
        post = IdempotentPost.objects.create(user=june, key=uuid.uuid4(), view="create", fingerprint="")
        IdempotentPost.objects.filter(pk=post.pk).update(created_at=timezone.now() - age)
    assert idempotency.forget_old() == 1
    assert IdempotentPost.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_twenty_double_clicks_at_once_make_one_row(june: User) -> None:
    form, answers = {"idempotency_key": str(uuid.uuid4()), "name": "A"}, []

    def click(client: Client) -> None:
        answers.append(client.post("/create", form).headers.get("Location"))
        connections.close_all()

    clicks = [threading.Thread(target=click, args=(signed_in(june),)) for _ in range(20)]
    for one in clicks:
        one.start()
    for one in clicks:
        one.join()
    assert made() == 1
    assert len(answers) == 20
    assert len(set(answers)) == 1
