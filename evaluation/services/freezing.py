"""Freezing: the design, the answers and every rater's order become rows and a hash, and change no more."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from evaluation.answers.screen import LANGUAGE, LENGTH
from evaluation.models import Answer, Arm, PracticeItem, Slot, Trial, TrialEvent, TrialQuestion
from evaluation.services.access import locked_trial, require_designer
from evaluation.services.answers import scored_arms
from evaluation.services.cohorts import cohort_obstacles
from evaluation.services.dealing import deal_questions, dealing_obstacles, draw_arm_orders, prepare_rater
from evaluation.services.planned_contrast import contrast_obstacles
from evaluation.services.protocols import require_protocol_unchanged
from evaluation.services.raters import wrote_an_answer
from evaluation.services.read_reports import outdated
from evaluation.services.screening import blocking_hits
from evaluation.services.seen_texts import SEEN, frozen_hashes, require_seen_texts, seen_hashes
from evaluation.services.shared_wordings import SHARED, positions_by_arm
from evaluation.services.shown_studies import fixed_today, hold_pictures, require_all_shown
from mammo.accounts import audit
from mammo.accounts.models import User
from mammo.core.errors import WrongStateError
from mammo.core.versions import save_versioned


def freeze_trial(trial: Trial, *, by_user: User) -> Trial:
    """Draw every rater's order, store it as slots, and seal the design by its hash.

    Raises:
        NotAllowedError: not a researcher of the site.
        WrongStateError: the trial is no draft, or something is missing: a frozen protocol, two arms, an arm or aspect
            that its contrast names, questions, raters, an answer; or the screen found something that no rule settles.
        UserError: an arm was trained on a question of the trial.
    """
    require_designer(trial.site, by_user)
    with transaction.atomic():
        row = locked_trial(trial, Trial.State.DRAFT)
        arms = scored_arms(row)
        _check_ready(row, arms)
        shared = positions_by_arm(row, arms)
        raters = list(row.raters.select_related("user").order_by("pk"))
        dealt = deal_questions(row, raters)
        orders = draw_arm_orders(row, dealt, len(arms))
        for rater in raters:
            prepare_rater(row, rater, arms, dealt[rater.pk], orders[rater.pk])
        _fix_shown_studies(row)
        seen = seen_hashes(row)
        require_seen_texts(row, seen)
        digest = design_hash(row, seen=seen)
        changes = {"state": Trial.State.FROZEN, "frozen_at": timezone.now(), "design_sha256": digest}
        save_versioned(row, expected_version=row.version, changes=changes)
        TrialEvent.objects.create(
            trial=row,
            kind="frozen",
            by_user=by_user,
            sha256=digest,
            details={SEEN: seen, SHARED: shared},
            is_simulated=row.is_simulated,
        )
        audit.record(
            "evaluation.trial_frozen",
            by_user=by_user,
            on=row,
            site=row.site,
            sha256=digest,
            protocol_sha256=row.protocol.frozen_sha256,
            shared_wordings=len({place for places in shared.values() for place in places}),
        )
    trial.refresh_from_db()
    return trial


def obstacles(trial: Trial) -> list[str]:
    """What still keeps a draft from being frozen, one sentence each."""
    found: list[str] = []
    arms = scored_arms(trial)
    questions, raters = trial.trial_questions.count(), trial.raters.count()
    if trial.protocol.frozen_at is None:
        found.append(_("The protocol is not frozen."))
    if len(arms) < 2:
        found.append(_("A trial compares at least two arms."))
    if not questions:
        found.append(_("There are no questions."))
    if not raters:
        found.append(_("There are no raters."))
    for arm in arms:
        missing = questions - arm.answers.count()
        if missing:
            found.append(
                ngettext(
                    "Arm “%(arm)s” lacks %(count)s answer.", "Arm “%(arm)s” lacks %(count)s answers.", missing
                )
                % {"arm": arm.name, "count": missing}
            )
    found += contrast_obstacles(trial, arms) + cohort_obstacles(trial)
    found += _answered_beside_other_reports(trial)
    for rater in trial.raters.select_related("user"):
        if wrote_an_answer(trial, rater.user):
            found.append(_("%(user)s wrote an answer and can't score.") % {"user": rater.user.username})
    for position in trial.trial_questions.erased().order_by("position").values_list("position", flat=True):
        found.append(
            _("The patient of question %(position)s withdrew: take the question out.")
            % {"position": position}
        )
    # Who gets which answers is told only of what is there.
    return found + _unsettled(trial) + ([] if found else dealing_obstacles(trial, arms))


def _unsettled(trial: Trial) -> list[str]:
    """What the screen found and no rule settles: wordings, and outliers of length and language."""
    found, hits = [], blocking_hits(trial)
    wordings = [hit.finding.matched for hit in hits if not hit.finding.is_measured]
    if wordings:
        found.append(
            ngettext(
                "The screen found %(count)s wording that no rule settles: “%(example)s”.",
                "The screen found %(count)s wordings that no rule settles, such as “%(example)s”.",
                len(wordings),
            )
            % {"count": len(wordings), "example": wordings[0] or _("an answer without text")}
        )
    outliers = {hit.finding.kind: hit.answers for hit in hits if hit.finding.is_measured}
    if LENGTH in outliers:
        found.append(
            ngettext(
                "%(count)s answer is of unusual length: leave it so with a reason, or cut every arm's.",
                "%(count)s answers are of unusual length: leave them so with a reason, or cut every arm's.",
                outliers[LENGTH],
            )
            % {"count": outliers[LENGTH]}
        )
    if LANGUAGE in outliers:
        found.append(
            ngettext(
                "%(count)s answer is in another language than its question: leave it so with a reason.",
                "%(count)s answers are in another language than their question: leave them so with a reason.",
                outliers[LANGUAGE],
            )
            % {"count": outliers[LANGUAGE]}
        )
    return found


def _answered_beside_other_reports(trial: Trial) -> list[str]:
    """Answers that were given beside a report that raters would not read, of every arm that is scored."""
    scored = Answer.objects.filter(arm__trial=trial, arm__left_out_reason="")
    rows = scored.filter(pk__in=outdated(scored, trial)).order_by("question__position", "arm__position")
    found = []
    for position, kind, arm in rows.values_list("question__position", "arm__kind", "arm__name"):
        if kind == Arm.Kind.HUMAN:
            said = _(
                "The report of question %(position)s changed after arm “%(arm)s” answered it: write the answer again."
            )
        else:
            said = _(
                "The report of question %(position)s changed after arm “%(arm)s” answered it: let the systems answer "
                "again."
            )
        found.append(said % {"position": position, "arm": arm})
    return found


def _fix_shown_studies(trial: Trial) -> None:
    """Keep which report and which images are shown beside each question, and beside practice which report."""
    asked = list(trial.trial_questions.select_related("trial", "question__study", "earlier"))
    hold_pictures(study for row in asked for study in (row.question.study, row.shown_earlier))
    for row in asked:
        row.shown = fixed_today(row.question.study, row.shown_earlier, shows_report=trial.show_report)
    TrialQuestion.objects.bulk_update(asked, ["shown"])
    items = list(trial.practice_items.select_related("question__study"))
    for item in items:
        item.shown = fixed_today(
            item.question.study, None, shows_report=trial.show_report, shows_images=False
        )
    PracticeItem.objects.bulk_update(items, ["shown"])


def _check_ready(trial: Trial, arms: list[Arm]) -> None:
    found = obstacles(trial)
    if found:
        raise WrongStateError(f"{trial.name}: {' '.join(found)}")
    require_protocol_unchanged(trial.protocol, trial.name)


def design_document(trial: Trial, *, seen: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Everything that must not change after freezing, as JSON values (texts by their keyed hash).

    Args:
        seen: what `seen_hashes` gives; of a frozen trial that of its freezing.
    """
    seen = frozen_hashes(trial) if seen is None else seen
    plain = (
        *("name", "rater_title", "order", "scale_min", "scale_max", "show_report", "instructions", "seed"),
        *("sitting_slots", "sitting_minutes"),
    )
    answers = Answer.objects.filter(arm__trial=trial).order_by("pk")
    return {
        "trial": {name: getattr(trial, name) for name in plain},
        **_later_parts(trial),
        **({SEEN: seen} if seen else {}),
        "screening": trial.screening,
        "protocol": trial.protocol.frozen_sha256,
        "aspects": list(
            trial.aspects.order_by("position").values("key", "name", "definition", "definition_zh", "anchors")
        ),
        "arms": [
            {
                "id": str(arm.pk),
                "kind": arm.kind,
                "name": arm.name,
                "code": arm.code,
                "spec": arm.spec,
                "checkpoint": arm.checkpoint.sha256 if arm.checkpoint else None,
                "left_out": arm.left_out_reason,
                "position": arm.position,
            }
            for arm in trial.arms.select_related("checkpoint").order_by("position")
        ],
        "questions": [
            [row.position, str(row.question_id), row.question.turns_hash]
            for row in trial.trial_questions.select_related("question").order_by("position")
        ],
        "answers": [
            [str(pk), str(arm), str(question), shown]
            for pk, arm, question, shown in answers.values_list("pk", "arm_id", "question_id", "shown_sha256")
        ],
        "raters": [
            [str(rater.pk), str(rater.user_id), rater.aspect_order, rater.trained_arms]
            for rater in trial.raters.order_by("pk")
        ],
        "slots": [
            [str(pk), str(rater), str(answer), position, sitting, kind]
            for pk, rater, answer, position, sitting, kind in Slot.objects.filter(rater__trial=trial)
            .order_by("rater", "position")
            .values_list("pk", "rater_id", "answer_id", "position", "sitting", "kind")
        ],
    }


