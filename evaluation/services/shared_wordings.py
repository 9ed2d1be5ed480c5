"""Questions about a study that are worded as a training question of an arm: taken, counted, and told.

With other images the same words are another task, so they are not refused as those of text-only questions are.
"""

from collections.abc import Iterable
from typing import Any

from django.utils.translation import gettext as _

from evaluation.models import Arm, Trial
from evaluation.services.answers import scored_arms
from evaluation.services.leakage import refuse_leaks
from mammo.core.errors import UserError

# In the details of the freezing: positions of such questions by the arm's id.
SHARED = "shared_wordings"


def positions_by_arm(trial: Trial, arms: Iterable[Arm]) -> dict[str, list[int]]:
    """Positions of the trial's questions that share their wording, by the id of the arm that was trained on it.

    Raises:
        UserError: an arm was trained on a question of the trial.
    """
    asked = list(trial.trial_questions.select_related("question__campaign").order_by("position"))
    places = {row.question_id: row.position for row in asked}
    dialogues = {row.question_id for row in asked if row.is_dialogue}
    found: dict[str, list[int]] = {}
    for arm, question in refuse_leaks(arms, [row.question for row in asked], dialogues=dialogues):
        found.setdefault(str(arm.pk), []).append(places[question.pk])
    return found


def shared_wordings(trial: Trial) -> dict[str, list[int]]:
    """As `positions_by_arm` of the scored arms: of a frozen trial those of its freezing, of a draft those of now."""
    event = trial.events.filter(kind="frozen").first()
    if event is not None and SHARED in event.details:
        return {str(arm): list(positions) for arm, positions in event.details[SHARED].items()}
    try:
        return positions_by_arm(trial, scored_arms(trial))
    except UserError:
        # A question that an arm was trained on since: freezing refuses it and says which.
        return {}


def wording_notes(trial: Trial) -> list[str]:
    """How many questions share their wording with training questions, an arm a sentence, for those who design."""
    shared = shared_wordings(trial)
    total = trial.trial_questions.count()
    said = _(
        "%(count)s of %(total)s questions (%(positions)s) are worded as a training question of arm “%(arm)s” about other "
        "images: they are taken, and counted in the report."
    )
    return [
        said
        % {
            "count": len(shared[str(arm.pk)]),
            "total": total,
            "positions": ", ".join(map(str, shared[str(arm.pk)])),
            "arm": arm.name,
        }
        for arm in trial.arms.order_by("position")
        if str(arm.pk) in shared
    ]


def shared_in_report(trial: Trial) -> dict[str, Any]:
    """The same as a fact of the report: `questions` of any arm, `of` all; `arms` by name after the unblinding alone."""
    shared = shared_wordings(trial)
    found: dict[str, Any] = {
        "questions": len({position for positions in shared.values() for position in positions}),
        "of": trial.trial_questions.count(),
    }
    if trial.state == Trial.State.UNBLINDED:
        names = {str(pk): name for pk, name in trial.arms.values_list("pk", "name")}
        found["arms"] = {names[arm]: len(positions) for arm, positions in shared.items() if arm in names}
    return found
