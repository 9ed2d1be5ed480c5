"""Arms: who answers. No rater ever sees their names or specs; codes stand for them until unblinding."""

import hashlib
import json
import secrets
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django.db import transaction
from django.db.models import Max
from django.utils.translation import gettext as _

from annotation.services.endpoints import require_key_variable
from evaluation.answers.screen import Rule
from evaluation.models import Answer, Arm, Trial, TrialQuestion
from evaluation.services.access import locked_trial, require_designer
from evaluation.services.answer_rows import texts_by_question
from evaluation.services.answers import new_answer, new_dialogue, rules_of
from evaluation.services.leakage import refuse_leaks
from mammo.accounts import audit
from mammo.accounts.models import User
from mammo.core.errors import UserError, WrongStateError
from mammo.core.given_models import require_known_model
from modeling.inference.spec_files import KINDS
from modeling.models import Checkpoint, Stage

# How the checkpoint of a stage answers; checkpoints of other stages answer nothing.
ANSWERING_STAGES = {
    Stage.SFT: "mammovlm",
    Stage.PREFERENCES: "mammovlm",
    Stage.LANGUAGE: "transformers",
    Stage.VISION_LANGUAGE_SFT: "vision_language",
}
# Tables of the paper that a trial's arms feed.
FED_TABLES = (1, 2, 3)
# Letters that read like nothing else, and no vowels: a code never spells a name.
CODE_LETTERS = "BCDFGHJKLMNPQRSTVWXZ"


def add_system_arm(
    trial: Trial,
    name: str,
    *,
    by_user: User,
    spec: Mapping[str, Any] | None = None,
    checkpoint: Checkpoint | None = None,
    is_simulated: bool = False,
    is_from_afar: bool = False,
) -> Arm:
    """Add an arm that a system answers for: a checkpoint, or any spec of the answering module.

    A spec whose path is a known checkpoint's folder is taken as that checkpoint, so that its training side is
    known.

    Args:
        is_from_afar: the spec comes from a page or the interface: it may name models of the site alone.

    Raises:
        WrongStateError: the trial is no draft.
        UserError: an unusable spec, a path that may not be named, a name that is taken, or a question the checkpoint
            was trained on.
    """
    given = dict(spec or {})
    if is_from_afar:
        require_known_model(
            given, trial.site_id, field="spec", instead_of_file=_("upload the file of answers instead")
        )
    if checkpoint is None and given.get("path"):
        folder = str(given["path"]).rstrip("/")
        checkpoint = Checkpoint.objects.filter(folder=folder).select_related("run__snapshot").first()
    if checkpoint is not None and not given:
        kind = ANSWERING_STAGES.get(Stage(checkpoint.run.stage))
        if kind is None:
            raise UserError(
                _("checkpoint %(checkpoint)s: stage %(stage)s answers no questions")
                % {"checkpoint": checkpoint, "stage": checkpoint.run.stage}
            )
        given = {"kind": kind, "path": checkpoint.folder}
    if given.get("kind") not in KINDS:
        raise UserError(
            _("spec: kind %(kind)r is unknown; known: %(known)s")
            % {"kind": given.get("kind"), "known": ", ".join(KINDS)}
        )
    require_key_variable(given, "spec")
    simulated = is_simulated or (checkpoint is not None and checkpoint.is_simulated)
    return _add(trial, name, Arm.Kind.SYSTEM, given, by_user, checkpoint=checkpoint, is_simulated=simulated)


def add_human_arm(trial: Trial, name: str, *, authors: Iterable[User], by_user: User) -> Arm:
    """Add an arm whose answers these people write.

    Raises:
        WrongStateError: the trial is no draft.
        UserError: no author, an author of another site, or a rater of the trial among them.
    """
    people = list(authors)
    if not people:
        raise UserError(_("authors: name at least one person who writes the answers"))
    for person in people:
        if not person.has_role("author", "junior", "senior", site=trial.site):
            raise UserError(
                _("%(user)s: holds no clinical or author role at this site") % {"user": person.username}
            )
        if trial.raters.filter(user=person).exists():
            raise UserError(_("%(user)s: is a rater of this trial") % {"user": person.username})
    spec = {"authors": [str(person.pk) for person in people]}
    simulated = any(person.is_simulated for person in people)
    return _add(trial, name, Arm.Kind.HUMAN, spec, by_user, is_simulated=simulated)


