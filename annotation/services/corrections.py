"""Corrections: a junior settles all proposals of a question at once, or nothing is stored."""

import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from django.db import transaction
from django.utils.translation import gettext as _

from annotation.edit_distance import levenshtein
from annotation.markdown_text import sections_of
from annotation.models import (
    Correction,
    Draft,
    ErrorTag,
    GuidelineVersion,
    Lease,
    Proposal,
    Purpose,
    Question,
)
from annotation.services import collisions, leases, returned, stages
from annotation.services.access import is_simulated, require_member
from annotation.services.campaign_settings import shown_guideline
from annotation.services.campaigns import shown_instructions
from annotation.services.drafts import require_draft_version
from annotation.services.shown_orders import was_shown
from annotation.services.study_context import facts_of
from annotation.services.wording import LONGEST_REMARK, LONGEST_TEXT, plain
from annotation.text_safety import kinds_of, warnings_in
from mammo.accounts import audit
from mammo.accounts.models import User
from mammo.core.errors import StaleVersionError, UserError, WrongStateError


@dataclass(frozen=True, kw_only=True)
class CorrectionItem:
    """What a junior says about one proposal: another text, or positively that none is needed.

    Attributes:
        citations: error tag: code of the guideline's heading that says otherwise.
    """

    proposal: uuid.UUID
    text: str
    no_change: bool = False
    error_tags: Sequence[str] = ()
    citations: Mapping[str, str] = field(default_factory=dict)
    notes: str = ""


@dataclass(frozen=True)
class Settled:
    """An item that passed its checks, beside its proposal and the revision it replaces."""

    proposal: Proposal
    item: CorrectionItem
    text: str
    replaces: Correction | None = field(default=None)


def submit_corrections(
    question: Question,
    *,
    by_user: User,
    items: Iterable[CorrectionItem],
    active_seconds: float = 0.0,
    expected_revision: int | None = None,
    draft_version: int | None = None,
    shown_round: int | None = None,
    instruction_version: int | None = None,
    guideline_version: int | None = None,
    stands_because: str = "",
) -> list[Correction]:
    """Store a junior's corrections of all proposals; with enough juniors the question goes on to the seniors.

    A second one by the same junior is a new revision that points at the first; refused once a senior may see the texts.

    Args:
        active_seconds: time at work on the question; shared out evenly over the rows.
        expected_revision: the account's latest revision of this round that the page was made from (0: none).
        draft_version: version of the draft that the page holds (0: none).
        shown_round: round of what the page showed (None: the present one).
        instruction_version, guideline_version: numbers of what was shown (None: what stands now).
        stands_because: after a return, why texts that are all as they were sent back stand; kept as a remark.

    Raises:
        NotAllowedError: the account does not correct in this campaign.
        WrongStateError: the question is not to be corrected now, or the seats are taken by others.
        StaleVersionError: another page of the same account saved or sent something newer, the question was sent back
            since, or another person did the work or sits at it; carries what stands now.
        UserError: a proposal is not settled or contradicts itself (named), no such instructions or guideline, or all
            is as it was sent back and nothing says why.
    """
    require_member(question.campaign, by_user, Purpose.CORRECT)
    given = {item.proposal: item for item in items}
    # Looked through before the lock is taken: on SQLite everybody else's writing waits for it.
    warned = _warned(question, given)
    with transaction.atomic():
        question = stages.locked(question)
        collisions.refuse_earlier_round(question, by_user, Purpose.CORRECT, shown_round)
        earlier = _earlier(question, by_user)
        _refuse_stale(question, earlier, expected_revision)
        require_draft_version(question, by_user=by_user, purpose=Purpose.CORRECT, version=draft_version)
        _refuse_settled(question, earlier, by_user)
        proposals = Proposal.objects.current(question).select_related("question__campaign")
        guideline = shown_guideline(question.campaign, guideline_version)
        settled = [_settled(proposal, given, earlier, guideline) for proposal in proposals]
        _refuse_strangers(settled, given)
        texts = {str(one.proposal.pk): one.text for one in settled}
        because = returned.reason_to_stand(question, texts, stands_because, by_user=by_user)
        leases.keep(leases.hold(question, by_user=by_user, purpose=Purpose.CORRECT))
        instructions = shown_instructions(question.campaign, instruction_version)
        rows = _store(question, settled, warned, by_user, active_seconds, instructions, guideline)
        Draft.objects.filter(question=question, user=by_user, purpose=Purpose.CORRECT).delete()
        returned.keep_reason(question, because, by_user=by_user)
        _move_on(question)
        _record(question, rows, by_user)
    return rows


def _record(question: Question, rows: Sequence[Correction], by_user: User) -> None:
    audit.record(
        "annotation.corrected",
        by_user=by_user,
        on=question,
        site=question.campaign.site,
        round=question.round,
        corrections=[str(row.pk) for row in rows],
        no_change=sum(row.no_change for row in rows),
    )


def _earlier(question: Question, by_user: User) -> dict[uuid.UUID, Correction]:
    rows = Correction.objects.standing().filter(proposal__question=question, by_user=by_user)
    return {row.proposal_id: row for row in rows}


def _refuse_stale(
    question: Question, earlier: Mapping[uuid.UUID, Correction], expected_revision: int | None
) -> None:
    latest = max((row.revision for row in earlier.values() if row.round == question.round), default=0)
    if expected_revision is not None and latest != expected_revision:
        raise StaleVersionError(
            _("You sent this question in from another page already. Both texts are kept: compare them."),
            current=list(earlier.values()),
            current_version=latest,
        )


