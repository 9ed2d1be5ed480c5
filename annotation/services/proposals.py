"""Proposals: a model's answers to questions that lack them, asked for as a job, stored exactly once."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from annotation.models import Campaign, EndpointApproval, Proposal, ProposerContext, Question
from annotation.services import endpoint_budgets, stages, stated_facts
from annotation.services.access import require_not_closed, require_researcher
from annotation.services.campaigns import PROPOSING
from annotation.services.endpoints import ENDPOINT_KIND, permitted, standing_approval, transmit
from annotation.services.proposer_parameters import divided
from annotation.services.proposer_specs import require_readable
from annotation.services.study_context import context_text, image_requests
from annotation.services.wording import plain
from annotation.services.wordings import WORDING_CORRECTED
from mammo.accounts import audit
from mammo.accounts.models import AuditEvent, User
from mammo.core.errors import UserError
from mammo.jobs import services as jobs
from mammo.jobs.devices import answering_gpus
from mammo.jobs.models import Job

JOB_KIND = PROPOSING
# Run by name in a child process: this app knows no torch.
MODULE = "modeling.inference.answer"
SYSTEM_KEY = "proposer"
# Beyond this the questions go into jobs of their own, one after the other: what fails costs no more than one of them.
MOST_AT_ONCE = 300
# Kinds whose spec may say that a question which is refused or too long is passed over.
PASSING_KINDS = (ENDPOINT_KIND, "transformers")


def queue_proposals(campaign: Campaign, *, by_user: User | None, gpus: int | None = None) -> Job | None:
    """Queue a job for the questions that lack proposals, and further ones behind it; None when none does.

    A second call while the first job is unfinished returns that job, so nothing is asked for twice.

    Args:
        gpus: how many GPUs the proposer may use; MAMMO_ANSWERING_GPUS when not given.

    Raises:
        NotAllowedError: not a researcher of the site.
        WrongStateError: the campaign is closed.
        UserError: the proposer is an endpoint that no approval stands for or whose budget does not cover the next
            question, or can't read what it is to see.
    """
    require_researcher(campaign.site, by_user)
    require_not_closed(campaign)
    require_readable(campaign.proposer, campaign.proposer_context)
    running = unfinished_job(campaign)
    if running is not None:  # what it reserved is no reason to refuse
        return running
    if campaign.proposer.get("kind") == ENDPOINT_KIND:
        _require_budget(campaign, by_user)
    with transaction.atomic():
        require_not_closed(Campaign.objects.select_for_update().get(pk=campaign.pk))
        running = unfinished_job(campaign)
        if running is not None:
            return running
        waiting = Question.objects.filter(campaign=campaign).lacking_proposals().count()
        if not waiting:
            return None
        gpus = answering_gpus([campaign.proposer]) if gpus is None else gpus
        job = _submit(campaign, by_user, gpus, waiting=min(waiting, MOST_AT_ONCE), after=0)
        audit.record(
            "annotation.proposals_queued", by_user=by_user, on=campaign, site=campaign.site, questions=waiting
        )
    return job


def _submit(campaign: Campaign, by_user: User | None, gpus: int, *, waiting: int, after: int) -> Job:
    return jobs.submit(
        JOB_KIND,
        by_user=by_user,
        site=campaign.site,
        about=campaign,
        title=gettext_lazy("Proposals for %(count)s questions of %(name)s"),
        title_values={"count": waiting, "name": campaign.name},
        parameters={"campaign": str(campaign.pk), "after": after},
        gpus=gpus,
        is_simulated=campaign.is_simulated,
    )


def _require_budget(campaign: Campaign, by_user: User | None) -> None:
    """Let a campaign's endpoint pass that is approved and may still be asked the next question.

    Raises:
        UserError: no approval of another person stands, or none of them covers the question.
    """
    upcoming = _waiting_after(campaign, 0).select_related("study__patient", "patient", "campaign__site")[:1]
    covers = _covers(campaign, [_question_request(question, campaign) for question in upcoming])
    approval = _approval(campaign, by_user, covers)
    if not covers(approval):
        raise endpoint_budgets.spent_error(approval)


def _approval(
    campaign: Campaign, by_user: User | None, covers: Callable[[EndpointApproval], bool]
) -> EndpointApproval:
    sends_images = _sends_images(campaign)
    return standing_approval(
        campaign.site, campaign.proposer, with_images=sends_images, not_by=by_user, covers=covers
    )


def _covers(campaign: Campaign, requests: Sequence[Mapping[str, Any]]) -> Callable[[EndpointApproval], bool]:
    """Whether an approval's budget covers the first of these questions: one that covers none is of no use."""
    return partial(
        endpoint_budgets.covers_all,
        requests=requests[:1],
        n=campaign.proposals_per_question,
        parameters=_endpoint_parameters(campaign),
    )


