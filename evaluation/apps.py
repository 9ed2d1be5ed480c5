"""Evaluation: protocols, blinded trials, reader studies, the paper's tables."""

from collections.abc import Iterator
from typing import Any

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class EvaluationConfig(AppConfig):
    """Blinded scoring and what is computed from it."""

    name = "evaluation"

    def ready(self) -> None:
        from evaluation import holders, job_kinds
        from evaluation.services.progress import forms_waiting
        from mammo.archive.erasure import register_holder
        from mammo.core.attention import register_notices
        from mammo.core.navigation import Entry, Start, register_entry

        job_kinds.register()
        register_holder(holders.trials_that_hold)
        register_notices("evaluation", _notices)
        register_entry(
            Entry(
                label=_("Scoring"),
                url_name="evaluation:scoring",
                roles=frozenset({"senior"}),
                order=40,
                description=_("Score answers without knowing who gave them."),
                waiting=forms_waiting,
                start=Start(label=_("Go on scoring"), url_name="evaluation:scoring"),
            )
        )
        register_entry(
            Entry(
                label=_("Trials"),
                url_name="evaluation:trials",
                roles=frozenset({"researcher", "statistician", "admin"}),
                order=60,
                description=_("Blinded trials: design, progress, lock, unblinding."),
                group=_("Research"),
            )
        )
        register_entry(
            Entry(
                label=_("Tables"),
                url_name="evaluation:tables",
                roles=frozenset({"researcher", "statistician", "admin"}),
                order=65,
                description=_("The paper's tables from the rows, with intervals, to read and to download."),
                group=_("Research"),
            )
        )


def _notices(user: Any) -> Iterator[Any]:
    from evaluation.attention import notices  # models load after the registry of apps

    return notices(user)
