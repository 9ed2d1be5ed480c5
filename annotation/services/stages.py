"""Moving a question from stage to stage, with its row locked."""

from typing import Any

from django.db import connection
from django.utils.translation import gettext as _

from annotation.models import Campaign, Question
from mammo.core.errors import WrongStateError
from mammo.core.versions import save_versioned


def locked(question: Question) -> Question:
    """Fetch the question as it stands now and lock it until the transaction ends.

    Every service that writes a judgement begins with this, so counting and moving can't be overtaken. (SQLite
    has no row locks: there, the write transaction itself is exclusive.) The campaign is read behind the lock: whoever
    waited for a setting, or for closing, must not go on under what stood before.
    """
    if connection.features.has_select_for_update:
        Question.objects.select_for_update().values_list("pk").get(pk=question.pk)
    return Question.objects.select_related("campaign__site", "patient", "study").get(pk=question.pk)


def lock_place(question: Question) -> tuple[str, int]:
    """Lock the question as `locked` does and read only where it stands now: its stage and round.

    For what is saved every few seconds: the texts are not read, and nothing is joined.
    """
    rows = Question.objects.values_list("stage", "round")
    if connection.features.has_select_for_update:
        rows = rows.select_for_update()
    stage, number = rows.get(pk=question.pk)
    return stage, number


def lock_all(campaign: Campaign) -> None:
    """Lock all questions of a campaign until the transaction ends: what is being sent in is waited for.

    Called before the campaign's own row is locked, as whoever sends something in comes from a question to it.
    """
    if connection.features.has_select_for_update:
        rows = Question.objects.filter(campaign=campaign).order_by("position")
        list(rows.select_for_update().values_list("pk", flat=True))


def require_stage(question: Question, *stages: str) -> None:
    """Let a question in one of `stages` of an open campaign pass.

    Raises:
        WrongStateError: says where the question stands.
    """
    if question.campaign.state != Campaign.State.OPEN:
        raise WrongStateError(_("The campaign “%(name)s” is not open.") % {"name": question.campaign.name})
    if question.stage not in stages:
        raise WrongStateError(
            _("This question has moved on meanwhile; it stands at: %(stage)s.")
            % {"stage": question.get_stage_display()}
        )


def move(question: Question, stage: str, **changes: Any) -> None:
    """Write the new stage (and `changes`) of a locked question."""
    save_versioned(question, expected_version=question.version, changes={"stage": stage, **changes})
