"""Picks: a senior chooses among corrected answers, or sends the question back with a reason."""

from collections.abc import Sequence
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _

from annotation.edit_distance import levenshtein
from annotation.models import (
    Correction,
    Draft,
    Lease,
    NewsKind,
    Pick,
    PickEdit,
    Purpose,
    Question,
    Return,
)
from annotation.querysets import ROLE_FOR, STAGE_FOR
from annotation.reasons import PickReason, ReturnReason
from annotation.services import collisions, leases, stages, stated_facts
from annotation.services.access import is_simulated, require_member, require_not_own
from annotation.services.campaign_settings import shown_guideline
from annotation.services.campaigns import shown_instructions
from annotation.services.drafts import require_draft_version
from annotation.services.news import members_of, tell
from annotation.services.wording import LONGEST_TEXT, plain
from mammo.accounts import audit
from mammo.accounts.models import Membership, User
from mammo.core.errors import UserError, WrongStateError

# A small edit mends wording; beyond a fifth of the text (or 20 characters) it would be another answer.
SMALL_EDIT_SHARE = 0.2
SMALL_EDIT_CHARACTERS = 20


def pick(
    question: Question,
    *,
    by_user: User,
    correction: UUID,
    text: str | None = None,
    ranking: Sequence[UUID] = (),
    reason_codes: Sequence[str] = (),
    reason: str = "",
    active_seconds: float = 0.0,
    draft_version: int | None = None,
    shown_round: int | None = None,
    instruction_version: int | None = None,
) -> Pick:
    """Choose one corrected answer; with enough seniors the question is done.

    Args:
        correction: the chosen candidate.
        text: its wording after a small edit (None or the same text: no edit); the correction stays as it is.
        ranking: all candidates, best first, where the campaign asks for it.
        draft_version: version of the draft that the page holds (0: none).
        shown_round: round of what the page showed (None: the present one).
        instruction_version: number of the instructions that were shown (None: those that stand now).

    Raises:
        NotAllowedError: the account does not pick in this campaign, or corrected answers to this question.
        WrongStateError: the question is not to be picked now, or this senior has picked already.
        UserError: no candidate of this question, no small edit, no whole ranking, or no such instructions.
    """
    require_member(question.campaign, by_user, Purpose.PICK)
    with transaction.atomic():
        question = begun(question, by_user, Purpose.PICK, draft_version, shown_round)
        candidates = {row.pk: row for row in Correction.objects.candidates(question)}
        chosen = candidates.get(correction)
        if chosen is None:
            raise UserError(_("The chosen answer is not one of this question; open the page again."))
        wording = _wording(question, chosen, text)
        row = Pick.objects.create(
            question=question,
            correction=chosen,
            by_user=by_user,
            round=question.round,
            text=wording,
            edited=wording != chosen.text,
            ranking=_ranking(question, set(candidates), chosen, ranking),
            reason_codes=checked_codes(reason_codes, PickReason.values),
            reason=plain(reason),
            active_seconds=max(active_seconds, 0.0),
            instruction_version=shown_instructions(question.campaign, instruction_version),
            is_simulated=is_simulated(question, by_user),
        )
        if row.edited:
            _keep_edit(row, chosen)
        stated_facts.read_picks([row])
        leases.keep(leases.hold(question, by_user=by_user, purpose=Purpose.PICK))
        _finish(question, by_user)
        audit.record(
            "annotation.picked", by_user=by_user, on=question, site=question.campaign.site, pick=str(row.pk)
        )
    return row


def begun(
    question: Question, by_user: User, purpose: str, draft_version: int | None, shown_round: int | None
) -> Question:
    """The question, locked, when this senior may decide on it now.

    Raises:
        NotAllowedError: they corrected answers to it.
        WrongStateError: it is not to be decided now, or they have decided already.
        StaleVersionError: another page saved a newer draft, the question was sent back since, or another person
            decided or sits at it.
    """
    question = stages.locked(question)
    require_not_own(question, by_user)
    collisions.refuse_earlier_round(question, by_user, purpose, shown_round)
    collisions.refuse_taken(question, by_user, purpose)
    stages.require_stage(question, STAGE_FOR[purpose])
    if Pick.objects.filter(question=question, by_user=by_user, round=question.round).exists():
        raise WrongStateError(_("You have picked an answer to this question already."))
    require_draft_version(question, by_user=by_user, purpose=purpose, version=draft_version)
    return question


