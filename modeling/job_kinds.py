"""Kinds of job of this app: the freezing of a snapshot, and one kind per training stage."""

from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from mammo.jobs.kinds import JobKind
from mammo.jobs.kinds import register as register_kind
from modeling.services import runs, snapshots
from modeling.services.stages import SPECS


def register() -> None:
    """Make this app's kinds known."""
    register_kind(
        JobKind(
            name=snapshots.JOB_KIND,
            module=snapshots.MODULE,
            build_request=snapshots.build_request,
            ingest=snapshots.ingest,
            label=_("Freezing of a training set"),
        )
    )
    for spec in SPECS:
        register_kind(
            JobKind(
                name=spec.job_kind,
                module=spec.module,
                build_request=runs.build_request,
                ingest=runs.ingest,
                queue="gpu",
                label=pgettext_lazy("place", "Training"),
            )
        )
