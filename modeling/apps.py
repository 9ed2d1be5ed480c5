"""Modeling: snapshots, runs, checkpoints; torch runs in child processes only."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _

from mammo.core.navigation import Entry, register_entry


class ModelingConfig(AppConfig):
    """Training and predictions of MammoVLM and what it is compared with."""

    name = "modeling"

    def ready(self) -> None:
        from modeling import job_kinds

        job_kinds.register()
        register_entry(
            Entry(
                label=_("Training"),
                url_name="modeling:run-list",
                roles=frozenset({"researcher", "statistician", "admin"}),
                order=40,
                description=_("Frozen training sets, training runs and their checkpoints."),
            )
        )
