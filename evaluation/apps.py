"""Evaluation: protocols, blinded trials, reader studies, the paper's tables."""

from collections.abc import Iterator
from typing import Any, NamedTuple

from django.apps import AppConfig
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _


class Place(NamedTuple):
    """A place of those who design and analyse, as the home page names it."""

    label: str | Promise
    url_name: str
    order: int
    description: str | Promise


RESEARCH = (
    Place(
        _("Protocols"), "protocols", 58, _("Plans of trials and reader studies, with reporting checklists.")
    ),
    Place(_("Trials"), "trials", 60, _("Blinded trials: design, progress, lock, unblinding.")),
    Place(
        _("Reader studies"),
        "reader-studies",
        62,
        _("Doctors read the same cases alone and with the model's output."),
    ),
    Place(
        _("Tables"),
        "tables",
        65,
        _("The paper's tables from the rows, with intervals, to read and to download."),
    ),
    Place(
        _("Analyse"),
        "analyse",
        66,
        _("Statistics of a CSV of your own: tables, plots, a methods paragraph."),
    ),
    Place(
        _("Exports"),
        "exports",
        67,
        _("Scores and readings as files, asked for with a reason and approved by a second person."),
    ),
)


class EvaluationConfig(AppConfig):
    """Blinded scoring and what is computed from it."""

    name = "evaluation"

    def ready(self) -> None:
        from evaluation import holders, job_kinds
        from evaluation.acts import ACTS
        from evaluation.services import judged_work
        from evaluation.services.progress import forms_waiting
        from evaluation.services.readings import readings_waiting
        from evaluation.services.shown_studies import mark_left_picture
        from evaluation.services.writing import answers_waiting, writes_for_an_arm
        from mammo.accounts.acts import register_acts
        from mammo.archive.erasure import register_holder
        from mammo.archive.judged_work import register_judged_work
        from mammo.archive.picture_holders import register_picture_leaving
        from mammo.core.attention import register_notices
        from mammo.core.navigation import Entry, Start, register_entry

        register_acts(ACTS)
        job_kinds.register()
        register_holder(holders.trials_that_hold)
        register_picture_leaving(mark_left_picture)
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
                also=writes_for_an_arm,
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
        for place in RESEARCH:
            entry = Entry(
                label=place.label,
                url_name=f"evaluation:{place.url_name}",
                roles=frozenset({"researcher", "statistician", "admin"}),
                order=place.order,
                description=place.description,
                group=_("Research"),
            )
            register_entry(entry)


def _notices(user: Any) -> Iterator[Any]:
    from evaluation.attention import notices  # models load after the registry of apps

    return notices(user)
