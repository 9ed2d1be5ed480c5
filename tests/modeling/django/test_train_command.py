"""`manage.py train`: what lacks is named by the option that gives it."""

import pytest
from django.core.management import CommandError, call_command

from modeling.models import Run

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("given", "named"),
    [
        (["density"], r"^--snapshot: missing; .*train density --snapshot NAME.*manage\.py snapshot NAME"),
        (["sft", "--language-model", "/models/glm"], r"^--snapshot: missing"),
        (["language"], r"^--corpus: missing"),
        (["language", "--corpus", "dialogues.jsonl"], r"^--site: missing"),
    ],
)
def test_a_missing_option_is_named_with_its_mend(given: list[str], named: str) -> None:
    with pytest.raises(CommandError, match=named) as refused:
        call_command("train", *given)
    assert len(str(refused.value).splitlines()) == 1
    assert not Run.objects.exists()
