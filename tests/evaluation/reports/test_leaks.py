"""The leak report's wiring: whose guesses count and when, what is right for whom, lengths, raw against shown texts."""

import json
from collections.abc import Iterator
from dataclasses import asdict

import numpy as np
import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from evaluation.models import Answer, Arm, Aspect, AuthorGuess, Score, Slot, Trial
from evaluation.reports.leaks import ArmRow, leak_report, report_of
from evaluation.services.guesses import next_guess, record_guess
from evaluation.services.raters import withdraw
from evaluation.services.scoring import lock_trial
from evaluation.services.unblinding import confirm_unblinding, request_unblinding
from mammo.accounts.models import User
from mammo.archive.models import Patient
from tests.evaluation import scene

GUESSES = 27  # every form of a rater


@pytest.fixture
def scored(rita: User, june: User, sena: User, sol: User) -> Trial:
    """Sena and Sol have scored all; of each answer they are asked who wrote it."""
    questions = scene.questions_of(rita, [june, sena, sol], 9)
    draft = scene.draft_trial(rita, questions, june, guesses=GUESSES)
    scene.answer_all(draft, rita, june)
    for place, answer in enumerate(Answer.objects.filter(arm__trial=draft).order_by("arm__position", "pk")):
        lengthened(answer, place)
    trial = scene.opened(draft, rita, [sena, sol])
    scene.score_all(trial)
    return trial


def guess_all(trial: Trial, user: User, guesses: dict[str, Iterator[str]]) -> None:
    """Guess every answer, by the name of its arm."""
    rater = trial.raters.get(user=user)
    while (slot := next_guess(rater)) is not None:
        record_guess(slot, next(guesses[slot.answer.arm.name]), by_user=user)


def guesses_of(ours: str, untuned: str, doctor: str) -> dict[str, Iterator[str]]:
    """Nine guesses per arm as letters: a AI, d doctor, u don't know."""
    names = {"a": "ai", "d": "doctor", "u": "unknown"}
    rows = {"MammoVLM": ours, "Untuned model": untuned, "Junior doctor": doctor}
    return {arm: iter([names[letter] for letter in letters]) for arm, letters in rows.items()}


def unblinded(trial: Trial, rita: User, stan: User) -> Trial:
    lock_trial(trial, by_user=rita, reason="enough")
    request_unblinding(trial, by_user=rita, reason="scoring is over")
    return confirm_unblinding(trial, by_user=stan)


def row_of(trial: Trial, name: str, *, simulated: bool = False) -> ArmRow:
    report = leak_report(trial, simulated=simulated)
    arm = trial.arms.get(name=name)
    (row,) = (row for row in report.arms if row.label in (arm.name, arm.code))
    return row


def test_a_doctors_answer_is_guessed_rightly_as_a_doctors_and_a_systems_as_ai(
    scored: Trial, rita: User, stan: User, sena: User
) -> None:
    guess_all(scored, sena, guesses_of("aaaaaaddu", "aaaadddud", "dddddddau"))
    trial = unblinded(scored, rita, stan)
    ours, doctor = row_of(trial, "MammoVLM"), row_of(trial, "Junior doctor")
    assert dict(ours.guesses) == {"ai": 6, "doctor": 2, "unknown": 1}
    assert dict(doctor.guesses) == {"ai": 1, "doctor": 7, "unknown": 1}
    assert ours.bang.value == pytest.approx((6 - 2) / 9)
    assert doctor.bang.value == pytest.approx((7 - 1) / 9)
    groups = leak_report(trial).groups
    # Both systems together: 6 + 4 rightly AI, 2 + 4 wrongly doctor, of 18.
    assert groups["system"].value == pytest.approx((10 - 6) / 18)
    assert groups["system"].n == 18
    assert groups["human"].value == pytest.approx((7 - 1) / 9)
    assert "take all guesses as independent" in page_of(trial, rita)


def page_of(trial: Trial, user: User) -> str:
    """The page of the leak report."""
    client = Client()
    client.force_login(user)
    return client.get(reverse("evaluation:leaks", args=[trial.pk])).content.decode()


