"""Zero-shot malignancy of any answering system on a training set's held-out studies, for Tables 9 and 10."""

from collections.abc import Mapping
from importlib import metadata
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from annotation.services.access import require_researcher
from annotation.services.study_context import image_requests
from mammo.accounts import audit
from mammo.accounts.models import User
from mammo.archive.models import Study
from mammo.core.errors import UserError
from mammo.jobs import services as jobs
from mammo.jobs.devices import answering_gpus
from mammo.jobs.models import Job
from modeling.models import Run, Snapshot, Stage

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

    Args:
        spec: an answering system, or {"kind": "dual_encoder", "path"} or a file of answers.
        gpus: how many it sees; MAMMO_ANSWERING_GPUS when not given.

    Raises:
        NotAllowedError: not a researcher of the site.
        UserError: unknown method or language, or no study of the test side.
    """
    require_researcher(snapshot.site, by_user)
    if method not in METHODS:
        raise UserError(_("method: give one of %(known)s") % {"known": ", ".join(METHODS)})
    if language not in LANGUAGES:
        raise UserError(_("language: give zh or en"))
    if not _studies(snapshot):
        raise UserError(
            _("snapshot %(name)s: its split has no study on the test side") % {"name": snapshot.name}
        )
    name = str(spec.get("name") or spec.get("model") or str(spec.get("path", "")).rpartition("/")[2])
    with transaction.atomic():
        run = Run.objects.create(
            site=snapshot.site,
            name=name[:120],
            stage=Stage.ZERO_SHOT,
            variant=method,
            config={"spec": dict(spec), "method": method, "language": language},
            snapshot=snapshot,
            code_version=metadata.version("mammovlm-platform"),
            by_user=by_user,
            is_simulated=snapshot.is_simulated,
        )
        run.job = jobs.submit(
            JOB_KIND,
            by_user=by_user,
            site=snapshot.site,
            about=run,
            title=gettext_lazy("Zero-shot malignancy: %(name)s"),
            title_values={"name": name},
            parameters={"run": str(run.pk)},
            gpus=answering_gpus([spec]) if gpus is None else gpus,
            is_simulated=run.is_simulated,
        )
        run.save(update_fields=["job"])
        audit.record("modeling.zero_shot_started", by_user=by_user, on=run, site=run.site, method=method)
    return run


def build_request(job: Job) -> dict[str, Any]:
    """The child's request: the system, the method, and every test study with its standard views."""
    run = Run.objects.select_related("snapshot__split").get(pk=job.parameters["run"])
    if run.snapshot is None:
        raise UserError(_("run %(run)s: has no training set") % {"run": run.pk})
    return {
        **run.config,
        "studies": [
            {"study": str(study.pk), "split": "test", "images": image_requests(study)}
            for study in _studies(run.snapshot)
        ],
    }


def _studies(snapshot: Snapshot) -> list[Study]:
    if snapshot.split is None:
        return []
    tested = snapshot.split.members.filter(side="test").values("patient")
    rows = Study.objects.filter(
        site=snapshot.site, patient__in=tested, patient__erased_at__isnull=True, images__isnull=False
    )
    return list(rows.distinct().order_by("pk").prefetch_related("images"))
