"""What an answering job asks of its systems: the questions that each one lacks, and what may go to an endpoint."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any
from uuid import UUID

from django.db import transaction

from annotation.models import EndpointApproval, ProposerContext
from annotation.services.endpoint_budgets import allow, covers_all, has_rest
from annotation.services.endpoints import (
    ENDPOINT_KIND,
    permitted,
    reads_images,
    standing_approval,
    transmit,
)
from annotation.services.study_context import context_text, image_requests
from evaluation.models import Answer, Arm, Trial, TrialQuestion
from evaluation.services.read_reports import reports_beside, up_to_date
from mammo.accounts.models import User
from mammo.jobs.models import Job

# Of a job's parameters: which report each question was asked beside.
REPORTS = "reports"


def build_request(job: Job) -> dict[str, Any]:
    """The answering module's request: the arms that lack answers, each with the questions that it lacks; the job keeps
    which report stands beside each of them.

    What goes to an endpoint is put on record, and only under an approval that stands at this moment.

    Raises:
        UserError: an approval ended since the job was queued, or its budget does not cover all questions.
    """
    trial = Trial.objects.get(pk=job.parameters["trial"])
    named = list(Arm.objects.filter(pk__in=job.parameters["arms"]).order_by("position"))
    lacking = _lacking(trial, named)
    # An earlier attempt may have kept everything: then there is nothing to ask of anyone.
    arms = [arm for arm in named if lacking[arm.pk]] or named
    wanted = set[UUID]().union(*lacking.values())
    keys = ("question__study__patient", "question__patient", "question__campaign__site")
    rows = trial.trial_questions.filter(pk__in=wanted)
    questions = list(rows.select_related(*keys).order_by("position"))
    # Before the texts are read: a report that changes in between is told as another one.
    _keep_reports(job, reports_beside(trial, questions))
    requests = {question.pk: question_request(question, trial) for question in questions}
    asked = {arm.pk: [requests[pk] for pk in requests if pk in lacking[arm.pk]] for arm in arms}
    own_names = {str(question.pk): str(question.question_id) for question in questions}
    specs = {arm.pk: system_spec(arm) for arm in arms}
    # Reserved for all arms or for none; what one of them reserves is not there for the next.
    with transaction.atomic():
        for arm in at_endpoints(arms):
            specs[arm.pk] = _handed_over(job, trial, arm, asked[arm.pk], own_names)
    return {
        "systems": [
            {"key": str(arm.pk), "spec": specs[arm.pk], "questions": [one["id"] for one in asked[arm.pk]]}
            for arm in arms
        ],
        "questions": list(requests.values()),
        "n": 1,
        # Endpoints take 31 bits.
        "seed": trial.seed % (2**31),
        "parameters": job.parameters["parameters"],
        "distinct": False,
        # A system that fails costs the others nothing.
        "keep_going": True,
    }


def _lacking(trial: Trial, arms: Sequence[Arm]) -> dict[UUID, set[UUID]]:
    """By arm the questions that it has not answered, or beside another report than raters would read."""
    every = set(trial.trial_questions.not_erased().values_list("pk", flat=True))
    fresh = up_to_date(Answer.objects.filter(arm__in=arms), trial).values_list("arm_id", "question_id")
    answered: dict[UUID, set[UUID]] = {arm.pk: set() for arm in arms}
    for arm, question in fresh:
        answered[arm].add(question)
    return {arm: every - given for arm, given in answered.items()}


def _keep_reports(job: Job, reports: dict[str, str]) -> None:
    """Note at the job what its attempt is told: when the answers come, another report may stand."""
    job.parameters = {**job.parameters, REPORTS: reports}
    Job.objects.filter(pk=job.pk, attempt=job.attempt).update(parameters=job.parameters)


def system_spec(arm: Arm) -> dict[str, Any]:
    """What the answering module is told of a system: not which tables its scores feed."""
    return {key: value for key, value in arm.spec.items() if key != "tables"}


def at_endpoints(arms: Iterable[Arm]) -> list[Arm]:
    """The arms that are asked over the network."""
    return [arm for arm in arms if arm.spec.get("kind") == ENDPOINT_KIND]


def _sends_images(trial: Trial, arm: Arm) -> bool:
    return reads_images(arm.spec) and trial.trial_questions.filter(question__study__isnull=False).exists()


def approval_of(
    trial: Trial, arm: Arm, by_user: User | None, covers: Callable[[EndpointApproval], bool] = has_rest
) -> EndpointApproval:
    """The approval under which an arm's endpoint may be asked."""
    with_images = _sends_images(trial, arm)
    return standing_approval(trial.site, arm.spec, with_images=with_images, not_by=by_user, covers=covers)


def _handed_over(
    job: Job, trial: Trial, arm: Arm, requests: Sequence[Mapping[str, Any]], named: Mapping[str, str]
) -> dict[str, Any]:
    """Reserve what an endpoint's arm may spend on all questions and put them on record; its spec, with the way open.

    Args:
        named: the annotation's question by the trial's.
    """
    key, own = str(arm.pk), {**job.parameters["parameters"], **dict(arm.spec.get("parameters") or {})}
    covers = partial(covers_all, requests=requests, n=1, parameters=own)
    approval = approval_of(trial, arm, job.by_user, covers)
    _count, budget = allow(job, approval, requests, system=key, n=1, parameters=own, whole=True)
    kept: dict[str, Any] = {} if _sends_images(trial, arm) else {"images": []}
    sent = [{**request, **kept, "id": named[request["id"]]} for request in requests]
    transmit(job, approval, sent, system=key)
    return permitted(system_spec(arm), budget)


def question_request(question: TrialQuestion, trial: Trial) -> dict[str, Any]:
    """One question as the answering module takes it; systems are told what raters are shown."""
    asked = question.question
    context = ProposerContext.BLANKED if trial.show_report else ProposerContext.NONE
    language = "en" if asked.language == "en" else "zh"
    turns, following = list(asked.turns), []
    if question.is_dialogue:
        turns, following = [question.rounds[0]], list(question.rounds[1:])
    request = {
        "id": str(question.pk),
        "turns": turns,
        "language": language,
        "images": image_requests(asked.study),
        "context": context_text(asked.study, context, language),
    }
    return request | ({"following": following} if following else {})