def add_written_arm(
    trial: Trial,
    name: str,
    rows: Sequence[Mapping[str, Any]],
    *,
    by_user: User,
    kind: str = Arm.Kind.REFERENCE,
    source: str = "",
    checkpoint: Checkpoint | None = None,
) -> Arm:
    """Add an arm whose answers come as a file: the reference, or a system that answered elsewhere.

    Args:
        rows: `question` (its position in the trial, or its id) and `text` each, of a dialogue `turns`, the list of
            its answers (a list, or JSON text of one); every question once.
        kind: reference or system.
        source: name of the file, kept in the spec.
        checkpoint: which of the site's wrote the answers, if one did: its training side is then known, and questions
            and patients of it are refused.

    Raises:
        WrongStateError: the trial is no draft.
        UserError: a row names no question of the trial, one twice, holds no text or more or fewer answers than the
            dialogue has turns; questions are missing; or the checkpoint is of another site, is named for a reference,
            or was trained on a question.
    """
    if kind not in (Arm.Kind.REFERENCE, Arm.Kind.SYSTEM):
        raise UserError(_("kind: give reference or system"))
    if checkpoint is not None:
        _check_writer(trial, kind, checkpoint)
    with transaction.atomic():
        questions = list(
            trial.trial_questions.select_related("question__patient", "question__campaign__site")
        )
        texts = texts_by_question(rows, questions, source=source)
        digest = hashlib.sha256(
            json.dumps([[q, texts[q]] for q in sorted(texts)], ensure_ascii=False).encode()
        ).hexdigest()
        spec = {"kind": "file", "name": source[:200], "sha256": digest}
        simulated = checkpoint is not None and checkpoint.is_simulated
        arm = _add(trial, name, kind, spec, by_user, checkpoint=checkpoint, is_simulated=simulated)
        rules = rules_of(trial)
        Answer.objects.bulk_create(
            [_written(arm, question, texts[str(question.pk)], rules) for question in questions]
        )
        audit.record("evaluation.answers_uploaded", by_user=by_user, on=arm, site=trial.site, sha256=digest)
    return arm


def _check_writer(trial: Trial, kind: str, checkpoint: Checkpoint) -> None:
    if kind != Arm.Kind.SYSTEM:
        raise UserError(_("checkpoint: only a system's answers are written by one"))
    if checkpoint.run.site_id != trial.site_id:
        raise UserError(_("checkpoint: none of this id at the trial's site"))


def _written(arm: Arm, question: TrialQuestion, given: str | list[str], rules: Sequence[Rule]) -> Answer:
    if isinstance(given, list):
        return new_dialogue(arm, question, given, rules)
    return new_answer(arm, question, given, rules)


def _add(
    trial: Trial,
    name: str,
    kind: str,
    spec: dict[str, Any],
    by_user: User,
    *,
    checkpoint: Checkpoint | None = None,
    is_simulated: bool,
) -> Arm:
    require_designer(trial.site, by_user)
    if not name.strip():
        raise UserError(_("name: empty; give the arm a name"))
    with transaction.atomic():
        row = locked_trial(trial, Trial.State.DRAFT)
        if row.arms.filter(name=name.strip()).exists():
            raise UserError(_("name: the trial has an arm “%(name)s” already") % {"name": name})
        arm = Arm(
            trial=row,
            kind=kind,
            name=name.strip(),
            code=_code(row),
            spec=spec,
            checkpoint=checkpoint,
            position=int(row.arms.aggregate(last=Max("position"))["last"] or 0) + 1,
            is_simulated=is_simulated,
        )
        asked = list(row.trial_questions.select_related("question__campaign"))
        dialogues = {q.question_id for q in asked if q.is_dialogue}
        refuse_leaks([arm], [q.question for q in asked], dialogues=dialogues)
        arm.save(force_insert=True)
        audit.record("evaluation.arm_added", by_user=by_user, on=arm, site=row.site, kind=kind)
    return arm


def _code(trial: Trial) -> str:
    """A code of pure chance: neither name, kind, order nor seed leads to it; the row alone knows it."""
    taken = set(trial.arms.values_list("code", flat=True))
    chance = secrets.SystemRandom()
    while True:
        code = "".join(chance.sample(CODE_LETTERS, 3))
        if code not in taken:
            return code


def set_tables(arm: Arm, tables: Iterable[int], *, by_user: User, were: str | None = None) -> None:
    """Say which of Tables 1, 2 and 3 an arm feeds; none takes the word back.

    One trial may feed all three. An arm that says nothing stands in no table as soon as another arm says something.

    Args:
        were: the numbers that the sender saw, such as "1,3"; None asks nothing.

    Raises:
        WrongStateError: the trial is no draft, or somebody changed the arm's tables since.
        UserError: a number that is no table of trials.
    """
    require_designer(arm.trial.site, by_user)
    numbers = sorted(set(tables))
    if not set(numbers) <= set(FED_TABLES):
        raise UserError(_("tables: give some of %(known)s") % {"known": ", ".join(map(str, FED_TABLES))})
    with transaction.atomic():
        row = locked_trial(arm.trial, Trial.State.DRAFT)
        arm.refresh_from_db(fields=["spec"])
        now = ",".join(map(str, arm.spec.get("tables", [])))
        if were is not None and were != now:
            raise WrongStateError(
                _("The tables of this arm were changed meanwhile; now: %(now)s. Open the page again.")
                % {"now": now or _("none")}
            )
        spec = {key: value for key, value in arm.spec.items() if key != "tables"}
        arm.spec = spec | {"tables": numbers} if numbers else spec
        arm.save(update_fields=["spec"])
        audit.record("evaluation.arm_tables", by_user=by_user, on=arm, site=row.site, tables=numbers)


def leave_out(arm: Arm, reason: str, *, by_user: User) -> None:
    """Leave an arm out of the scoring; it stays on the record with its reason.

    Raises:
        WrongStateError: the trial is no draft.
        UserError: no reason was given.
    """
    require_designer(arm.trial.site, by_user)
    if not reason.strip():
        raise UserError(_("reason: say why the arm is left out"))
    with transaction.atomic():
        row = locked_trial(arm.trial, Trial.State.DRAFT)
        arm.left_out_reason = reason.strip()[:300]
        arm.save(update_fields=["left_out_reason"])
        audit.record("evaluation.arm_left_out", by_user=by_user, on=arm, site=row.site, reason=reason)
