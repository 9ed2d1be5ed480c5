"""Trials: made, given questions, and what of them can be changed while they are drafts."""

import secrets
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, TypedDict, Unpack

from django.db import transaction
from django.db.models import Max
from django.utils.translation import gettext as _

from annotation.models import Campaign, Question
from evaluation.aspects import DEFAULT_ASPECTS, AspectDefinition, check_aspects
from evaluation.endpoint import keys_of_endpoint
from evaluation.models import Aspect, Protocol, Trial, TrialQuestion
from evaluation.services.access import locked_trial, require_designer
from evaluation.services.cohorts import of_cohort
from evaluation.services.dialogues import joins_as_dialogue, rounds_of
from evaluation.services.leakage import is_eligible, refuse_leaks, training_side
from evaluation.slot_design import keyed_random
from mammo.accounts import audit
from mammo.accounts.models import User
from mammo.archive.services import earlier_study
from mammo.core.begun_names import only_one_beginning
from mammo.core.errors import UserError

# Largest seed that a PositiveBigIntegerField holds on every database.
SEED_LIMIT = 2**63 - 1


class TrialSettings(TypedDict, total=False):
    """Settings of a trial; those that are not given are as the model has them.

    Attributes:
        rater_title: what raters see instead of the name.
        show_earlier: raters, and doctors who answer, see the patient's earlier study beside the question's.
        input_mode: one way of giving values for all raters.
        raters_per_answer: None: every rater scores every answer; else whole questions are dealt to that many.
        repeats, controls: hidden repeats and degraded controls per rater, together at most 5 % of the forms.
        guesses: answers of which each rater guesses the author after the last form.
    """

    order: str
    rater_title: str
    instructions: str
    show_report: bool
    show_earlier: bool
    sitting_slots: int
    sitting_minutes: int
    input_mode: str
    raters_per_answer: int | None
    repeats: int
    controls: int
    guesses: int


def create_trial(
    name: str,
    *,
    protocol: Protocol,
    by_user: User,
    aspects: Sequence[AspectDefinition] = DEFAULT_ASPECTS,
    scale: tuple[int, int] = (1, 100),
    seed: int | None = None,
    is_simulated: bool = False,
    **settings: Unpack[TrialSettings],
) -> Trial:
    """Make a draft trial with its aspects, at the protocol's site.

    Args:
        seed: decides what is drawn (questions, blocks of raters); drawn when not given.

    Raises:
        NotAllowedError: not a researcher of the site.
        UserError: a field has a value that can't be used.
    """
    site = protocol.site
    require_designer(site, by_user)
    _check(name, aspects, scale, known=keys_of_endpoint(protocol.primary_endpoint))
    check_settings(settings)
    if Trial.objects.filter(site=site, name=name.strip()).exists():
        raise UserError(_("name: a trial “%(name)s” exists at this site already") % {"name": name})
    if "rater_title" in settings:
        settings["rater_title"] = settings["rater_title"].strip()
    with transaction.atomic():
        trial = Trial.objects.create(
            site=site,
            protocol=protocol,
            name=name.strip(),
            scale_min=scale[0],
            scale_max=scale[1],
            seed=secrets.randbelow(SEED_LIMIT) if seed is None else seed,
            by_user=by_user,
            is_simulated=is_simulated or site.is_simulated,
            **settings,
        )
        Aspect.objects.bulk_create(
            [aspect_row(trial, position, aspect) for position, aspect in enumerate(aspects, start=1)]
        )
        audit.record("evaluation.trial_created", by_user=by_user, on=trial, site=site)
    return trial


def aspect_row(trial: Trial, position: int, aspect: AspectDefinition) -> Aspect:
    """An aspect that is not stored yet."""
    return Aspect(
        trial=trial,
        key=aspect.key,
        name=aspect.name,
        name_zh=aspect.name_zh,
        definition=aspect.definition,
        definition_zh=aspect.definition_zh,
        anchors=aspect.anchors,
        position=position,
    )


def _check(
    name: str, aspects: Sequence[AspectDefinition], scale: tuple[int, int], *, known: Collection[str]
) -> None:
    if not name.strip():
        raise UserError(_("name: empty; give the trial a name"))
    check_aspects(aspects, known=known)
    if scale[0] >= scale[1]:
        raise UserError(
            _("scale: %(low)s to %(high)s has no room; the lower end comes first")
            % {"low": scale[0], "high": scale[1]}
        )


def check_settings(values: Mapping[str, Any]) -> None:
    """Refuse settings that no trial can have.

    Raises:
        UserError: names the setting and what it takes.
    """
    for name, known in (("order", Trial.Order.values), ("input_mode", Trial.InputMode.values)):
        if name in values and values[name] not in known:
            raise UserError(
                _("%(name)s: %(value)r is unknown; known: %(known)s")
                % {"name": name, "value": values[name], "known": ", ".join(known)}
            )
    for name in ("sitting_slots", "sitting_minutes"):
        if name in values and values[name] < 1:
            raise UserError(_("%(name)s: give at least 1") % {"name": name})
    per_answer = values.get("raters_per_answer")
    if per_answer is not None and per_answer < 1:
        raise UserError(_("raters_per_answer: give at least 1, or leave it empty for every rater"))


