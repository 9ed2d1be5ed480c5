"""A visitor works at the demo's questions while its script does: what they took is theirs, and the story goes on."""

from pathlib import Path
from typing import Any

import pytest

from annotation.models import Correction, Pick, Purpose, Question
from annotation.services import export as services
from annotation.services import leases, wordings
from annotation.services.picks import pick
from mammo.demo.story import annotating, data, training
from tests.annotation import scene
from tests.mammo.demo import small_story
from tests.mammo.demo.small_story import Meanwhile

pytestmark = pytest.mark.django_db


def test_what_june_holds_or_sends_in_meanwhile_is_left_to_her_and_the_later_steps_go_on() -> None:
    story = small_story.proposed(Meanwhile())
    june = story.everybody["june"]
    first, _spared, other, *_ = small_story.questions_of(story)
    leases.hold(first, by_user=june, purpose=Purpose.CORRECT)
    Meanwhile.act = lambda: scene.settle(other, june)
    notes = annotating.annotate(story)
    first.refresh_from_db()
    other.refresh_from_db()
    assert first.stage == Question.Stage.PROPOSED
    # None of her texts was true: the scripted senior sent it back, and it is hers again.
    assert (other.stage, other.round) == (Question.Stage.PROPOSED, 2)
    writers = Correction.objects.filter(proposal__question=other).values_list("by_user", flat=True)
    assert set(writers) == {june.pk}
    assert (notes["left_to_correct"], notes["left_to_pick"], notes["taken_by_visitors"]) == (10, 5, 2)
    exported = annotating.export(story)
    assert exported["counts"]
    assert len(training.freeze_snapshot(story)["snapshot"]) == 64


def test_what_sena_holds_is_left_to_her() -> None:
    story = small_story.proposed()
    first = small_story.questions_of(story)[0]
    scene.settle(first, story.everybody["june"])
    leases.hold(first, by_user=story.everybody["sena"], purpose=Purpose.PICK)
    assert annotating.annotate(story)["taken_by_visitors"] == 1
    first.refresh_from_db()
    assert first.stage == Question.Stage.CORRECTED


def test_an_answer_that_sena_picks_during_the_export_goes_into_it(monkeypatch: pytest.MonkeyPatch) -> None:
    story = small_story.proposed()
    annotating.annotate(story)
    waiting = Question.objects.filter(stage=Question.Stage.CORRECTED).first()
    assert waiting is not None
    real = services.write_training_set

    def meanwhile(request: Any, folder: Path) -> Any:
        monkeypatch.setattr(services, "write_training_set", real)
        chosen = Correction.objects.candidates(waiting)[0].pk
        pick(waiting, by_user=story.everybody["sena"], correction=chosen)
        return real(request, folder)

    monkeypatch.setattr(services, "write_training_set", meanwhile)
    counts = annotating.export(story)["counts"]
    assert counts["samples"] == Pick.objects.standing().count()


def test_a_wording_that_dana_confirms_meanwhile_stops_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    story = small_story.begun()
    real = wordings.confirm_wordings

    def dana_was_faster(site: Any, seen: Any, *, by_user: Any) -> int:
        monkeypatch.setattr(data, "confirm_wordings", real)
        key, version = next(iter(seen.items()))
        real(site, {key: version}, by_user=by_user)
        return real(site, seen, by_user=by_user)

    monkeypatch.setattr(data, "confirm_wordings", dana_was_faster)
    data.bring_questions(story)
    assert not Question.objects.filter(cleaned_by=None).exists()
