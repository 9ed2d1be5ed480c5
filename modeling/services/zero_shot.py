"""Zero-shot malignancy of any answering system on a training set's held-out studies, for Tables 9 and 10."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from annotation.models import EndpointApproval
from annotation.services.access import require_researcher
from annotation.services.endpoint_budgets import allow, covers_all, spent_error
from annotation.services.endpoints import (
    ENDPOINT_KIND,
    permitted,
    reads_images,
    require_key_variable,
    standing_approval,
    transmit,
    without_permission,
)
from annotation.services.study_context import image_requests
from mammo.accounts import audit
from mammo.accounts.models import Site, User
from mammo.archive.models import Study
from mammo.core.code_version import code_version
from mammo.core.errors import UserError
from mammo.jobs import services as jobs
from mammo.jobs.devices import answering_gpus
from mammo.jobs.models import Job
from modeling.inference.judging_questions import ASK_NUMBER, PARAMETERS, SYSTEM_KEY
from modeling.models import Run, Snapshot, Stage
from modeling.services.code_at_work import GPUS, code_at_work

JOB_KIND = "modeling.zero_shot"
# Run by name in a child process: this side knows no torch.
MODULE = "modeling.inference.zero_shot"
METHODS = ("yes_no", "stated", "similarity", "column")
LANGUAGES = ("zh", "en")


def start_zero_shot(
    spec: Mapping[str, Any],
    *,
    snapshot: Snapshot,
    method: str,
    language: str,
    by_user: User | None,
    gpus: int | None = None,
) -> Run:
    """Queue the judging of the test studies of a training set's split.

    An endpoint needs an approval (for images where it is sent pictures), as a proposer does: what its spec says of
    that counts for nothing.

    Args:
        spec: an answering system, or {"kind": "dual_encoder", "path"} or a file of answers.
        gpus: how many it sees; MAMMO_ANSWERING_GPUS when not given.

    Raises:
        NotAllowedError: not a researcher of the site.
        UserError: unknown method or language, or no study of the test side; the system is an endpoint and the method is
            not `stated`, no approval of another person stands, or none covers all studies.
    """
    require_researcher(snapshot.site, by_user)
    if method not in METHODS:
        raise UserError(_("method: give one of %(known)s") % {"known": ", ".join(METHODS)})
    if language not in LANGUAGES:
        raise UserError(_("language: give zh or en"))
    studies = _studies(snapshot)
    if not studies:
        raise UserError(
            _("snapshot %(name)s: its split has no study on the test side") % {"name": snapshot.name}
        )
    spec = without_permission(spec)
    require_key_variable(spec, "system")
    if spec.get("kind") == ENDPOINT_KIND:
        _require_budget(method, _Asked(snapshot.site, spec, _questions(studies, language), by_user))
    name = str(spec.get("name") or spec.get("model") or str(spec.get("path", "")).rpartition("/")[2])
    seen = answering_gpus([spec]) if gpus is None else gpus
    with transaction.atomic():
        run = Run.objects.create(
            site=snapshot.site,
            name=name[:120],
            stage=Stage.ZERO_SHOT,
            variant=method,
            config={"spec": dict(spec), "method": method, "language": language},
            snapshot=snapshot,
            code_version=code_version(),
            environment={GPUS: seen},
            by_user=by_user,
            is_simulated=snapshot.is_simulated,
        )
        _queue(run, name, seen)
        audit.record("modeling.zero_shot_started", by_user=by_user, on=run, site=run.site, method=method)
    return run


def _queue(run: Run, name: str, gpus: int) -> None:
    run.job = jobs.submit(
        JOB_KIND,
        by_user=run.by_user,
        site=run.site,
        about=run,
        title=gettext_lazy("Zero-shot malignancy: %(name)s"),
        title_values={"name": name},
        parameters={"run": str(run.pk)},
        gpus=gpus,
        is_simulated=run.is_simulated,
    )
    run.save(update_fields=["job"])


def build_request(job: Job) -> dict[str, Any]:
    """The child's request: the system, the method, and every test study with its standard views.

    What goes to an endpoint is put on record, and only under an approval that stands at this moment.

    Raises:
        UserError: the run has no training set; an approval ended since the job was queued, or none covers all studies.
    """
    run = Run.objects.select_related("site", "snapshot__split").get(pk=job.parameters["run"])
    if run.snapshot is None:
        raise UserError(_("run %(run)s: has no training set") % {"run": run.pk})
    studies = _studies(run.snapshot)
    images = {str(study.pk): image_requests(study) for study in studies}
    spec = without_permission(run.config["spec"])
    if spec.get("kind") == ENDPOINT_KIND:
        questions = _questions(studies, run.config["language"])
        if reads_images(spec):
            questions = [{**question, "images": images[question["id"]]} for question in questions]
        spec = _handed_over(job, _Asked(run.site, spec, questions, job.by_user))
    return {
        **run.config,
        "spec": spec,
        "code": code_at_work(run),
        "studies": [{"study": key, "split": "test", "images": views} for key, views in images.items()],
    }


@dataclass(frozen=True)
class _Asked:
    """What an endpoint is to be asked, and by whom (None: the operator)."""

    site: Site
    spec: Mapping[str, Any]
    questions: Sequence[Mapping[str, Any]]
    by_user: User | None

    @property
    def parameters(self) -> dict[str, Any]:
        return {**PARAMETERS, **dict(self.spec.get("parameters") or {})}

    def covers(self, approval: EndpointApproval) -> bool:
        """Whether its budget is enough for every question."""
        return covers_all(approval, self.questions, 1, self.parameters)

    def approval(self) -> EndpointApproval:
        """The one under which it may be asked. Raises UserError: none stands."""
        with_images = reads_images(self.spec)
        return standing_approval(
            self.site, self.spec, with_images=with_images, not_by=self.by_user, covers=self.covers
        )


def _require_budget(method: str, asked: _Asked) -> None:
    """Let an endpoint pass that can judge by this method and whose approval covers every study."""
    if method != "stated":
        raise UserError(_("method: an endpoint shows no token chances and no similarity; use stated"))
    approval = asked.approval()
    if not asked.covers(approval):
        raise spent_error(approval)


def _questions(studies: Sequence[Study], language: str) -> list[dict[str, Any]]:
    """What is asked of each study, as budgets and the record of transmissions take it; without pictures."""
    return [{"id": str(study.pk), "turns": [ASK_NUMBER[language]], "images": []} for study in studies]


def _handed_over(job: Job, asked: _Asked) -> dict[str, Any]:
    """Reserve what may be spent on all studies and put them on record; the spec with the way open."""
    approval = asked.approval()
    _count, budget = allow(
        job, approval, asked.questions, system=SYSTEM_KEY, n=1, parameters=asked.parameters, whole=True
    )
    transmit(job, approval, asked.questions, system=SYSTEM_KEY, of_studies=True)
    return permitted(asked.spec, budget)


def _studies(snapshot: Snapshot) -> list[Study]:
    if snapshot.split is None:
        return []
    tested = snapshot.split.members.filter(side="test").values("patient")
    rows = Study.objects.filter(
        site=snapshot.site, patient__in=tested, patient__erased_at__isnull=True, images__isnull=False
    )
    return list(rows.distinct().order_by("pk").prefetch_related("images"))
