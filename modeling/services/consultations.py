"""Consultations: a tuned model is asked about a study by researchers and radiologists, under a protocol only."""

import json
import secrets
from collections.abc import Iterable
from datetime import date
from typing import Any

from django.db import transaction
from django.db.models import Max
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from annotation.models import Campaign, Question
from annotation.question_table import LONGEST_QUESTION, QuestionRow
from annotation.services.access import require_researcher
from annotation.services.questions import import_questions
from annotation.services.study_context import image_requests
from mammo.accounts import audit
from mammo.accounts.models import Site, User
from mammo.archive.models import Study
from mammo.core.errors import NotAllowedError, UserError, WrongStateError
from mammo.jobs import services as jobs
from mammo.jobs.attempt_files import AttemptFiles
from mammo.jobs.devices import answering_gpus
from mammo.jobs.models import Job
from modeling.models import (
    Checkpoint,
    Consultation,
    ConsultationProtocol,
    ConsultationTurn,
    Stage,
    TurnRemark,
)
from modeling.models.consultations import CONSULTING_ROLES

JOB_KIND = "modeling.consult"
# Run by name in a child process: this side knows no torch.
MODULE = "modeling.inference.consult"
TALKING_STAGES = (Stage.SFT, Stage.PREFERENCES)
STREAM_FILE, STOP_FILE = "stream.jsonl", "stop"
LONGEST_ANSWER_TOKENS = 300
TEMPERATURE, TOP_P = 0.7, 0.95
State = ConsultationTurn.State


def open_protocol(
    site: Site, *, by_user: User, title: str, ethics_number: str, ends_on: date
) -> ConsultationProtocol:
    """Put the approval on record under which models may be asked at a site.

    Raises:
        NotAllowedError: not a researcher of the site.
        UserError: a field is empty, its last day is over, or the number is on record already.
    """
    require_researcher(site, by_user)
    if not title.strip() or not ethics_number.strip():
        raise UserError(_("title and ethics_number: both are needed; no model is asked without an approval"))
    if ends_on < timezone.localdate():
        raise UserError(_("ends_on: this day is over; give a later one"))
    if ConsultationProtocol.objects.filter(site=site, ethics_number=ethics_number.strip()).exists():
        raise UserError(_("ethics_number: this protocol is on record already"))
    with transaction.atomic():
        protocol = ConsultationProtocol.objects.create(
            site=site,
            title=title.strip()[:200],
            ethics_number=ethics_number.strip()[:120],
            ends_on=ends_on,
            by_user=by_user,
        )
        audit.record(
            "modeling.consultation_protocol", by_user=by_user, on=protocol, site=site, number=ethics_number
        )
    return protocol


def begin(
    protocol: ConsultationProtocol, *, by_user: User, checkpoint: Checkpoint, study: Study | None
) -> Consultation:
    """Begin a dialogue.

    Raises:
        NotAllowedError: neither researcher nor radiologist of the protocol's site.
        WrongStateError: the protocol has ended.
        UserError: the checkpoint can't answer, or checkpoint or study belong to another site.
    """
    _require_consulting(protocol, by_user)
    if checkpoint.run.stage not in TALKING_STAGES:
        raise UserError(_("checkpoint: it doesn't write answers; choose one of instruction tuning"))
    if checkpoint.run.site_id != protocol.site_id or (
        study is not None and study.site_id != protocol.site_id
    ):
        raise UserError(_("checkpoint and study: both must be of the protocol's hospital"))
    with transaction.atomic():
        consultation = Consultation.objects.create(
            site=protocol.site,
            protocol=protocol,
            checkpoint=checkpoint,
            study=study,
            by_user=by_user,
            is_simulated=checkpoint.is_simulated or by_user.is_simulated,
        )
        audit.record("modeling.consultation_begun", by_user=by_user, on=consultation, site=protocol.site)
    return consultation


