"""What a rater says about a form beside its values: unsafe, known, a comment; a change is a new row."""

from collections.abc import Mapping
from dataclasses import dataclass

from django.db import transaction
from django.utils.translation import gettext as _

from evaluation.models import FormRemark, Score, Slot, Trial
from evaluation.services.scoring import form_revision, record_scores, stale_form, standing_scores
from mammo.accounts.models import User
from mammo.core.errors import UserError

LONGEST_COMMENT = 2000


@dataclass(frozen=True)
class Remark:
    """One rater's remark on one form.

    Attributes:
        is_unsafe: following the answer could harm the patient.
        knows_case: the rater met the case outside the trial.
        is_typed: values were typed where the trial has lines.
    """

    comment: str = ""
    is_unsafe: bool = False
    knows_case: bool = False
    is_typed: bool = False


def standing_remark(slot: Slot) -> FormRemark | None:
    """The remark that no later one replaced."""
    return slot.remarks.filter(replaced_by__isnull=True).order_by("-revision").first()


def record_form(
    slot: Slot,
    *,
    by_user: User,
    values: Mapping[str, int],
    remark: Remark,
    active_seconds: float = 0.0,
    expected_revision: int | None = None,
) -> list[Score]:
    """Store a whole form, values and remark, or nothing.

    Args:
        expected_revision: `form_revision` of what the rater had before them; None does not ask.

    Returns:
        the new rows of values.

    Raises:
        as `record_scores`; StaleVersionError also where the remark alone is another one; UserError also where the
        comment is too long, or values were typed in a trial whose input mode is typing (there it is no exception).
    """
    if len(remark.comment) > LONGEST_COMMENT:
        raise UserError(_("comment: longer than %(most)s characters") % {"most": LONGEST_COMMENT})
    with transaction.atomic():
        Slot.objects.select_for_update().get(pk=slot.pk)
        revision, standing = form_revision(slot), standing_scores(slot)
        made = record_scores(slot, by_user=by_user, values=values, active_seconds=active_seconds)
        if expected_revision is not None and revision != expected_revision:
            raise stale_form(standing, revision)
        _record_remark(slot, remark, by_user)
    return made


def _record_remark(slot: Slot, remark: Remark, by_user: User) -> None:
    row = Slot.objects.select_related(
        "rater__trial", "answer__question__question__patient", "answer__question__question__campaign__site"
    ).get(pk=slot.pk)
    typed = remark.is_typed and row.rater.trial.input_mode == Trial.InputMode.LINE
    given = (remark.comment.strip(), remark.is_unsafe, remark.knows_case, typed)
    before = standing_remark(row)
    held = (
        (str(before.comment), before.is_unsafe, before.knows_case, before.is_typed)
        if before
        else ("", False, False, False)
    )
    if given == held:
        return
    made = FormRemark(
        slot=row,
        revision=before.revision + 1 if before else 1,
        replaces=before,
        is_unsafe=remark.is_unsafe,
        knows_case=remark.knows_case,
        is_typed=typed,
        by_user=by_user,
        is_simulated=row.rater.is_simulated or by_user.is_simulated or row.answer.is_simulated,
    )
    made.comment = given[0]
    made.save(force_insert=True)
