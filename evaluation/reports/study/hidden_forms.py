"""Forms that raters do not know apart: hidden repeats, degraded controls, and what was remarked on forms."""

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np

from evaluation.models import FormRemark, Score, Slot, Trial
from evaluation.reports.trial_scores import erased_questions


def seconds_of(slots: Collection[str]) -> dict[str, float]:
    """Active seconds of each form, by slot: all visits together in which a value of it was saved.

    The rows of a visit bear the same seconds and each aspect once; so a row of other seconds, or of an aspect that the
    visit has already, begins the next one.
    """
    total: dict[str, float] = {}
    rows = Score.objects.filter(slot__pk__in=slots).order_by("slot", "created_at")
    current: tuple[str, float] | None = None
    saved: set[Any] = set()
    for slot, aspect, seconds in rows.values_list("slot_id", "aspect_id", "active_seconds"):
        if (str(slot), seconds) != current or aspect in saved:
            current, saved = (str(slot), seconds), set()
            total[str(slot)] = total.get(str(slot), 0.0) + seconds
        saved.add(aspect)
    return total


def marks_of(slots: Collection[str]) -> dict[str, tuple[bool, bool]]:
    """(case known, values typed) of the forms with a remark, by slot id."""
    rows = FormRemark.objects.filter(slot__pk__in=slots, replaced_by__isnull=True)
    return {
        str(pk): (known, typed) for pk, known, typed in rows.values_list("slot_id", "knows_case", "is_typed")
    }


def scored_repeats(trial: Trial, names: Mapping[str, str], *, simulated: bool) -> list[dict[str, Any]]:
    """First and second score of every answer that a rater met twice, a row per aspect; `form` numbers the answers."""
    rows = Score.objects.standing().filter(
        slot__rater__trial=trial, slot__rater__withdrawn_at__isnull=True, slot__kind__in=("scored", "repeat")
    )
    rows = rows.exclude(slot__answer__question__in=erased_questions(trial))
    if not simulated:
        rows = rows.filter(is_simulated=False)
    fields = ("slot__rater_id", "slot__answer_id", "aspect__key", "slot__position", "value", "slot__kind")
    by_place: dict[tuple[str, str, str], list[tuple[int, int]]] = {}
    for rater, answer, aspect, position, value, _kind in rows.values_list(*fields):
        by_place.setdefault((str(rater), str(answer), aspect), []).append((position, value))
    twice = {place: sorted(met) for place, met in sorted(by_place.items()) if len(met) == 2}
    forms = {form: f"F{n:03d}" for n, form in enumerate(dict.fromkeys(place[:2] for place in twice), start=1)}
    return [
        {
            "rater": names.get(rater, "R00"),
            "form": forms[rater, answer],
            "aspect": aspect,
            "first": pair[0][1],
            "second": pair[1][1],
        }
        for (rater, answer, aspect), pair in twice.items()
    ]


def scored_controls(
    trial: Trial, names: Mapping[str, str], labels: Mapping[str, str], *, simulated: bool
) -> list[dict[str, Any]]:
    """Means over the aspects of every control and of the whole answer, rater by rater.

    Args:
        names: pseudonyms by rater id; labels: of the arms by id.
    """
    rows = Score.objects.standing().filter(
        slot__rater__trial=trial,
        slot__rater__withdrawn_at__isnull=True,
        slot__answer__slots__kind=Slot.Kind.CONTROL,
        slot__kind__in=(Slot.Kind.SCORED, Slot.Kind.CONTROL),
    )
    rows = rows.exclude(slot__answer__question__in=erased_questions(trial))
    if not simulated:
        rows = rows.filter(is_simulated=False)
    met: dict[tuple[str, str], dict[str, list[int]]] = {}
    about: dict[str, tuple[str, str]] = {}
    fields = (
        *("slot__rater_id", "slot__answer_id", "slot__kind", "value", "pk"),
        *("slot__answer__question__position", "slot__answer__arm_id"),
    )
    for rater, answer, kind, value, _pk, question, arm in rows.values_list(*fields).distinct():
        met.setdefault((str(rater), str(answer)), {}).setdefault(kind, []).append(value)
        about[str(answer)] = (f"Q{question:03d}", labels.get(str(arm), ""))
    found = [
        {
            "rater": names.get(rater, "R00"),
            "question": about[answer][0],
            "arm": about[answer][1],
            "whole": float(np.mean(values[Slot.Kind.SCORED])),
            "control": float(np.mean(values[Slot.Kind.CONTROL])),
        }
        for (rater, answer), values in met.items()
        if len(values) == 2
    ]
    return sorted(found, key=lambda row: [str(row[name]) for name in ("rater", "question", "arm")])