def write_answer(
    question: Question,
    *,
    by_user: User,
    text: str,
    reason: str,
    reason_codes: Sequence[str] = (),
    active_seconds: float = 0.0,
    draft_version: int | None = None,
    shown_round: int | None = None,
    instruction_version: int | None = None,
) -> Pick:
    """None is acceptable and the senior writes the answer: a pick without a correction.

    Args:
        reason: why none of the corrected answers would do.
        reason_codes: of ReturnReason: what is wrong with them.

    Raises:
        As `pick`; UserError when text or reason is empty, or the text equals a corrected answer.
    """
    require_member(question.campaign, by_user, Purpose.PICK)
    wording, said = plain(text), plain(reason)
    if not wording or len(wording) > LONGEST_TEXT:
        raise UserError(_("text: write an answer of 1 to %(limit)s characters") % {"limit": LONGEST_TEXT})
    if not said:
        raise UserError(_("reason: empty; say why none of the answers is acceptable"))
    codes = checked_codes(reason_codes, ReturnReason.values)
    with transaction.atomic():
        question = begun(question, by_user, Purpose.PICK, draft_version, shown_round)
        if any(row.text == wording for row in Correction.objects.candidates(question)):
            raise UserError(_("text: one of the corrected answers says exactly this; pick it"))
        row = Pick.objects.create(
            question=question,
            by_user=by_user,
            round=question.round,
            text=wording,
            reason_codes=codes,
            reason=said,
            active_seconds=max(active_seconds, 0.0),
            instruction_version=shown_instructions(question.campaign, instruction_version),
            is_simulated=is_simulated(question, by_user),
        )
        stated_facts.read_picks([row])
        leases.keep(leases.hold(question, by_user=by_user, purpose=Purpose.PICK))
        _finish(question, by_user)
        audit.record(
            "annotation.answer_written",
            by_user=by_user,
            on=question,
            site=question.campaign.site,
            pick=str(row.pk),
        )
    return row


def _keep_edit(row: Pick, chosen: Correction) -> None:
    PickEdit.objects.create(
        question=row.question,
        pick=row,
        correction=chosen,
        by_user=row.by_user,
        text=row.text,
        edit_distance=levenshtein(chosen.text, row.text),
        is_simulated=row.is_simulated,
    )


def _wording(question: Question, chosen: Correction, text: str | None) -> str:
    wording = chosen.text if text is None else plain(text)
    if wording == chosen.text:
        return wording
    if not question.campaign.allow_small_edit:
        raise UserError(_("This campaign takes answers as they were corrected: no edits by seniors."))
    if not wording:
        raise UserError(_("The text is empty; take the answer as it is, or send the question back."))
    limit = max(SMALL_EDIT_CHARACTERS, round(len(chosen.text) * SMALL_EDIT_SHARE))
    if len(wording) > LONGEST_TEXT or levenshtein(chosen.text, wording) > limit:
        raise UserError(
            _("This edit changes more than %(limit)s characters: send the question back instead.")
            % {"limit": limit}
        )
    return wording


def _ranking(
    question: Question, candidates: set[UUID], chosen: Correction, ranking: Sequence[UUID]
) -> list[str]:
    if not ranking and not question.campaign.rank_all:
        return []
    if set(ranking) != candidates or len(ranking) != len(candidates):
        raise UserError(_("Rank all answers, each once."))
    if ranking[0] != chosen.pk:
        raise UserError(_("The picked answer must stand first in the ranking."))
    return [str(i) for i in ranking]


def checked_codes(given: Sequence[str], known: Sequence[str]) -> list[str]:
    """The codes, each once, sorted. Raises UserError naming the one that is unknown."""
    unknown = sorted(set(given) - set(known))
    if unknown:
        raise UserError(
            _("reason_codes: %(unknown)r is unknown; known: %(known)s")
            % {"unknown": unknown[0], "known": ", ".join(known)}
        )
    return sorted(set(given))


