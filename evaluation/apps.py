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
        from evaluation.services import judged_work
        from evaluation.services.progress import forms_waiting
        from evaluation.services.readings import readings_waiting
        from evaluation.services.writing import answers_waiting
        from mammo.archive.erasure import register_holder
        from mammo.archive.judged_work import register_judged_work
        from mammo.core.attention import register_notices
        from mammo.core.navigation import Entry, Start, register_entry

        job_kinds.register()
        register_holder(holders.trials_that_hold)
        register_judged_work(judged_work.KIND, judged_work.form_as_work)
        register_judged_work(judged_work.WRITING, judged_work.writing_as_work)
        register_judged_work(judged_work.READING, judged_work.reading_as_work)
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
                label=_("Writing"),
                url_name="evaluation:writing",
                roles=frozenset({"author"}),
                order=42,
                description=_("Answer patients' questions as a doctor of a study."),
                waiting=answers_waiting,
                start=Start(label=_("Go on writing"), url_name="evaluation:writing"),
            )
        )
        register_entry(
            Entry(
                label=_("Readings"),
                url_name="evaluation:readings",
                roles=frozenset({"junior", "senior"}),
                order=44,
                description=_("Read cases alone and with the model's output."),
                waiting=readings_waiting,
                start=Start(label=_("Go on reading"), url_name="evaluation:readings"),
            )
        )
        register_entry(
            Entry(
                label=_("Reader studies"),
                url_name="evaluation:reader-studies",
                roles=frozenset({"researcher", "statistician", "admin"}),
                order=62,
                description=_("Doctors read the same cases alone and with the model's output."),
                group=_("Research"),
            )
        )
        register_entry(
            Entry(
                label=_("Protocols"),
                url_name="evaluation:protocols",
                roles=frozenset({"researcher", "statistician", "admin"}),
                order=58,
                description=_("Plans of trials and reader studies, with reporting checklists."),
                group=_("Research"),
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
        register_entry(
            Entry(
                label=_("Analyse"),
                url_name="evaluation:analyse",
                roles=frozenset({"researcher", "statistician", "admin"}),
                order=66,
                description=_("Statistics of a CSV of your own: tables, plots, a methods paragraph."),
                group=_("Research"),
            )
        )
        register_entry(
            Entry(
                label=_("Exports"),
                url_name="evaluation:exports",
                roles=frozenset({"researcher", "statistician", "admin"}),
                order=67,
                description=_(
                    "Scores and readings as files, asked for with a reason and approved by a second person."
                ),
                group=_("Research"),
            )
        )


def _notices(user: Any) -> Iterator[Any]:
    from evaluation.attention import notices  # models load after the registry of apps

    return notices(user)
