"""Modeling: snapshots, runs, checkpoints; torch runs in child processes only."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from mammo.core.navigation import Entry, register_entry


class ModelingConfig(AppConfig):
    """Training and predictions of MammoVLM and what it is compared with."""

    name = "modeling"

    def ready(self) -> None:
        from mammo.accounts.acts import register_acts
        from mammo.archive.erasure import register_eraser, register_holder
        from mammo.archive.picture_holders import register_picture_destroyer, register_picture_holder
        from mammo.core.given_models import register_models
        from modeling import holders, job_kinds
        from modeling.acts import ACTS
        from modeling.services import exports, known_models

        register_acts(ACTS)
        job_kinds.register()
        register_models(known_models.is_model_of)
        register_holder(holders.snapshots_and_checkpoints_that_hold)
        register_eraser(holders.destroy_training_sets)
        register_picture_holder(holders.sets_that_hold_picture)
        register_picture_destroyer(holders.destroy_sets_with)
        register_entry(
            Entry(
                label=_("Weights handed on"),
                url_name="modeling:exports",
                roles=frozenset({"data_manager"}),
                order=56,
                group=_("Research"),
                description=_("Whether a model's weights may leave the platform."),
                waiting=exports.waiting_for,
            )
        )
        register_entry(
            Entry(
                label=_("Consultations"),
                url_name="modeling:consultations",
                roles=frozenset({"researcher", "senior", "junior"}),
                order=55,
                group=_("Research"),
                description=_("Ask a tuned model about a study, for research under a protocol."),
            )
        )
        register_entry(
            Entry(
                label=pgettext_lazy("place", "Training"),
                url_name="modeling:run-list",
                roles=frozenset({"researcher", "statistician", "admin"}),
                order=50,
                group=_("Research"),
                description=_("Frozen training sets, training runs and their checkpoints."),
            )
        )