def _endpoint_parameters(campaign: Campaign) -> dict[str, Any]:
    return {**divided(campaign.parameters)[0], **dict(campaign.proposer.get("parameters") or {})}


def unfinished_job(campaign: Campaign) -> Job | None:
    """The proposing job of this campaign that has not ended, if there is one."""
    return Job.objects.filter(kind=JOB_KIND, about_id=str(campaign.pk)).unfinished().first()


def build_request(job: Job) -> dict[str, Any]:
    """The answering module's request: the next questions of the campaign that lack proposals now.

    The campaign's state, an endpoint's approval and its budget are looked at again, and what is handed over is put on
    record: no more questions than the budget covers.

    Raises:
        WrongStateError: the campaign was closed since; nothing was sent.
        UserError: no approval stands, or its budget covers no question; nothing was sent.
    """
    campaign = Campaign.objects.select_related("site").get(pk=job.parameters["campaign"])
    require_not_closed(campaign)
    questions = _waiting_after(campaign, int(job.parameters.get("after", 0)))
    proposer = {key: value for key, value in campaign.proposer.items() if key != "name"}
    requests = [
        _question_request(question, campaign)
        for question in questions.select_related("study__patient", "patient", "campaign__site")[:MOST_AT_ONCE]
    ]
    if proposer["kind"] in PASSING_KINDS:
        proposer["pass_over_refused"] = True
    parameters, most_draws = divided(campaign.parameters)
    if proposer["kind"] == ENDPOINT_KIND:
        approval = _approval(campaign, job.by_user, _covers(campaign, requests))
        count, budget = endpoint_budgets.allow(
            job,
            approval,
            requests,
            system=SYSTEM_KEY,
            n=campaign.proposals_per_question,
            parameters=_endpoint_parameters(campaign),
        )
        requests = requests[:count]
        transmit(job, approval, requests, system=SYSTEM_KEY)
        proposer = permitted(proposer, budget)
    return {
        "systems": [{"key": SYSTEM_KEY, "spec": proposer}],
        "questions": requests,
        "n": campaign.proposals_per_question,
        # Endpoints take 31 bits.
        "seed": campaign.seed % (2**31),
        "parameters": parameters,
        "distinct": True,
        "most_draws": most_draws,
    }


def _waiting_after(campaign: Campaign, position: int) -> QuerySet[Question]:
    rows = Question.objects.filter(campaign=campaign, position__gt=position)
    return rows.lacking_proposals().order_by("position")


def _sends_images(campaign: Campaign) -> bool:
    return campaign.proposer_context == ProposerContext.IMAGES


def _question_request(question: Question, campaign: Campaign) -> dict[str, Any]:
    if not all(question.turns):
        raise UserError(
            _(
                "question %(position)s of %(campaign)s: the answers between the patient's turns are missing; "
                "only a trial can take it, as a dialogue"
            )
            % {"position": question.position, "campaign": campaign.name}
        )
    language = "en" if question.language == "en" else "zh"
    with_images = campaign.proposer_context == ProposerContext.IMAGES
    return {
        "id": str(question.pk),
        "turns": list(question.turns),
        "language": language,
        "images": image_requests(question.study) if with_images else [],
        "context": context_text(question.study, campaign.proposer_context, language),
    }


