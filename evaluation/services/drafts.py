"""What of a draft can be changed: its settings, its aspects, its questions and its practice items."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.db import transaction
from django.db.models import Max
from django.utils.translation import gettext as _

from annotation.models import Campaign, Question
from annotation.question_table import QuestionRow
from annotation.services.campaigns import create_campaign
from annotation.services.questions import import_questions
from evaluation.aspects import AspectDefinition, check_aspects
from evaluation.endpoint import keys_of_endpoint
from evaluation.models import Aspect, PracticeItem, Trial, TrialQuestion
from evaluation.services.access import locked_trial, require_designer
from evaluation.services.answers import shown_hash
from evaluation.services.cohorts import of_cohort
from evaluation.services.trials import (
    add_questions,
    aspect_row,
    check_settings,
    eligible_questions,
    fix_earlier_studies,
)
from mammo.accounts import audit
from mammo.accounts.models import User
from mammo.core.errors import UserError
from mammo.core.versions import save_versioned

SETTINGS = (
    *("rater_title", "order", "scale_min", "scale_max", "show_report", "instructions", "sitting_slots"),
    *("show_earlier", "sitting_minutes", "input_mode", "raters_per_answer", "repeats", "controls", "guesses"),
)


def change_trial(trial: Trial, changes: Mapping[str, Any], *, by_user: User, expected_version: int) -> Trial:
    """Change settings of a draft.

    Raises:
        WrongStateError: the trial is no draft.
        StaleVersionError: somebody changed it in between.
        UserError: an unknown setting or a value it does not take.
    """
    require_designer(trial.site, by_user)
    unknown = sorted(set(changes) - set(SETTINGS))
    if unknown:
        raise UserError(
            _("trial: %(unknown)r can't be changed; known: %(known)s")
            % {"unknown": unknown[0], "known": ", ".join(SETTINGS)}
        )
    check_settings(changes)
    with transaction.atomic():
        row = locked_trial(trial, Trial.State.DRAFT)
        low, high = (changes.get(name, getattr(row, name)) for name in ("scale_min", "scale_max"))
        if low >= high:
            raise UserError(
                _("scale: %(low)s to %(high)s has no room; the lower end comes first")
                % {"low": low, "high": high}
            )
        save_versioned(row, expected_version=expected_version, changes=dict(changes))
        if changes.get("show_earlier"):
            fix_earlier_studies(row)
        audit.record(
            "evaluation.trial_changed", by_user=by_user, on=row, site=row.site, fields=sorted(changes)
        )
    trial.refresh_from_db()
    return trial


def set_aspects(trial: Trial, aspects: Sequence[AspectDefinition], *, by_user: User) -> list[Aspect]:
    """Replace the aspects of a draft.

    Raises:
        WrongStateError: the trial is no draft.
        UserError: none was given, two have the same key, or a key or a name can't be used.
    """
    require_designer(trial.site, by_user)
    held = {*trial.aspects.values_list("key", flat=True), *keys_of_endpoint(trial.protocol.primary_endpoint)}
    check_aspects(aspects, known=held)
    with transaction.atomic():
        row = locked_trial(trial, Trial.State.DRAFT)
        row.aspects.all().delete()
        made = Aspect.objects.bulk_create(
            [aspect_row(row, position, aspect) for position, aspect in enumerate(aspects, start=1)]
        )
        audit.record(
            "evaluation.aspects_set",
            by_user=by_user,
            on=row,
            site=row.site,
            aspects=[aspect.key for aspect in aspects],
        )
    return made


def remove_question(row: TrialQuestion, *, by_user: User) -> None:
    """Take a question and the answers to it out of a draft; the others keep their positions.

    Raises:
        WrongStateError: the trial is no draft.
    """
    require_designer(row.trial.site, by_user)
    with transaction.atomic():
        trial = locked_trial(row.trial, Trial.State.DRAFT)
        question = str(row.question_id)
        row.delete()
        audit.record(
            "evaluation.question_removed", by_user=by_user, on=trial, site=trial.site, question=question
        )


def upload_questions(
    trial: Trial, rows: Sequence[QuestionRow], *, table_name: str, by_user: User, dialogues: bool = False
) -> tuple[int, list[str]]:
    """Bring a table of questions into a campaign of the trial's own, and those that may be scored into the trial.

    Args:
        dialogues: questions of several turns are answered turn by turn and scored whole (see `add_questions`).

    Returns:
        how many joined, and a line for each row that did not, with the reason.

    Raises:
        NotAllowedError: not a researcher of the site.
        WrongStateError: the trial is no draft.
    """
    require_designer(trial.site, by_user)
    with transaction.atomic():
        row = locked_trial(trial, Trial.State.DRAFT)
        campaign = _own_campaign(row, by_user)
        before = set(Question.objects.filter(campaign=campaign).values_list("pk", flat=True))
        result = import_questions(campaign, rows, by_user=by_user, table_name=table_name)
        said = [
            f"{table_name}, row {item.row}: {item.reason}"
            for item in result.items
            if item.outcome != "imported"
        ]
        new = Question.objects.filter(campaign=campaign).exclude(pk__in=before).order_by("position")
        eligible = {question.pk for question in eligible_questions(row, campaign, dialogues=dialogues)}
        joining = [question for question in new if question.pk in eligible]
        bound = set(of_cohort(new, row.protocol).values_list("pk", flat=True))
        said += [_why_out(question, question.pk in bound) for question in new if question.pk not in eligible]
        if joining:
            add_questions(row, joining, by_user=by_user, dialogues=dialogues)
    return len(joining), said


def _why_out(question: Question, is_bound: bool) -> str:
    """Why a question of an uploaded table does not join; `is_bound`: the protocol's cohort lets it in."""
    if question.cleaned_by_id is None:
        reason = _("question %(position)s of %(campaign)s: a data manager has to confirm its wording first")
    elif not is_bound:
        reason = _("question %(position)s of %(campaign)s: its study is outside of the protocol's cohort")
    else:
        reason = _("question %(position)s of %(campaign)s: an arm was trained on its patient or its words")
    return reason % {"position": question.position, "campaign": question.campaign.name}


def _own_campaign(trial: Trial, by_user: User) -> Campaign:
    name = _("Questions of the trial “%(name)s”") % {"name": trial.name[:80]}
    found = Campaign.objects.filter(site=trial.site, name=name).select_related("site").first()
    if found is not None:
        return found
    # Nobody proposes or corrects here: the campaign only holds the questions.
    return create_campaign(name, site=trial.site, by_user=by_user, proposer={"kind": "file", "path": "none"})


def add_practice_item(trial: Trial, question: Question, text: str, *, by_user: User) -> PracticeItem:
    """Add an answer that raters score before the first real form; its question must not be one of the trial.

    Raises:
        WrongStateError: the trial is no draft.
        UserError: no text, a question of another site, or one of the trial.
    """
    require_designer(trial.site, by_user)
    if not text.strip():
        raise UserError(_("text: empty; write an answer"))
    if question.campaign.site_id != trial.site_id:
        raise UserError(_("The question is not of this site."))
    with transaction.atomic():
        row = locked_trial(trial, Trial.State.DRAFT)
        if row.trial_questions.filter(question=question).exists():
            raise UserError(_("The question is scored in the trial: practise with another."))
        item = PracticeItem(
            trial=row,
            question=question,
            text=text.strip(),
            text_sha256=shown_hash(text.strip()),
            position=int(row.practice_items.aggregate(last=Max("position"))["last"] or 0) + 1,
        )
        item.save(force_insert=True)
        audit.record("evaluation.practice_added", by_user=by_user, on=row, site=row.site)
    return item