def _refuse_settled(question: Question, earlier: Mapping[uuid.UUID, Correction], by_user: User) -> None:
    if question.stage == Question.Stage.CORRECTED and any(
        row.round == question.round for row in earlier.values()
    ):
        if was_shown(question, Purpose.PICK):
            raise WrongStateError(_("A senior has begun to choose: these corrections stand as they are."))
        seats = Lease.objects.standing().filter(question=question, purpose=Purpose.PICK, round=question.round)
        if seats.exists():
            raise WrongStateError(_("A senior has this question now: these corrections stand as they are."))
    else:
        collisions.refuse_taken(question, by_user, Purpose.CORRECT)
        stages.require_stage(question, Question.Stage.PROPOSED)


def _settled(
    proposal: Proposal,
    given: Mapping[uuid.UUID, CorrectionItem],
    earlier: Mapping[uuid.UUID, Correction],
    guideline: GuidelineVersion | None,
) -> Settled:
    item = given.get(proposal.pk)
    if item is None:
        raise UserError(
            _("Proposal %(id)s is not settled: edit it, or say that no change is needed.")
            % {"id": proposal.pk}
        )
    text, proposed = plain(item.text), plain(proposal.text)
    where = {"id": proposal.pk}
    if not text:
        raise UserError(_("Proposal %(id)s: the text is empty; write an answer.") % where)
    if len(text) > LONGEST_TEXT:
        raise UserError(
            _("Proposal %(id)s: the text is longer than %(limit)s characters; shorten it.")
            % {**where, "limit": LONGEST_TEXT}
        )
    unknown = sorted(set(item.error_tags) - set(ErrorTag.values))
    if unknown:
        raise UserError(
            _("error_tags: %(unknown)r is unknown; known: %(known)s")
            % {"unknown": unknown[0], "known": ", ".join(ErrorTag.values)}
        )
    _require_citations(item, guideline)
    if item.no_change and text != proposed:
        raise UserError(_("Proposal %(id)s: marked “no change needed”, but its text was changed.") % where)
    if item.no_change and item.error_tags:
        raise UserError(_("Proposal %(id)s: marked “no change needed”, but errors are tagged.") % where)
    if not item.no_change and text == proposed:
        raise UserError(
            _("Proposal %(id)s is not settled: edit it, or say that no change is needed.") % where
        )
    return Settled(proposal, item, text, earlier.get(proposal.pk))


def _require_citations(item: CorrectionItem, guideline: GuidelineVersion | None) -> None:
    known = {section.code for section in sections_of(guideline.text)} if guideline is not None else set()
    for tag, code in item.citations.items():
        if tag not in item.error_tags:
            raise UserError(
                _("citations: %(tag)r is not among the error tags of this proposal") % {"tag": tag}
            )
        if code not in known:
            raise UserError(
                _("citations: “%(code)s” is no heading of the guideline; open the page again")
                % {"code": code}
            )


def _refuse_strangers(settled: Sequence[Settled], given: Mapping[uuid.UUID, CorrectionItem]) -> None:
    if not settled:
        raise WrongStateError(_("This question has no proposals yet."))
    strangers = set(given) - {row.proposal.pk for row in settled}
    if strangers:
        raise UserError(_("Proposal %(id)s does not belong to this question.") % {"id": sorted(strangers)[0]})


def _warned(question: Question, given: Mapping[uuid.UUID, CorrectionItem]) -> dict[uuid.UUID, list[str]]:
    """Kinds of warning that each text gets."""
    facts, asked = facts_of(question), list(question.turns[::2])
    return {
        pk: kinds_of(warnings_in(plain(item.text)[:LONGEST_TEXT], facts, asked=asked))
        for pk, item in given.items()
    }


def _store(
    question: Question,
    settled: Sequence[Settled],
    warned: Mapping[uuid.UUID, list[str]],
    by_user: User,
    active_seconds: float,
    instructions: int,
    guideline: GuidelineVersion | None,
) -> list[Correction]:
    rows = []
    for one in settled:
        same_round = one.replaces is not None and one.replaces.round == question.round
        rows.append(
            Correction.objects.create(
                proposal=one.proposal,
                by_user=by_user,
                round=question.round,
                revision=one.replaces.revision + 1 if one.replaces is not None and same_round else 1,
                replaces=one.replaces,
                text=one.text,
                no_change=one.item.no_change,
                error_tags=sorted(set(one.item.error_tags)),
                citations=dict(one.item.citations),
                guideline_version=guideline.number if guideline is not None else 0,
                warnings=warned[one.proposal.pk],
                notes=plain(one.item.notes)[:LONGEST_REMARK],
                edit_distance=levenshtein(plain(one.proposal.text), one.text),
                active_seconds=max(active_seconds, 0.0) / len(settled),
                instruction_version=instructions,
                is_simulated=is_simulated(question, by_user),
            )
        )
    return rows


def _move_on(question: Question) -> None:
    done = Correction.objects.filter(proposal__question=question, round=question.round)
    juniors = done.values("by_user").distinct().count()
    if question.stage == Question.Stage.PROPOSED and juniors >= question.campaign.overlap:
        stages.move(question, Question.Stage.CORRECTED)
