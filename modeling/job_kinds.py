"""Kinds of job of this app: the freezing of a snapshot, and one kind per training stage."""

from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from mammo.jobs.kinds import JobKind
from mammo.jobs.kinds import register as register_kind
from modeling.services import consultations, exports, runs, snapshots, zero_shot
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
    register_kind(
        JobKind(
            name=consultations.JOB_KIND,
            module=consultations.MODULE,
            build_request=consultations.build_request,
            ingest=consultations.ingest,
            queue="gpu",
            label=_("Consultation"),
        )
    )
    register_kind(
        JobKind(
            name=exports.JOB_KIND,
            module=exports.MODULE,
            build_request=exports.build_request,
            ingest=exports.ingest,
            queue="gpu",
            label=_("Memorisation test"),
        )
    )
    register_kind(
        JobKind(
            name=zero_shot.JOB_KIND,
            module=zero_shot.MODULE,
            build_request=zero_shot.build_request,
            ingest=runs.ingest,
            queue="gpu",
            label=_("Zero-shot malignancy"),
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
