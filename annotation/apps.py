"""Annotation: questions, three proposals, corrections, picks, training sets."""

from functools import partial
from typing import Any

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _

from mammo.core.navigation import Entry, register_entry


class AnnotationConfig(AppConfig):
    """The data workflow of the paper's section 4.1.1."""

    name = "annotation"

    def ready(self) -> None:
        from annotation import job_kinds

        job_kinds.register()
        for entry in _entries():
            register_entry(entry)


def _waiting(user: Any, *, purpose: str) -> int:
    from annotation.models import Question

    return Question.objects.waiting_for(user, purpose).count()


def _entries() -> list[Entry]:
    return [
        Entry(
            label=_("Correct"),
            url_name="annotation:correct-list",
            roles=frozenset({"junior"}),
            order=20,
            description=_("Correct the proposed answers to patients' questions."),
            waiting=partial(_waiting, purpose="correct"),
        ),
        Entry(
            label=_("Pick"),
            url_name="annotation:pick-list",
            roles=frozenset({"senior"}),
            order=21,
            description=_("Pick the best of the corrected answers."),
            waiting=partial(_waiting, purpose="pick"),
        ),
        Entry(
            label=_("Campaigns"),
            url_name="annotation:campaign-list",
            roles=frozenset({"researcher", "admin"}),
            order=22,
            description=_("Collections of questions and how far each has come."),
        ),
    ]
