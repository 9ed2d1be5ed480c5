"""Answers of the arms: asked of systems as one job, written by people, stored once."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import partial
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from annotation.services.endpoint_budgets import count_use
from evaluation.answers.dialogue import each_part, joined, parts_of
from evaluation.answers.neutral import neutral_text
from evaluation.answers.screen import ACCEPT, Rule, apply_rules
from evaluation.models import Answer, Arm, Trial, TrialQuestion
from evaluation.services.access import locked_trial, require_designer
from evaluation.services.answer_requests import REPORTS, approval_of, at_endpoints
from evaluation.services.read_reports import outdated, report_beside, up_to_date
from evaluation.services.shown_studies import REPORT_SHA256
from mammo.accounts import audit
from mammo.accounts.models import User
from mammo.archive.pseudonyms import installation
from mammo.core.errors import NotAllowedError, StaleVersionError, UserError, WrongStateError
from mammo.jobs import services as jobs
from mammo.jobs.devices import answering_gpus
from mammo.jobs.models import Job

JOB_KIND = "evaluation.answer"
# Run by name in a child process: this app knows no torch.
MODULE = "modeling.inference.answer"
# Shown where an arm gave no text, once a rule accepts that for every arm.
NO_ANSWER = {"en": "(no answer)", "zh": "（未作答）"}
DEFAULT_PARAMETERS: dict[str, Any] = {"temperature": 0.0, "max_new_tokens": 512}


def rules_of(trial: Trial) -> list[Rule]:
    """The trial's screening rules, in the order they were made."""
    return [
        Rule(
            row["matched"],
            row["action"],
            row["reason"],
            row.get("kind", ""),
            row.get("limit"),
            tuple(row.get("answers", ())),
        )
        for row in trial.screening
    ]


def shown_text(raw: str, rules: Sequence[Rule]) -> str:
    """What raters read: the neutral style, then the trial's rules, the same for every arm."""
    return neutral_text(apply_rules(neutral_text(raw), rules))


def shown_hash(text: str) -> str:
    """Keyed hash of a shown text (a plain hash of a short text could be guessed)."""
    return installation().text_hash(text)


def scored_arms(trial: Trial) -> list[Arm]:
    """Arms that are not left out, in the order of the table."""
    return list(trial.arms.filter(left_out_reason="").order_by("position"))


def unfinished_job(trial: Trial) -> Job | None:
    """The answering job of this trial that has not ended, if there is one."""
    return Job.objects.filter(kind=JOB_KIND, about_id=str(trial.pk)).unfinished().first()


def queue_answers(
    trial: Trial, *, by_user: User, parameters: dict[str, Any] | None = None, arms: Sequence[Arm] = ()
) -> Job | None:
    """Queue one job that answers for all system arms that lack answers; None when none does.

    An answer that was given beside another report than raters would read is asked for again. A second call while the
    first job is unfinished returns that job.

    Args:
        parameters: of the answering module; the same for every arm.
        arms: only these; by default all.

    Raises:
        WrongStateError: the trial is no draft.
        UserError: there is no question or no system arm, or no approval stands for an endpoint.
    """
    require_designer(trial.site, by_user)
    with transaction.atomic():
        row = locked_trial(trial, Trial.State.DRAFT)
        running = unfinished_job(row)
        if running is not None:
            return running
        systems = [arm for arm in (arms or scored_arms(row)) if arm.kind == Arm.Kind.SYSTEM]
        if not systems:
            raise UserError(_("%(name)s: no arm is a system") % {"name": row.name})
        questions = row.trial_questions.not_erased().count()
        if not questions:
            raise UserError(_("%(name)s: add questions first") % {"name": row.name})
        fresh = up_to_date(Answer.objects.filter(arm__in=systems), row)
        fresh = fresh.filter(question__in=row.trial_questions.not_erased())
        waiting = [arm for arm in systems if fresh.filter(arm=arm).count() < questions]
        if not waiting:
            return None
        for arm in at_endpoints(waiting):
            approval_of(row, arm, by_user)
        return jobs.submit(
            JOB_KIND,
            by_user=by_user,
            site=row.site,
            about=row,
            title=gettext_lazy("Answers of %(arms)s systems to %(questions)s questions"),
            title_values={"arms": len(waiting), "questions": questions},
            parameters={
                "trial": str(row.pk),
                "arms": [str(arm.pk) for arm in waiting],
                "parameters": dict(parameters or DEFAULT_PARAMETERS),
            },
            gpus=answering_gpus([arm.spec for arm in waiting]),
            is_simulated=row.is_simulated,
        )


