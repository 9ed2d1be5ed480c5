"""Modeling: snapshots, runs, checkpoints; torch runs in child processes only."""

from django.apps import AppConfig


class ModelingConfig(AppConfig):
    """Training and predictions of MammoVLM and what it is compared with."""

    name = "modeling"

    def ready(self) -> None:
        from modeling import job_kinds

        job_kinds.register()