def _later_parts(trial: Trial) -> dict[str, Any]:
    """Parts of a design that trials of earlier versions had not: left out where they are not used, so that a hash
    that was taken before them still holds."""
    unused = Trial()
    plain = {
        name: getattr(trial, name)
        for name in ("raters_per_answer", "input_mode", "repeats", "controls", "guesses", "show_earlier")
        if getattr(trial, name) != getattr(unused, name)
    }
    # Stored hashes, not texts: after a withdrawal the texts are gone and the design still is what it was.
    items = trial.practice_items.order_by("position").values_list("position", "question_id", "text_sha256")
    practice = [[position, str(question), sha] for position, question, sha in items]
    slots = Slot.objects.filter(rater__trial=trial, kind=Slot.Kind.CONTROL).order_by("pk")
    controls = [[str(pk), sha] for pk, sha in slots.values_list("pk", "control_sha256")]
    rows = trial.trial_questions.exclude(rounds_sha256="").order_by("position")
    dialogues = [[position, sha] for position, sha in rows.values_list("position", "rounds_sha256")]
    hung = trial.trial_questions.exclude(earlier=None).order_by("position") if trial.show_earlier else ()
    earlier = [[asked.position, str(asked.earlier_id)] for asked in hung]
    # Trials that were frozen before reports and images were kept have none.
    shown = [
        [*names, shown]
        for rows in (trial.trial_questions, trial.practice_items)
        for *names, shown in rows.order_by("position").values_list("position", "question_id", "shown")
        if shown
    ]
    parts = {
        "shown": [[position, str(question), kept] for position, question, kept in shown],
        "further": plain,
        "earlier": earlier,
        "practice": practice,
        "degraded": controls,
        "dialogues": dialogues,
    }
    return {name: part for name, part in parts.items() if part}


def design_hash(trial: Trial, *, seen: Mapping[str, Any] | None = None) -> str:
    """SHA-256 over the canonical JSON of the design."""
    text = json.dumps(
        design_document(trial, seen=seen), sort_keys=True, ensure_ascii=False, separators=(",", ":")
    )
    return hashlib.sha256(text.encode()).hexdigest()


def require_unchanged(trial: Trial) -> None:
    """Let a trial pass whose design still has the hash it was frozen with, and whose texts still have theirs.

    Raises:
        WrongStateError: a row of the design, or a text that raters read, was changed behind the services.
    """
    if design_hash(trial) != trial.design_sha256:
        raise WrongStateError(
            _("%(name)s: the design no longer has the hash it was frozen with; compare with a backup.")
            % {"name": trial.name}
        )
    require_protocol_unchanged(trial.protocol, trial.name)
    require_seen_texts(trial, frozen_hashes(trial))
    for rows in (trial.trial_questions, trial.practice_items):
        require_all_shown(rows.filter(question__patient__erased_at__isnull=True), reports=True)
