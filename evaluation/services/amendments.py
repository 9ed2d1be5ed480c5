"""Amendments: what was decided about a frozen trial or reader study, on record with actor and reason; the design
itself stays."""

from collections.abc import Mapping
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from evaluation.models import ReaderStudy, ReaderStudyEvent, Trial, TrialEvent
from evaluation.services.access import locked_trial, require_designer
from evaluation.services.reader_studies import locked_reader_study
from mammo.accounts import audit
from mammo.accounts.models import User
from mammo.core.errors import UserError

AMENDED = "amended"


def amend(
    trial: Trial, text: str, *, by_user: User, reason: str, details: Mapping[str, Any] | None = None
) -> TrialEvent:
    """Record an amendment of a trial that is frozen or later.

    Args:
        text: what is done otherwise than planned.
        reason: why.
        details: further facts, such as who withdrew; no score and no name of an arm.

    Raises:
        NotAllowedError: not a researcher of the site.
        WrongStateError: the trial is a draft (change it instead).
        UserError: text or reason is empty.
    """
    require_designer(trial.site, by_user)
    if not text.strip() or not reason.strip():
        raise UserError(_("amendment: say what is changed and why, for the record"))
    states = (Trial.State.FROZEN, Trial.State.SCORING, Trial.State.LOCKED, Trial.State.UNBLINDED)
    with transaction.atomic():
        row = locked_trial(trial, *states)
        event = TrialEvent.objects.create(
            trial=row,
            kind=AMENDED,
            by_user=by_user,
            reason=reason.strip(),
            sha256=row.design_sha256,
            details={"text": text.strip(), "state": row.state, **(details or {})},
            is_simulated=row.is_simulated,
        )
        audit.record(
            "evaluation.trial_amended", by_user=by_user, on=row, site=row.site, reason=reason.strip()
        )
    return event


def amend_reader_study(study: ReaderStudy, text: str, *, by_user: User, reason: str) -> ReaderStudyEvent:
    """Record an amendment of a reader study that is frozen or later.

    Args:
        text: what is done otherwise than planned; no reading and no truth of a case.
        reason: why.

    Raises:
        NotAllowedError: not a researcher of the site.
        WrongStateError: the study is a draft (change it instead).
        UserError: text or reason is empty.
    """
    require_designer(study.site, by_user)
    if not text.strip() or not reason.strip():
        raise UserError(_("amendment: say what is changed and why, for the record"))
    states = (ReaderStudy.State.FROZEN, ReaderStudy.State.READING, ReaderStudy.State.LOCKED)
    with transaction.atomic():
        row = locked_reader_study(study, *states)
        event = ReaderStudyEvent.objects.create(
            reader_study=row,
            kind=AMENDED,
            by_user=by_user,
            # As the report prints a trial's amendment: what, then why.
            reason=f"{text.strip()}; {reason.strip()}",
            sha256=row.design_sha256,
            is_simulated=row.is_simulated,
        )
        audit.record(
            "evaluation.reader_study_amended", by_user=by_user, on=row, site=row.site, reason=reason.strip()
        )
    return event
