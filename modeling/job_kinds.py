"""Kinds of job of this app: the freezing of a snapshot, and one kind per training stage."""

from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from mammo.jobs import messages
from mammo.jobs.kinds import JobKind
from mammo.jobs.kinds import register as register_kind
from modeling.services import consultations, exports, runs, snapshots, zero_shot
from modeling.services.job_messages import MESSAGES
from modeling.services.stages import SPECS

TRAINING_FIGURES = {
    "epoch": _("Epoch"),
    "loss": _("Loss"),
    "validation_loss": _("Loss on the validation set"),
    "learning_rate": _("Learning rate"),
    "checkpoint": _("Checkpoints stored"),
    "metric": _("Points of curves stored"),
    "prediction": _("Predictions stored"),
}


def register() -> None:
    """Make this app's kinds, and what they say, known."""
    messages.register(*MESSAGES)
    register_kind(
        JobKind(
            name=snapshots.JOB_KIND,
            module=snapshots.MODULE,
            build_request=snapshots.build_request,
            ingest=snapshots.ingest,
            label=_("Freezing of a training set"),
            figures={"content_hash": _("Hash of the content")},
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
            tells=False,
            figures={"tokens": _("Tokens"), "seconds": _("Seconds")},
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
            figures={
                "prompts": _("Prompts"),
                "planted": _("Texts planted"),
                "emitted": _("Planted texts in answers"),
                "passed": _("Passed"),
            },
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
            figures=TRAINING_FIGURES,
        )
    )
    _register_stages()


def _register_stages() -> None:
    for spec in SPECS:
        register_kind(
            JobKind(
                name=spec.job_kind,
                module=spec.module,
                build_request=runs.build_request,
                ingest=runs.ingest,
                queue="gpu",
                spreads=True,
                label=pgettext_lazy("place", "Training"),
                figures=TRAINING_FIGURES,
            )
        )
