"""What raters read of a frozen trial, hashed anew: the texts themselves, not the hashes beside them."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from django.utils.translation import gettext as _

from evaluation.models import Answer, Slot, Trial
from evaluation.services.answers import shown_hash
from mammo.core.encryption import ErasedText
from mammo.core.errors import WrongStateError

SEEN = "seen"
CHUNK = 500
_QUESTION = ("question__patient", "question__campaign__site")


def seen_hashes(trial: Trial) -> dict[str, Any]:
    """What the rows of a design keep no hash of: questions as shown (keyed hashes by id) and names in Chinese.

    Stored with the event of the freezing, so that it can be compared when a patient's texts are gone.
    """
    asked = trial.trial_questions.select_related(*_QUESTION).order_by("position")
    return {
        "questions": {str(row.question_id): _of_turns(row.question.turns) for row in asked},
        "names_zh": dict(trial.aspects.order_by("position").values_list("key", "name_zh")),
    }


def frozen_hashes(trial: Trial) -> dict[str, Any]:
    """Those of the freezing; empty for trials that were frozen before they were kept."""
    event = trial.events.filter(kind="frozen").first()
    return dict(event.details.get(SEEN, {})) if event is not None else {}


def require_seen_texts(trial: Trial, frozen: Mapping[str, Any]) -> None:
    """Let a trial pass whose texts are those that its hashes were taken of; texts of erased patients are gone.

    Args:
        frozen: `seen_hashes` of the freezing, or empty.

    Raises:
        WrongStateError: a text that raters read was changed behind the services.
    """
    for text, sha256 in _texts(trial):
        if not isinstance(text, ErasedText) and shown_hash(text) != sha256:
            raise WrongStateError(
                _("%(name)s: a text that raters read is not the frozen one; compare with a backup.")
                % {"name": trial.name}
            )
    if not frozen:
        return
    now, kept = seen_hashes(trial), frozen["questions"]
    changed = [pk for pk, sha256 in now["questions"].items() if sha256 and sha256 != kept.get(pk)]
    if changed or now["names_zh"] != frozen["names_zh"]:
        raise WrongStateError(
            _("%(name)s: a text that raters read is not the frozen one; compare with a backup.")
            % {"name": trial.name}
        )


def _texts(trial: Trial) -> Iterator[tuple[str, str]]:
    """Answers, degraded answers, practice answers and dialogues' turns, each with the hash of its row."""
    answers = Answer.objects.filter(arm__trial=trial).select_related(
        "question__question__patient", "question__question__campaign__site"
    )
    for answer in answers.iterator(chunk_size=CHUNK):
        yield answer.shown_text, answer.shown_sha256
    controls = Slot.objects.filter(rater__trial=trial, kind=Slot.Kind.CONTROL).exclude(control_sha256="")
    for slot in controls.select_related(
        "answer__question__question__patient", "answer__question__question__campaign__site"
    ):
        yield slot.control_text or "", slot.control_sha256
    for item in trial.practice_items.exclude(text_sha256="").select_related(*_QUESTION):
        yield item.text, item.text_sha256
    for asked in trial.trial_questions.exclude(rounds_sha256="").select_related(*_QUESTION):
        rounds = asked.rounds
        if not isinstance(rounds, ErasedText):
            yield json.dumps(rounds, ensure_ascii=False), asked.rounds_sha256


def _of_turns(turns: Any) -> str:
    return "" if isinstance(turns, ErasedText) else shown_hash(json.dumps(turns, ensure_ascii=False))