def ingest(job: Job, rows: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """Turn the answer file into answers; one that is there already stays as it is, unless it was given beside another
    report than raters would read.

    Called inside the transaction that ends the job, or keeps what the others answered where a system failed.

    Returns:
        counts: answers, skipped (there already, or the patient withdrew meanwhile), empty (no text came back, in a
            dialogue to any turn).

    Raises:
        WrongStateError: the trial was frozen meanwhile.
        UserError: an answer names an arm or a question that is not of this trial, or a dialogue lacks an answer.
    """
    trial = locked_trial(Trial.objects.get(pk=job.parameters["trial"]), Trial.State.DRAFT)
    count_use(job)
    arms = {str(arm.pk): arm for arm in trial.arms.filter(pk__in=job.parameters["arms"])}
    questions = {str(q.pk): q for q in _with_keys(trial)}
    old = outdated(Answer.objects.filter(arm__in=list(arms.values())), trial)
    standing = Answer.objects.filter(arm__trial=trial).exclude(pk__in=old)
    held = {(str(arm), str(question)) for arm, question in standing.values_list("arm_id", "question_id")}
    reports = job.parameters.get(REPORTS, {})
    rules = rules_of(trial)
    erased = {str(pk) for pk in trial.trial_questions.erased().values_list("pk", flat=True)}
    counts = {"answers": 0, "skipped": 0, "empty": 0}
    made: list[Answer] = []
    for row in rows:
        key, name = str(row["system"]), str(row["question"])
        if key not in arms or name not in questions:
            raise UserError(
                _("answer file: system %(key)s or question %(name)s is not of trial %(trial)s")
                % {"key": key, "name": name, "trial": trial.name}
            )
        if (key, name) in held or name in erased:
            counts["skipped"] += 1
            continue
        held.add((key, name))
        counts["answers"] += 1
        answer = _answer_of_row(arms[key], questions[name], row, rules)
        answer.seconds = row.get("seconds")
        answer.job = job
        if name in reports:
            answer.provenance[REPORT_SHA256] = reports[name]
        counts["empty"] += not all(parts_of(answer.shown_text))
        made.append(answer)
    _store(made, old)
    audit.record(
        "evaluation.answered", by_user=job.by_user, on=trial, site=trial.site, job=str(job.pk), counts=counts
    )
    return counts


def _store(made: Sequence[Answer], old: Collection[UUID]) -> None:
    """Store new answers in the place of those that were given beside another report."""
    pairs = {(answer.arm_id, answer.question_id) for answer in made}
    rows = Answer.objects.filter(pk__in=old).values_list("pk", "arm_id", "question_id")
    Answer.objects.filter(pk__in=[pk for pk, *pair in rows if tuple(pair) in pairs]).delete()
    Answer.objects.bulk_create(made)


def _answer_of_row(
    arm: Arm, question: TrialQuestion, row: Mapping[str, Any], rules: Sequence[Rule]
) -> Answer:
    """The answer of a line; `raw` holds the control tokens too, what is shown starts from the text without them."""
    left_out = ("text", "raw", "system", "question")
    provenance = {k: v for k, v in row.items() if k not in left_out}
    if question.is_dialogue:
        rounds = list(row.get("rounds") or ())
        if len(rounds) != len(question.rounds):
            raise UserError(
                _(
                    "answer file: question %(question)s has %(rounds)s turns, %(answers)s answers came; ask again"
                )
                % {"question": question.pk, "rounds": len(question.rounds), "answers": len(rounds)}
            )
        answer = new_dialogue(arm, question, [str(one["text"]) for one in rounds], rules)
        raw = [str(one.get("raw") or one["text"]) for one in rounds]
        answer.turns = _interleaved(question, raw)
        answer.raw_text = raw[-1]
        provenance["rounds"] = [{k: v for k, v in one.items() if k not in left_out} for one in rounds]
    else:
        answer = new_answer(arm, question, str(row["text"]), rules)
        answer.raw_text = str(row.get("raw") or row["text"])
    answer.provenance = provenance
    return answer


def written_version(answer: Answer | None) -> str:
    """What tells one text of an answer from the next; empty where none is written."""
    return shown_hash(answer.raw_text) if answer is not None else ""


def record_human_answer(
    arm: Arm,
    question: TrialQuestion,
    text: str,
    *,
    by_user: User,
    seconds: float | None = None,
    opened_on: str = "",
    report_read: str | None = None,
) -> Answer:
    """Store what a person wrote for an arm; who has seen the text that stands replaces it while the trial is a draft.

    Args:
        opened_on: `written_version` of the text that the author had before them.
        report_read: `report_beside` of when they opened it; None is that of now.

    Raises:
        NotAllowedError: the account is not an author of this arm.
        WrongStateError: the trial is no draft.
        StaleVersionError: another page or another author of the arm wrote meanwhile; carries that text.
        UserError: the text is empty, or question and arm are of different trials.
    """
    if arm.kind != Arm.Kind.HUMAN or str(by_user.pk) not in arm.spec.get("authors", []):
        raise NotAllowedError(_("This account does not write answers for this arm."))
    if question.trial_id != arm.trial_id:
        raise UserError(_("The question is not of this trial."))
    if question.is_dialogue:
        raise UserError(_("The question is a dialogue: it is answered turn by turn."))
    if not text.strip():
        raise UserError(_("text: empty; write an answer"))
    with transaction.atomic():
        trial = locked_trial(arm.trial, Trial.State.DRAFT)
        held = Answer.objects.filter(arm=arm, question=question).select_related(*_KEYS).first()
        _refuse_unseen(held, opened_on)
        answer = new_answer(arm, question, text, rules_of(trial))
        if held is not None:
            # A row of its own: which views the earlier text was written on stands for good, under the earlier row.
            held.delete()
        answer.author, answer.seconds = by_user, seconds
        answer.is_simulated = answer.is_simulated or by_user.is_simulated
        today = report_beside(trial, question.question.study)
        answer.provenance = {REPORT_SHA256: today if report_read is None else report_read}
        answer.save()
        audit.record("evaluation.answer_written", by_user=by_user, on=answer, site=trial.site)
    return answer


def _refuse_unseen(held: Answer | None, opened_on: str) -> None:
    if written_version(held) != opened_on:
        raise StaleVersionError(
            _("This answer was written anew since you opened it: compare the texts and save again."),
            current=str(held.raw_text) if held is not None else "",
            current_version=0,
        )


def apply_rule(trial: Trial, rule: Rule) -> int:
    """Apply one new rule to every answer of every arm; inside the caller's transaction, on a locked draft.

    Returns:
        how many answers changed.

    Raises:
        WrongStateError: the rule would leave an answer without any text.
    """
    changed = 0
    for answer in Answer.objects.filter(arm__trial=trial).select_related(*_KEYS):
        language = "en" if answer.question.question.language == "en" else "zh"
        ruled = partial(_after_rule, rule=rule, no_answer=NO_ANSWER[language])
        text = each_part(answer.shown_text, ruled)
        if text != answer.shown_text:
            answer.shown_text, answer.shown_sha256 = text, shown_hash(text)
            answer.save(update_fields=["shown_text", "shown_sha256"])
            changed += 1
    return changed


def _after_rule(part: str, rule: Rule, no_answer: str) -> str:
    """One answer after a rule."""
    text = neutral_text(apply_rules(part, [rule]))
    if not part and not rule.matched and not rule.kind and rule.action == ACCEPT:
        return no_answer
    if part and not text:
        raise WrongStateError(
            _("This rule would leave an answer without any text; accept the wording instead.")
        )
    return text


_KEYS = ("question__question__patient", "question__question__campaign__site")


def _with_keys(trial: Trial) -> Iterable[TrialQuestion]:
    return trial.trial_questions.select_related("question__patient", "question__campaign__site")


def new_answer(arm: Arm, question: TrialQuestion, text: str, rules: Sequence[Rule]) -> Answer:
    """An answer that is not stored yet, raw and as shown."""
    shown = shown_text(text, rules)
    return Answer(
        arm=arm,
        question=question,
        raw_text=text,
        shown_text=shown,
        shown_sha256=shown_hash(shown),
        is_simulated=arm.is_simulated or question.question.is_simulated,
    )


def new_dialogue(arm: Arm, question: TrialQuestion, answers: Sequence[str], rules: Sequence[Rule]) -> Answer:
    """An arm's dialogue that is not stored yet: all turns raw, and its answers as shown.

    Args:
        answers: one text for each of the patient's turns.

    Raises:
        ValueError: there are more or fewer.
    """
    shown = joined(shown_text(answer, rules) for answer in answers)
    answer = Answer(
        arm=arm,
        question=question,
        raw_text=answers[-1],
        shown_text=shown,
        shown_sha256=shown_hash(shown),
        is_simulated=arm.is_simulated or question.question.is_simulated,
    )
    answer.turns = _interleaved(question, answers)
    return answer


def _interleaved(question: TrialQuestion, answers: Sequence[str]) -> list[str]:
    """Patient, answer, patient, answer, … of a dialogue."""
    return [text for pair in zip(question.rounds, answers, strict=True) for text in pair]