def choice_of(row: Pick) -> str:
    """What a pick counts as beside other seniors': corrected answers that read the same are one choice.

    An answer that a senior wrote agrees with nobody's choice.
    """
    return f"text {row.correction.text}" if row.correction is not None else f"pick {row.pk}"


def _finish(question: Question, by_user: User) -> None:
    Draft.objects.filter(question=question, user=by_user, purpose=Purpose.PICK).delete()
    standing = Pick.objects.standing().filter(question=question, round=question.round)
    picks = list(standing.select_related("correction__proposal__question__patient"))
    if len({row.by_user_id for row in picks}) < question.campaign.senior_overlap:
        return
    choices = {choice_of(row) for row in picks}
    if question.campaign.adjudication and len(choices) > 1:
        stages.move(question, Question.Stage.ADJUDICATE)
        chosen_by = [row.by_user_id for row in picks]
        people = members_of(question.campaign, Purpose.ADJUDICATE, pool=question.pool)
        tell(people.exclude(pk__in=chosen_by), NewsKind.ADJUDICATE, question=question, by_user=by_user)
    else:
        stages.move(question, Question.Stage.PICKED)


def return_to_juniors(
    question: Question,
    *,
    by_user: User,
    reason: str,
    reason_codes: Sequence[str] = (),
    purpose: str = Purpose.PICK,
    active_seconds: float = 0.0,
    draft_version: int | None = None,
    shown_round: int | None = None,
    instruction_version: int | None = None,
    guideline_version: int | None = None,
) -> Return:
    """None is acceptable: the question goes back, in a new round, to the juniors who corrected it.

    Args:
        purpose: pick, or adjudicate for the senior who decides between two others.
        active_seconds: time at work on the question.
        draft_version: version of the draft that the page holds (0: none).
        shown_round: round of what the page showed (None: the present one).
        instruction_version, guideline_version: numbers of what was shown (None: what stands now).

    Raises:
        NotAllowedError: the account does not pick in this campaign, or corrected answers to this question.
        WrongStateError: the question is not to be picked now, or this senior has picked already.
        StaleVersionError: another page saved a newer draft, or another person decided or sits at it.
        UserError: no reason is given (the juniors need one to do better), or the campaign never had these
            instructions or this guideline.
    """
    require_member(question.campaign, by_user, purpose)
    if not plain(reason):
        raise UserError(_("reason: empty; tell the junior what to do better"))
    codes = checked_codes(reason_codes, ReturnReason.values)
    with transaction.atomic():
        question = begun(question, by_user, purpose, draft_version, shown_round)
        guideline = shown_guideline(question.campaign, guideline_version)
        row = Return.objects.create(
            question=question,
            by_user=by_user,
            round=question.round,
            reason_codes=codes,
            reason=plain(reason),
            active_seconds=max(active_seconds, 0.0),
            instruction_version=shown_instructions(question.campaign, instruction_version),
            guideline_version=guideline.number if guideline is not None else 0,
            is_simulated=is_simulated(question, by_user),
        )
        leases.keep(leases.hold(question, by_user=by_user, purpose=purpose))
        juniors = _assign_next_round(question)
        stages.move(question, Question.Stage.PROPOSED, round=question.round + 1)
        Draft.objects.filter(question=question, user=by_user, purpose=purpose).delete()
        tell(juniors, NewsKind.RETURNED, question=question, by_user=by_user)
        audit.record(
            "annotation.returned", by_user=by_user, on=question, site=question.campaign.site, round=row.round
        )
    return row


def _assign_next_round(question: Question) -> list[User]:
    """Seats for those who corrected this round, still correct here and are of the question's pool.

    The others' seats are free for the pool: they could not see the question.
    """
    corrected = Correction.objects.candidates(question).order_by().values_list("by_user", flat=True)
    held = Membership.objects.filter(site=question.campaign.site, role=ROLE_FOR[Purpose.CORRECT])
    members = members_of(question.campaign, Purpose.CORRECT, pool=question.pool)
    juniors = members.filter(pk__in=held.values("user")).filter(pk__in=list(corrected))
    found = list(juniors.order_by("pk"))
    for seat, junior in enumerate(found):
        Lease.objects.create(
            question=question,
            user=junior,
            purpose=Purpose.CORRECT,
            round=question.round + 1,
            seat=seat,
            expires_at=None,
        )
    return found
