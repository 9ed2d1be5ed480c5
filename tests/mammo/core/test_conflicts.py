"""A save that came second and that its view did not answer itself: what was sent stays on the page."""

import pytest
from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory
from django.utils import translation

from annotation.forms import InviteForm, TextsForm
from mammo.core.conflicts import form_as_text
from mammo.core.errors import StaleVersionError
from mammo.core.middleware import UserErrorMiddleware

pytestmark = [pytest.mark.django_db]


def answered(current: object) -> str:
    """The page for a form that came second, where this stands."""
    sent = {
        "reason": "typed <here>",
        "version": "3",
        "idempotency_key": "key of the page",
        "active_seconds": "77",
    }
    request: HttpRequest = RequestFactory().post("/", sent)
    request.user, request.htmx = AnonymousUser(), True  # type: ignore[attr-defined]
    stale = StaleVersionError("Written anew.", current=current, current_version=4)
    answer = UserErrorMiddleware(lambda request: HttpResponse()).process_exception(request, stale)
    assert answer is not None
    assert answer.status_code == 409
    return answer.content.decode()


def test_what_was_sent_stands_beside_the_text_that_stands() -> None:
    page = answered("a colleague's text")
    assert "a colleague&#x27;s text" in page
    assert "reason: typed &lt;here&gt;" in page
    assert "Written anew." in page
    assert [hidden for hidden in ("key of the page", "77", "version:") if hidden in page] == []


def test_a_row_is_shown_by_its_own_view_alone() -> None:
    page = answered(AnonymousUser())
    assert "Nothing is stored there." not in page
    assert "typed &lt;here&gt;" in page
    assert "AnonymousUser" not in page


def test_values_read_as_the_form_names_them_and_hidden_fields_are_left_out() -> None:
    with translation.override("en"):
        assert "Her language: 中文" in form_as_text(InviteForm(), {"language": "zh"})
        shown = form_as_text(TextsForm(), {"version": 4, "instructions": "one\r\ntwo"})
    assert "Instructions (Markdown):\none\ntwo" in shown
    assert "4" not in shown