def ask(consultation: Consultation, *, by_user: User, text: str, gpus: int | None = None) -> ConsultationTurn:
    """Ask the next question; its answer is written by a job and can be read while it is written.

    Args:
        gpus: how many the job sees; MAMMO_ANSWERING_GPUS when not given.

    Raises:
        NotAllowedError: not one's own consultation, or no longer a role that may ask.
        WrongStateError: the protocol has ended, or the last answer is still being written.
        UserError: the question is empty or too long.
    """
    _require_own(consultation, by_user)
    asked = text.strip()
    if not asked or len(asked) > LONGEST_QUESTION:
        raise UserError(_("question: empty or longer than %(n)s characters") % {"n": LONGEST_QUESTION})
    with transaction.atomic():
        Consultation.objects.select_for_update(of=("self",)).get(pk=consultation.pk)
        for waiting in consultation.turns.filter(state=State.WAITING):
            if settle(waiting).state == State.WAITING:
                raise WrongStateError(_("The last answer is still being written; wait for it or stop it."))
        last = consultation.turns.aggregate(last=Max("number"))["last"] or 0
        turn = ConsultationTurn(
            consultation=consultation, number=last + 1, question=asked, seed=secrets.randbits(31)
        )
        turn.save(force_insert=True)
        turn.job = jobs.submit(
            JOB_KIND,
            by_user=by_user,
            site=consultation.site,
            about=consultation,
            title=gettext_lazy("Answer %(number)s of a consultation"),
            title_values={"number": turn.number},
            parameters={"turn": str(turn.pk)},
            gpus=answering_gpus([_system(consultation)]) if gpus is None else gpus,
            is_simulated=consultation.is_simulated,
        )
        turn.save(update_fields=["job"])
        audit.record(
            "modeling.consultation_asked",
            by_user=by_user,
            on=consultation,
            site=consultation.site,
            turn=turn.number,
        )
    return turn


def build_request(job: Job) -> dict[str, Any]:
    """The child's request: the dialogue so far, the study's views, and how the answer is drawn."""
    turn = ConsultationTurn.objects.select_related("consultation__checkpoint", "consultation__study").get(
        pk=job.parameters["turn"]
    )
    return {
        "spec": _system(turn.consultation),
        "parameters": {"temperature": TEMPERATURE, "top_p": TOP_P, "max_new_tokens": LONGEST_ANSWER_TOKENS},
        "turns": [*_history(turn), str(turn.question)],
        "images": image_requests(turn.consultation.study),
        "seed": turn.seed,
        "stream": STREAM_FILE,
        "stop": STOP_FILE,
    }


def _system(consultation: Consultation) -> dict[str, str]:
    return {"kind": "mammovlm", "path": consultation.checkpoint.folder}


def _history(turn: ConsultationTurn) -> list[str]:
    """Questions and answers before this turn, alternating; a question without an answer is left out."""
    said: list[str] = []
    for before in turn.consultation.turns.filter(number__lt=turn.number).exclude(answer=""):
        said += [str(before.question), str(before.answer)]
    return said


