"""Evaluation: protocols, blinded trials, reader studies, the paper's tables."""

from django.apps import AppConfig


class EvaluationConfig(AppConfig):
    """Blinded scoring and what is computed from it."""

    name = "evaluation"

    def ready(self) -> None:
        from evaluation import job_kinds

        job_kinds.register()