def trial_by_name(name: str) -> Trial:
    """Return the trial of this name, its only beginning, or id, for the command line.

    Raises:
        UserError: there is none, or several sites have one of this name.
    """
    found = list(Trial.objects.filter(name=name).select_related("site", "protocol")[:2])
    if len(found) > 1:
        raise UserError(
            _("trial %(name)r: several sites have one of this name; give its id") % {"name": name}
        )
    if found:
        return found[0]
    by_id = [trial for trial in Trial.objects.select_related("site", "protocol") if str(trial.pk) == name]
    if by_id:
        return by_id[0]
    begun = only_one_beginning(Trial.objects.select_related("site", "protocol"), name)
    if begun is not None:
        return begun
    known = ", ".join(Trial.objects.order_by("name").values_list("name", flat=True)) or "none yet"
    raise UserError(_("trial %(name)r: no such trial; known: %(known)s") % {"name": name, "known": known})


def eligible_questions(trial: Trial, campaign: Campaign, *, dialogues: bool = False) -> list[Question]:
    """Questions of a campaign that could join: not in the trial, not practice, in no arm's training side, and about no
    study outside of the protocol's cohort.

    Args:
        dialogues: as for `add_questions`.
    """
    arms = trial.arms.exclude(checkpoint=None).select_related("checkpoint__run__snapshot")
    sides = [training_side(arm.checkpoint) for arm in arms if arm.checkpoint is not None]
    questions = (
        Question.objects.filter(campaign=campaign, is_practice=False)
        .exclude(stage=Question.Stage.WITHDRAWN)
        .exclude(cleaned_by=None, stage=Question.Stage.NEW)
        .exclude(trial_uses__trial=trial)
        .select_related("campaign__site", "patient", "study")
        .order_by("position")
    )
    return [
        question
        for question in of_cohort(questions, trial.protocol)
        if is_eligible(question, sides, is_dialogue=joins_as_dialogue(question, dialogues=dialogues))
    ]


def add_questions(
    trial: Trial, questions: Iterable[Question], *, by_user: User, dialogues: bool = False
) -> list[TrialQuestion]:
    """Add questions in the order given.

    Args:
        dialogues: every arm answers each turn of a question of several turns, and the whole is scored; else the
            turns before the last are given, with the answers that stood there, and one answer is scored.

    Raises:
        WrongStateError: the trial is no draft.
        UserError: a question is of another site, is there already, is withdrawn or for practice, or was
            trained on by an arm; nothing is added then.
    """
    require_designer(trial.site, by_user)
    chosen = list(questions)
    with transaction.atomic():
        row = locked_trial(trial, Trial.State.DRAFT)
        for question in chosen:
            _check_question(row, question)
        whole = {q.pk for q in chosen if joins_as_dialogue(q, dialogues=dialogues)}
        shared = refuse_leaks(row.arms.select_related("checkpoint__run__snapshot"), chosen, dialogues=whole)
        last = int(row.trial_questions.aggregate(last=Max("position"))["last"] or 0)
        joining = [
            TrialQuestion(trial=row, question=q, position=last + i) for i, q in enumerate(chosen, start=1)
        ]
        for asked in joining:
            if asked.question.pk in whole:
                asked.rounds, asked.rounds_sha256 = rounds_of(asked.question)
        added = TrialQuestion.objects.bulk_create(joining)
        if row.show_earlier:
            fix_earlier_studies(row)
        counts: dict[str, Any] = {"dialogues": len(whole)} if whole else {}
        audit.record(
            "evaluation.questions_added",
            by_user=by_user,
            on=row,
            site=row.site,
            count=len(added),
            shared_wordings=len({question.pk for _arm, question in shared}),
            **counts,
        )
    return added


def fix_earlier_studies(trial: Trial) -> None:
    """Write down which earlier study hangs beside each question of a draft: what is imported later moves none."""
    rows = trial.trial_questions.filter(earlier=None, question__study__isnull=False)
    for asked in rows.select_related("question__study"):
        asked.earlier = earlier_study(asked.question.study) if asked.question.study else None
        if asked.earlier is not None:
            asked.save(update_fields=["earlier"])


def _check_question(trial: Trial, question: Question) -> None:
    named = {"position": question.position, "campaign": question.campaign.name}
    if question.campaign.site_id != trial.site_id:
        raise UserError(_("question %(position)s of %(campaign)s: it belongs to another site") % named)
    if question.is_practice or question.stage == Question.Stage.WITHDRAWN:
        raise UserError(_("question %(position)s of %(campaign)s: for practice only, or withdrawn") % named)
    if question.cleaned_by_id is None and question.stage == Question.Stage.NEW:
        raise UserError(
            _("question %(position)s of %(campaign)s: a data manager has to confirm its wording first")
            % named
        )
    if TrialQuestion.objects.filter(trial=trial, question=question).exists():
        raise UserError(_("question %(position)s of %(campaign)s: it is in the trial already") % named)


def sample_questions(
    trial: Trial, campaign: Campaign, count: int, *, by_user: User, dialogues: bool = False
) -> list[TrialQuestion]:
    """Add `count` eligible questions of a campaign, drawn by the trial's seed, at most one per patient first.

    Args:
        dialogues: as for `add_questions`.

    Raises:
        UserError: fewer are eligible.
    """
    eligible = eligible_questions(trial, campaign, dialogues=dialogues)
    if not 1 <= count <= len(eligible):
        raise UserError(
            _("questions: %(count)s wanted, %(eligible)s of %(campaign)s could be taken")
            % {"count": count, "eligible": len(eligible), "campaign": campaign.name}
        )
    rng = keyed_random(trial.seed, "questions", str(campaign.pk))
    drawn = rng.sample(eligible, len(eligible))
    seen: set[object] = set()
    first: list[Question] = []
    later: list[Question] = []
    for question in drawn:
        patient = question.patient_id or question.pk
        (later if patient in seen else first).append(question)
        seen.add(patient)
    return add_questions(trial, [*first, *later][:count], by_user=by_user, dialogues=dialogues)
