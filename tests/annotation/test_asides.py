"""Beside the work: a flag or a skip says only what its person chose to say."""

import re
import uuid

import pytest
from django.urls import reverse

from annotation.models import Flag, Question, Skip
from mammo.accounts.models import User
from tests.annotation.test_views import HTMX, signed_in


@pytest.mark.parametrize("field", ["kind", "code"])
@pytest.mark.parametrize("purpose", ["correct", "pick", "adjudicate"])
def test_reasons_begin_with_a_choice_that_is_still_to_be_made(
    request: pytest.FixtureRequest, purpose: str, field: str
) -> None:
    fixtures = {
        "correct": ("question", "june"),
        "pick": ("waiting", "sena"),
        "adjudicate": ("disputed", "ada"),
    }
    question, person = (request.getfixturevalue(name) for name in fixtures[purpose])
    body = signed_in(person).get(reverse(f"annotation:{purpose}", args=[question.pk])).content.decode()
    found = re.search(rf'<select[^>]* name="{field}" required>(.*?)</select>', body, re.DOTALL)
    assert found is not None
    assert found[1].startswith('<option value="">Choose a reason</option>')
    assert "selected" not in found[1]


def test_a_form_without_a_reason_records_nothing(question: Question, june: User) -> None:
    client = signed_in(june)
    for name, field in (("flag", "kind"), ("correct-skip", "code")):
        sent = {"idempotency_key": str(uuid.uuid4()), field: ""}
        answer = client.post(reverse(f"annotation:{name}", args=[question.pk]), sent, **HTMX)
        assert (answer.status_code, "choose a reason" in answer.content.decode()) == (400, True), name
    assert not Flag.objects.exists()
    assert not Skip.objects.exists()