def ingest(job: Job, rows: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """Turn the answer file into proposals; a question that has proposals already is left as it is.

    Called inside the transaction that ends the job.

    Returns:
        counts: questions, proposals, skipped (had proposals), reworded (their wording was mended while the proposer
        answered: they wait to be asked again), incomplete (too few answers came back); and
        `unanswered`: for each incomplete question, by its id, why the system gave no answer, where it said so.

    Raises:
        UserError: an answer names a question that is not of this campaign.
    """
    campaign = Campaign.objects.get(pk=job.parameters["campaign"])
    endpoint_budgets.count_use(job)
    answers: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        answers[str(row["question"])].append(row)
    rows_asked = Question.objects.filter(campaign=campaign, pk__in=answers).values_list("pk", "position")
    known = {str(pk): position for pk, position in rows_asked}
    strangers = sorted(set(answers) - set(known))
    if strangers:
        raise UserError(
            _("answer file: question %(question)s is not of campaign %(campaign)s")
            % {"question": strangers[0], "campaign": campaign.name}
        )
    counts = {"questions": 0, "proposals": 0, "skipped": 0, "reworded": 0, "incomplete": 0}
    unanswered: dict[str, str] = {}
    for question_id, given in answers.items():
        outcome = _store(job, campaign, question_id, given)
        counts[outcome] += 1
        if outcome == "incomplete":
            unanswered[question_id] = next((said for said in map(_why_not, given) if said), "")
        if outcome == "questions":
            counts["proposals"] += campaign.proposals_per_question
    audit.record(
        "annotation.proposed",
        by_user=job.by_user,
        on=campaign,
        site=campaign.site,
        job=str(job.pk),
        counts=counts,
    )
    _queue_further(job, campaign, after=max(known.values(), default=0))
    return {**counts, "unanswered": unanswered}


def _why_not(row: Mapping[str, Any]) -> str:
    """Why a row holds no answer (refused, too_long, budget, unavailable); empty where it holds one or nothing is said."""
    return "" if plain(str(row["text"])) else str(row["finish_reason"])


def _queue_further(job: Job, campaign: Campaign, *, after: int) -> None:
    """The job for the questions behind those of this one: none is asked a second time by it."""
    waiting = _waiting_after(campaign, after).count() if after else 0
    if waiting and campaign.state != Campaign.State.CLOSED:
        _submit(campaign, job.by_user, job.gpus, waiting=min(waiting, MOST_AT_ONCE), after=after)


def _store(job: Job, campaign: Campaign, question_id: str, given: Sequence[dict[str, Any]]) -> str:
    question = stages.locked(Question(pk=question_id))
    if question.stage != Question.Stage.NEW or Proposal.objects.filter(question=question).exists():
        return "skipped"
    if _was_reworded(question, job):
        return "reworded"
    by_index = {int(row["index"]): row for row in given}
    wanted = range(campaign.proposals_per_question)
    if any(index not in by_index or not plain(str(by_index[index]["text"])) for index in wanted):
        return "incomplete"
    made = [_proposal(job, campaign, question, by_index[index]) for index in wanted]
    Proposal.objects.bulk_create(made)
    stated_facts.read_proposals(made)
    stages.move(question, Question.Stage.PROPOSED)
    return "questions"


def _was_reworded(question: Question, job: Job) -> bool:
    """Whether a data manager changed the wording since the job took it: the answers are to another one."""
    changes = AuditEvent.objects.filter(action=WORDING_CORRECTED, object_id=str(question.pk))
    return changes.filter(at__gte=job.started_at or job.created_at).exists()


def _read_context(campaign: Campaign, question: Question, row: Mapping[str, Any]) -> str:
    """What the proposer had beside this question: the campaign's setting, or nothing where there was nothing."""
    if campaign.proposer_context == ProposerContext.IMAGES:
        had = bool(row.get("images"))
    else:
        language = "en" if question.language == "en" else "zh"
        had = bool(context_text(question.study, campaign.proposer_context, language))
    return campaign.proposer_context if had else str(ProposerContext.NONE)


def _proposal(job: Job, campaign: Campaign, question: Question, row: dict[str, Any]) -> Proposal:
    spec = campaign.proposer
    name = spec.get("name") or spec.get("model") or str(spec.get("path", "")).rstrip("/").rpartition("/")[2]
    return Proposal(
        question=question,
        round=question.round,
        index=int(row["index"]),
        text=plain(str(row["text"])),
        raw=str(row["raw"]),
        system=str(name or spec["kind"])[:200],
        system_kind=str(spec["kind"]),
        revision=str(row["revision"])[:64],
        parameters={
            **(row.get("parameters") or {}),
            "most_draws": divided(campaign.parameters)[1],
            "draws": int(row.get("attempts") or 1),
            **({"licence": str(row["licence"])} if row.get("licence") else {}),
        },
        seed=int(row.get("seed") or 0),
        prompt_sha256=str(row["prompt_sha256"]),
        context=_read_context(campaign, question, row),
        finish_reason=str(row["finish_reason"])[:20],
        is_distinct=bool(row.get("distinct", True)),
        tokens=int(row.get("tokens") or 0),
        seconds=float(row.get("seconds") or 0.0),
        job=job,
        is_simulated=question.is_simulated or campaign.is_simulated,
    )
