"""Annotation: questions, three proposals, corrections, picks, training sets."""

from collections.abc import Iterator
from functools import partial
from typing import Any

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _

from mammo.core.attention import register_notices
from mammo.core.navigation import Entry, Start, register_entry


class AnnotationConfig(AppConfig):
    """The data workflow of the paper's section 4.1.1."""

    name = "annotation"

    def ready(self) -> None:
        from annotation import holders, job_kinds
        from annotation.acts import ACTS
        from annotation.services import (
            endpoint_budgets,
            endpoints,
            export,
            judged_work,
            stated_facts,
            uploads,
            wordings,
        )
        from mammo.accounts.acts import register_acts
        from mammo.archive.erasure import register_eraser, register_holder
        from mammo.archive.judged_work import register_judged_work
        from mammo.archive.openings import register_rows
        from mammo.archive.patients import register_texts
        from mammo.archive.picture_holders import register_picture_destroyer, register_picture_holder
        from mammo.archive.retention import register_forgetter
        from mammo.archive.viewing_rights import register_granter
        from mammo.jobs.chores import register_chore

        register_acts(ACTS)
        job_kinds.register()
        register_holder(holders.exports_that_hold)
        register_eraser(holders.forget)
        register_picture_holder(holders.exports_that_hold_picture)
        register_picture_destroyer(holders.destroy_exports_with)
        register_granter(_patients_worked_on)
        register_rows(holders.rows_about)
        register_forgetter(holders.forget_wording)
        register_texts(wordings.suspect_wordings)
        register_judged_work(judged_work.KIND, judged_work.question_as_work)
        register_chore("annotation.exports", export.remove_leftovers)
        register_chore("annotation.uploads", uploads.forget_unconfirmed)
        register_chore("annotation.stated_facts", stated_facts.read_missing)
        register_chore("annotation.endpoint_budgets", endpoint_budgets.settle_ended)
        register_chore("annotation.endpoint_approvals", endpoints.stop_lapsed)
        for entry in _entries():
            register_entry(entry)
        register_notices("annotation", _notices)


def _patients_worked_on(user: Any) -> Any:
    from annotation.viewing import patients_worked_on  # models load after the registry of apps

    return patients_worked_on(user)


def _notices(user: Any) -> Iterator[Any]:
    from annotation.attention import notices  # models load after the registry of apps

    return notices(user)


def _waiting(user: Any, *, purpose: str) -> int:
    from annotation.models import Question

    return Question.objects.count_waiting(user, purpose)


def _unconfirmed(user: Any) -> int:
    from annotation.models import Question

    return Question.objects.unconfirmed_for(user).count()


def _endpoints_asked(user: Any) -> int:
    from annotation.models import EndpointApproval

    return EndpointApproval.objects.to_decide(user).count()


def _unread(user: Any) -> int:
    from annotation.models import Notification
    from mammo.jobs.models import Ending

    return Notification.objects.unread(user).count() + Ending.objects.unseen_by(user).count()


def _entries() -> list[Entry]:
    return [*_of_readers(), *_of_keepers()]


def _of_readers() -> list[Entry]:
    """Where juniors and seniors work."""
    return [
        Entry(
            label=_("Correct"),
            url_name="annotation:correct-list",
            roles=frozenset({"junior"}),
            order=20,
            description=_("Correct the proposed answers to patients' questions."),
            waiting=partial(_waiting, purpose="correct"),
            start=Start(
                label=_("Correct the next question"), url_name="annotation:correct-next", by_post=True
            ),
        ),
        Entry(
            label=_("Pick"),
            url_name="annotation:pick-list",
            roles=frozenset({"senior"}),
            order=21,
            description=_("Pick the best of the corrected answers."),
            waiting=partial(_waiting, purpose="pick"),
            start=Start(label=_("Pick for the next question"), url_name="annotation:pick-next", by_post=True),
        ),
        Entry(
            label=_("Adjudicate"),
            url_name="annotation:adjudicate-list",
            roles=frozenset({"senior"}),
            order=21,
            description=_("Decide where two seniors chose differently."),
            waiting=partial(_waiting, purpose="adjudicate"),
        ),
    ]


def _of_keepers() -> list[Entry]:
    """What is prepared and looked after, and news of all of it."""
    return [
        Entry(
            label=_("Wordings"),
            url_name="annotation:wordings",
            roles=frozenset({"data_manager"}),
            order=62,
            description=_("Patients' questions after cleaning, to be confirmed before anybody reads them."),
            waiting=_unconfirmed,
        ),
        Entry(
            label=_("Endpoints"),
            url_name="annotation:endpoints",
            roles=frozenset({"data_manager"}),
            order=63,
            description=_("Language models behind an address: what may be sent where, and what was."),
            waiting=_endpoints_asked,
        ),
        Entry(
            label=_("News"),
            url_name="annotation:news",
            roles=frozenset({"junior", "senior", "researcher"}),
            order=23,
            description=_(
                "What was assigned or sent back to you, remarks on your questions, and your jobs that ended."
            ),
            waiting=_unread,
        ),
        Entry(
            label=_("Campaigns"),
            url_name="annotation:campaign-list",
            roles=frozenset({"researcher", "admin"}),
            order=22,
            description=_("Collections of questions and how far each has come."),
            group=_("Research"),
        ),
    ]
