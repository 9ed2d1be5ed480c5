"""Moving a question from stage to stage, with its row locked."""

from typing import Any

from django.utils.translation import gettext as _

from annotation.models import Campaign, Question
from mammo.core.errors import WrongStateError
from mammo.core.versions import save_versioned


def locked(question: Question) -> Question:
    """Fetch the question as it stands now and lock it until the transaction ends.

    Every service that writes a judgement begins with this, so counting and moving can't be overtaken. (SQLite
    has no row locks: there, the write transaction itself is exclusive.)
    """
    rows = Question.objects.select_for_update(of=("self",)).select_related(
        "campaign__site", "patient", "study"
    )
    return rows.get(pk=question.pk)


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
