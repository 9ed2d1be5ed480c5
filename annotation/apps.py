"""Annotation: questions, three proposals, corrections, picks, training sets."""

from django.apps import AppConfig


class AnnotationConfig(AppConfig):
    """The data workflow of the paper's section 4.1.1."""

    name = "annotation"

    def ready(self) -> None:
        from annotation import job_kinds

        job_kinds.register()