def ingest(job: Job, rows: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """Store the answer with its provenance; called inside the transaction that ends the job.

    Raises:
        UserError: the answer file holds no answer.
    """
    row = next(iter(rows), None)
    if row is None:
        raise UserError(_("job %(job)s: its answer file is empty") % {"job": job.pk})
    turn = ConsultationTurn.objects.select_related("consultation__site").get(pk=job.parameters["turn"])
    turn.answer = str(row["text"])
    turn.state = State.STOPPED if row["finish_reason"] == "stopped" else State.ANSWERED
    turn.revision, turn.prompt_sha256 = str(row["revision"])[:64], str(row["prompt_sha256"])[:64]
    turn.parameters, turn.tokens, turn.seconds = (
        dict(row["parameters"]),
        int(row["tokens"]),
        float(row["seconds"]),
    )
    turn.save()
    return {"tokens": turn.tokens, "seconds": round(turn.seconds, 2)}


def text_so_far(turn: ConsultationTurn) -> str:
    """What is written of an answer: the stored one, or what its child has written down until now."""
    if turn.state != State.WAITING or turn.job is None:
        return str(turn.answer)
    try:
        lines = (AttemptFiles(turn.job).folder / STREAM_FILE).read_text("utf-8").split("\n")
        # The last line may be half-written.
        return "".join(str(json.loads(line)["text"]) for line in lines[:-1])
    except (
        OSError,
        ValueError,
        TypeError,
        KeyError,
    ):  # it is overwritten as the attempt ends, and then removed
        return ""


def settle(turn: ConsultationTurn) -> ConsultationTurn:
    """Note that no answer will come when the job has ended without one."""
    if turn.state == State.WAITING and (turn.job is None or turn.job.is_ended):
        turn.refresh_from_db()
        if turn.state == State.WAITING:
            turn.state = (
                State.STOPPED if turn.job is not None and turn.job.state == "cancelled" else State.FAILED
            )
            turn.save(update_fields=["state"])
    return turn


def stop(turn: ConsultationTurn, *, by_user: User) -> None:
    """Stop the answer under way and keep what is written of it.

    Raises:
        NotAllowedError: not one's own consultation.
        WrongStateError: the answer is finished.
    """
    _require_own(turn.consultation, by_user, is_reading=True)
    if settle(turn).state != State.WAITING or turn.job is None:
        raise WrongStateError(_("This answer is finished."))
    if turn.job.state == "queued":
        jobs.cancel(turn.job, by_user=by_user)
        turn.job.refresh_from_db()
        settle(turn)
        return
    (AttemptFiles(turn.job).folder / STOP_FILE).touch()


def remark(
    turn: ConsultationTurn, *, by_user: User, thumb: str, comment: str = "", campaign: Campaign | None = None
) -> TurnRemark:
    """Put on record what a person thinks of an answer; with a campaign, the question goes into it.

    Raises:
        NotAllowedError: not one's own consultation, or not allowed to add questions to the campaign.
        WrongStateError: the answer is not finished, or the campaign is closed.
        UserError: the verdict is unknown, or the campaign is another site's.
    """
    consultation = turn.consultation
    _require_own(consultation, by_user, is_reading=True)
    if thumb not in TurnRemark.Thumb.values:
        raise UserError(_("thumb: give up or down"))
    if settle(turn).state == State.WAITING:
        raise WrongStateError(_("The answer is still being written."))
    with transaction.atomic():
        question = _feed(turn, campaign, by_user) if campaign is not None else None
        row = TurnRemark(
            turn=turn, by_user=by_user, thumb=thumb, comment=comment.strip(), question=question,
            is_simulated=consultation.is_simulated,
        )  # fmt: skip
        row.save(force_insert=True)
        audit.record(
            "modeling.consultation_remark", by_user=by_user, on=consultation, site=consultation.site,
            turn=turn.number, thumb=thumb, fed=question is not None,
        )  # fmt: skip
    return row


def _feed(turn: ConsultationTurn, campaign: Campaign, by_user: User) -> Question:
    """The campaign's new question of this turn, with the turns before it; refused where it holds it already."""
    consultation = turn.consultation
    if campaign.site_id != consultation.site_id:
        raise UserError(_("campaign: it is another hospital's"))
    turns = (*_history(turn), str(turn.question))
    language = "zh" if any("\u4e00" <= sign <= "\u9fff" for sign in turns[-1]) else "en"
    row = QuestionRow(
        number=1, patient="", accession="", language=language, turns=turns, source="consultation",
        consent=consultation.protocol.ethics_number,
    )  # fmt: skip
    study = consultation.study
    about = (study.patient if study is not None else None, study)
    with transaction.atomic():
        # The import locks it too: no other question comes between the two looks.
        Campaign.objects.select_for_update().get(pk=campaign.pk)
        held = set(campaign.questions.values_list("pk", flat=True))
        result = import_questions(
            campaign, [row], by_user=by_user, table_name=f"consultation {turn.pk}", about=about
        )
        fresh = campaign.questions.exclude(pk__in=held).first()
    if fresh is None:
        raise UserError(_("campaign: %(reason)s") % {"reason": result.items[0].reason})
    return fresh


def _require_consulting(protocol: ConsultationProtocol, by_user: User) -> None:
    if not by_user.has_role(*CONSULTING_ROLES, site=protocol.site):
        raise NotAllowedError(_("Only researchers and radiologists of this hospital may ask a model."))
    if not protocol.is_standing(timezone.localdate()):
        raise WrongStateError(_("The protocol has ended; no model is asked under it any more."))


def _require_own(consultation: Consultation, by_user: User, *, is_reading: bool = False) -> None:
    if consultation.by_user_id != by_user.pk:
        raise NotAllowedError(_("This is another person's consultation."))
    if not is_reading:
        _require_consulting(consultation.protocol, by_user)