def test_without_guesses_nothing_is_said_of_their_intervals(scored: Trial, rita: User) -> None:
    lock_trial(scored, by_user=rita, reason="enough")
    assert leak_report(scored).notes == []
    assert "take all guesses as independent" not in page_of(scored, rita)


def test_a_reference_has_guesses_and_no_index(scored: Trial, rita: User, stan: User, sena: User) -> None:
    guess_all(scored, sena, guesses_of("a" * 9, "a" * 9, "d" * 9))
    trial = unblinded(scored, rita, stan)
    Arm.objects.filter(trial=trial, name="Junior doctor").update(kind=Arm.Kind.REFERENCE)
    reseal(trial)
    row = row_of(trial, "Junior doctor")
    assert row.guesses["doctor"] == 9
    assert row.bang is None
    assert set(leak_report(trial).groups) == {"system"}


def reseal(trial: Trial) -> None:
    from evaluation.services.freezing import design_hash

    Trial.objects.filter(pk=trial.pk).update(design_sha256=design_hash(Trial.objects.get(pk=trial.pk)))
    trial.refresh_from_db()


def test_an_arms_index_waits_for_the_unblinding_its_counts_do_not(
    scored: Trial, rita: User, stan: User, sena: User
) -> None:
    guess_all(scored, sena, guesses_of("a" * 9, "u" * 9, "d" * 9))
    lock_trial(scored, by_user=rita, reason="enough")
    report = leak_report(scored)
    assert all(row.bang is None for row in report.arms)
    assert sorted(row.guesses["ai"] for row in report.arms) == [0, 0, 9]
    codes = set(scored.arms.values_list("code", flat=True))
    assert {row.label for row in report.arms} == codes
    # Lengths and changes are those of a file that someone uploaded: beside a code they would name it.
    assert {(row.raw, row.shown, row.changed) for row in report.arms} == {(None, None, None)}
    assert report_of(json.loads(json.dumps(asdict(report)))) == report
    masked = page_of(scored, rita)
    assert masked.count('<td class="number">–</td>') >= 4 * len(codes)
    request_unblinding(scored, by_user=rita, reason="scoring is over")
    trial = confirm_unblinding(scored, by_user=stan)
    assert row_of(trial, "MammoVLM").bang.value == 1.0
    assert row_of(trial, "MammoVLM").raw is not None
    # All nine alike: a formula that knows no variance gives no interval, and says so.
    assert row_of(trial, "MammoVLM").bang.interval is None
    assert "all guesses are alike" in leak_report(trial).notes[0]
    assert "1.00</td>" in page_of(trial, rita)


def test_guesses_on_patients_who_withdrew_and_on_simulated_answers_are_left_out(
    scored: Trial, rita: User, stan: User, sena: User
) -> None:
    guess_all(scored, sena, guesses_of("adddddddd", "a" * 9, "d" * 9))
    trial = unblinded(scored, rita, stan)
    right = AuthorGuess.objects.get(slot__answer__arm__name="MammoVLM", guess="ai")
    asked = right.slot.answer.question
    Patient.objects.filter(pk=asked.question.patient_id).update(erased_at=timezone.now())
    assert dict(row_of(trial, "MammoVLM").guesses) == {"ai": 0, "doctor": 8, "unknown": 0}
    assert leak_report(trial).groups["human"].n == 8
    # Rows of earlier versions bear no mark of their own.
    Answer.objects.filter(arm__trial=trial, arm__name="MammoVLM").update(is_simulated=True)
    reseal(trial)
    assert row_of(trial, "MammoVLM").guesses["doctor"] == 0
    assert row_of(trial, "MammoVLM", simulated=True).guesses["doctor"] == 8


