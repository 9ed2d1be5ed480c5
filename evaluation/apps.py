"""Evaluation: protocols, blinded trials, reader studies, the paper's tables."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class EvaluationConfig(AppConfig):
    """Blinded scoring and what is computed from it."""

    name = "evaluation"

    def ready(self) -> None:
        from evaluation import job_kinds
        from evaluation.services.progress import forms_waiting
        from mammo.core.navigation import Entry, register_entry

        job_kinds.register()
        register_entry(
            Entry(
                label=_("Scoring"),
                url_name="evaluation:scoring",
                roles=frozenset({"senior"}),
                order=40,
                description=_("Score answers without knowing who gave them."),
                waiting=forms_waiting,
            )
        )
        register_entry(
            Entry(
                label=_("Trials"),
                url_name="evaluation:trials",
                roles=frozenset({"researcher", "statistician", "admin"}),
                order=60,
                description=_("Blinded trials: design, progress, lock, unblinding and Table 1."),
            )
        )
