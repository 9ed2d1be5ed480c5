"""A third senior decides where two chose differently; the choice counts, the others stay on record."""

from collections.abc import Sequence
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _

from annotation.models import Correction, Draft, Pick, Purpose, Question
from annotation.reasons import PickReason
from annotation.services import leases, stages, stated_facts
from annotation.services.access import is_simulated, require_member
from annotation.services.campaigns import shown_instructions
from annotation.services.picks import begun, checked_codes
from annotation.services.wording import plain
from mammo.accounts import audit
from mammo.accounts.models import User
from mammo.core.errors import UserError


def disputed_picks(question: Question) -> list[Pick]:
    """What the seniors chose in the present round, in the order of their picks."""
    rows = Pick.objects.standing().filter(question=question, round=question.round, is_adjudication=False)
    return list(rows.select_related("correction").order_by("created_at", "pk"))


def adjudicate(
    question: Question,
    *,
    by_user: User,
    chosen: UUID,
    reason: str,
    reason_codes: Sequence[str] = (),
    active_seconds: float = 0.0,
    draft_version: int | None = None,
    shown_round: int | None = None,
    instruction_version: int | None = None,
) -> Pick:
    """Uphold one of the seniors' picks (with its wording), or take another corrected answer; the question is done.

    Args:
        chosen: a pick of this round, or a correction.
        shown_round: round of what the page showed (None: the present one).

    Raises:
        NotAllowedError: the account does not adjudicate in this campaign, or corrected answers to the question.
        WrongStateError: the question is not to be adjudicated now, or this senior picked for it.
        UserError: the choice is not one of this question, or no reason is given.
    """
    require_member(question.campaign, by_user, Purpose.ADJUDICATE)
    said = plain(reason)
    if not said:
        raise UserError(_("reason: empty; say what decided between the two choices"))
    with transaction.atomic():
        question = begun(question, by_user, Purpose.ADJUDICATE, draft_version, shown_round)
        correction, text = _choice(question, chosen)
        row = Pick.objects.create(
            question=question,
            correction=correction,
            by_user=by_user,
            round=question.round,
            text=text,
            edited=correction is not None and text != correction.text,
            is_adjudication=True,
            reason_codes=checked_codes(reason_codes, PickReason.values),
            reason=said,
            active_seconds=max(active_seconds, 0.0),
            instruction_version=shown_instructions(question.campaign, instruction_version),
            is_simulated=is_simulated(question, by_user),
        )
        stated_facts.read_picks([row])
        leases.keep(leases.hold(question, by_user=by_user, purpose=Purpose.ADJUDICATE))
        stages.move(question, Question.Stage.PICKED)
        Draft.objects.filter(question=question, user=by_user, purpose=Purpose.ADJUDICATE).delete()
        audit.record(
            "annotation.adjudicated",
            by_user=by_user,
            on=question,
            site=question.campaign.site,
            pick=str(row.pk),
        )
    return row


def _choice(question: Question, chosen: UUID) -> tuple[Correction | None, str]:
    """The correction behind the choice (None: an answer that a senior wrote), and its wording."""
    for pick in disputed_picks(question):
        if pick.pk == chosen:
            return pick.correction, str(pick.text)
    for correction in Correction.objects.candidates(question):
        if correction.pk == chosen:
            return correction, str(correction.text)
    raise UserError(_("The chosen answer is not one of this question; open the page again."))