def test_guesses_and_scores_of_withdrawn_raters_are_left_out(
    scored: Trial, rita: User, stan: User, sena: User, sol: User
) -> None:
    guess_all(scored, sena, guesses_of("a" * 9, "a" * 9, "d" * 9))
    guess_all(scored, sol, guesses_of("d" * 9, "d" * 9, "a" * 9))
    withdraw(scored.raters.get(user=sol), "left", by_user=rita)
    trial = unblinded(scored, rita, stan)
    assert dict(row_of(trial, "MammoVLM").guesses) == {"ai": 9, "doctor": 0, "unknown": 0}
    assert row_of(trial, "Junior doctor").bang.value == 1.0
    lengths = leak_report(trial).lengths
    assert lengths == hand_lengths(trial, by=[sena])
    assert lengths != hand_lengths(trial, by=[sena, sol])


def test_simulated_guesses_count_only_where_simulated_rows_are_asked_for(
    scored: Trial, rita: User, stan: User, sena: User, sol: User
) -> None:
    guess_all(scored, sena, guesses_of("a" * 9, "a" * 9, "d" * 9))
    trial_rater = scored.raters.get(user=sol)
    trial_rater.is_simulated = True
    trial_rater.save(update_fields=["is_simulated"])
    guess_all(scored, sol, guesses_of("d" * 9, "a" * 9, "d" * 9))
    assert AuthorGuess.objects.filter(is_simulated=True).count() == GUESSES
    trial = unblinded(scored, rita, stan)
    assert dict(row_of(trial, "MammoVLM").guesses) == {"ai": 9, "doctor": 0, "unknown": 0}
    assert row_of(trial, "MammoVLM").bang.value == 1.0
    both = row_of(trial, "MammoVLM", simulated=True)
    assert dict(both.guesses) == {"ai": 9, "doctor": 9, "unknown": 0}
    assert both.bang.value == 0.0


def ranks(values: list[float]) -> np.ndarray:
    """Mean ranks, ties sharing theirs."""
    return np.array([sum(v < x for v in values) + (sum(v == x for v in values) + 1) / 2 for x in values])


def spearman(first: list[float], second: list[float]) -> float:
    """Pearson's correlation of the ranks (Spearman 1904), written out."""
    one, other = ranks(first) - ranks(first).mean(), ranks(second) - ranks(second).mean()
    return float((one * other).sum() / np.sqrt((one**2).sum() * (other**2).sum()))


def hand_lengths(trial: Trial, by: list[User]) -> list[object]:
    """The rows of lengths from the rows of the database, computed by hand."""
    from evaluation.reports.leaks import LengthRow

    found: list[object] = []
    for aspect in Aspect.objects.filter(trial=trial).order_by("position"):
        arms: dict[str, list[tuple[float, float]]] = {}
        for answer in Answer.objects.filter(arm__trial=trial):
            scores = Score.objects.standing().filter(
                slot__answer=answer, slot__kind=Slot.Kind.SCORED, aspect=aspect, slot__rater__user__in=by
            )
            mean = float(np.mean([score.value for score in scores]))
            arms.setdefault(str(answer.arm_id), []).append((float(len(answer.shown_text)), mean))
        pairs = [pair for own in arms.values() for pair in own]
        within = [spearman([p[0] for p in own], [p[1] for p in own]) for own in arms.values()]
        overall = spearman([p[0] for p in pairs], [p[1] for p in pairs])
        found.append(
            LengthRow(
                aspect.key,
                pytest.approx(overall),  # type: ignore[arg-type]
                pytest.approx(float(np.mean(within))),  # type: ignore[arg-type]
                len(pairs),
            )
        )
    return found


def test_length_against_score_is_spearmans_correlation_over_all_and_within_arms(
    scored: Trial, rita: User, sena: User, sol: User
) -> None:
    lock_trial(scored, by_user=rita, reason="enough")
    rows = leak_report(scored).lengths
    assert rows == hand_lengths(scored, by=[sena, sol])
    assert len({round(row.overall, 6) for row in rows} | {round(row.within, 6) for row in rows}) > 1
    assert all(row.answers == 27 for row in rows)


def lengthened(answer: Answer, place: int) -> None:
    """Another length for each answer, raw and shown alike, under a hash that fits."""
    from evaluation.services.answers import shown_hash

    more = "请复查。" * (place % 3)
    answer.raw_text = more + answer.raw_text
    answer.shown_text = more + answer.shown_text
    answer.shown_sha256 = shown_hash(answer.shown_text)
    answer.save(update_fields=["raw_text", "shown_text", "shown_sha256"])


def test_raw_and_shown_texts_are_compared_per_arm(scored: Trial, rita: User, stan: User) -> None:
    trial = unblinded(scored, rita, stan)
    ours, doctor = row_of(trial, "MammoVLM"), row_of(trial, "Junior doctor")
    texts = Answer.objects.filter(arm__trial=trial, arm__name="MammoVLM")
    # The system's raw answers end with a mark of its template, which raters do not see.
    assert ours.answers == 9
    assert ours.changed == 1.0
    assert ours.raw - ours.shown == pytest.approx(len("<|user|>"))
    assert ours.raw == pytest.approx(np.mean([len(answer.raw_text) for answer in texts]))
    assert doctor.changed == 0.0
    assert doctor.raw == doctor.shown == pytest.approx(len("密度为C类，请1个月后复查。") + len("请复查。"))


def told_apart(rita: User, june: User, raters: list[User], marks: dict[str, str]) -> Trial:
    """A locked trial whose answers to a question are alike, but for the mark of an arm before each of its own."""
    questions = scene.questions_of(rita, [june, *raters], 9)
    draft = scene.draft_trial(rita, questions, june)
    scene.answer_all(draft, rita, june)
    for answer in Answer.objects.filter(arm__trial=draft).select_related("arm", "question"):
        text = f"密度为C类，请{answer.question.position}个月后复查。"
        worded(answer, marks.get(answer.arm.name, "") + text)
    trial = scene.opened(draft, rita, raters)
    scene.score_all(trial)
    return lock_trial(trial, by_user=rita)


def worded(answer: Answer, text: str) -> None:
    """Another text, raw and shown alike, under a hash that fits."""
    from evaluation.services.answers import shown_hash

    answer.raw_text = answer.shown_text = text
    answer.shown_sha256 = shown_hash(text)
    answer.save(update_fields=["raw_text", "shown_text", "shown_sha256"])


def test_the_style_of_one_arm_is_told_apart_and_equal_texts_are_not(
    rita: User, june: User, sena: User, sol: User
) -> None:
    """A sure nine of nine for the marked arm; of two equal texts one name is right whatever is said: 18 of 27."""
    trial = told_apart(rita, june, [sena, sol], {"MammoVLM": "综上所述，总体看来，"})
    style = leak_report(trial).style
    assert style is not None
    assert style.chance == pytest.approx(1 / 3)
    assert style.accuracy.value == pytest.approx(18 / 27)
    assert style.accuracy.n == 27
    assert style.folds == 5
    # In every question the same: drawing questions anew changes nothing.
    assert style.accuracy.interval == pytest.approx((18 / 27, 18 / 27))
    assert style.p < 0.05


def test_where_every_arm_has_its_own_style_or_none_the_classifier_says_so(
    rita: User, june: User, sena: User, sol: User
) -> None:
    marks = {
        "MammoVLM": "综上所述，总体看来，",
        "Untuned model": "很高兴为您解答！",
        "Junior doctor": "门诊随访。",
    }
    style = leak_report(told_apart(rita, june, [sena, sol], marks)).style
    assert style is not None
    assert style.accuracy.value == 1.0
    assert style.p == pytest.approx(1 / 100)


def test_arms_of_equal_texts_are_named_by_chance(rita: User, june: User, sena: User, sol: User) -> None:
    style = leak_report(told_apart(rita, june, [sena, sol], {})).style
    assert style is not None
    assert style.accuracy.value == pytest.approx(style.chance)
    assert style.p == 1.0


def test_the_page_names_aspects_in_its_readers_language(scored: Trial, rita: User) -> None:
    lock_trial(scored, by_user=rita, reason="enough")
    client = Client(HTTP_ACCEPT_LANGUAGE="zh-hans")
    client.force_login(rita)
    body = client.get(reverse("evaluation:leaks", args=[scored.pk])).content.decode()
    assert '<th scope="row">正确性</th>' in body
    assert "correctness" not in body
