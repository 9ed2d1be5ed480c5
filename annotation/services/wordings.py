"""Cleaned wordings: a data manager looks at each before a model or a doctor reads it."""

import json
from collections.abc import Mapping, Sequence
from uuid import UUID

from django.db import transaction
from django.db.models import F
from django.utils import timezone
from django.utils.translation import gettext as _

from annotation.models import Question
from annotation.services.wording import LONGEST_TEXT, plain
from mammo.accounts import audit
from mammo.accounts.models import Site, User
from mammo.archive.models import Patient
from mammo.archive.names_across_scripts import may_hold_a_name
from mammo.archive.roster import Roster, stands_in
from mammo.core.errors import NotAllowedError, StaleVersionError, UserError, WrongStateError
from mammo.core.versions import save_versioned

# The audit event of a wording that was changed: what a model answered to the former one is not stored.
WORDING_CORRECTED = "annotation.wording_corrected"
# As many as a person can read at a time.
MOST_AT_ONCE = 100


def suspect_wordings(patient: Patient, added: Roster) -> None:
    """Take back what was said of wordings in which something may stand that became known of her later.

    Those that no model has read yet wait for a data manager again; of the others, whose wording stays, the trail
    keeps that it was found.
    """
    questions = Question.objects.select_for_update(of=("self",)).select_related("campaign__site", "patient")
    for question in questions.filter(patient=patient):
        if not any(stands_in(text, added) or may_hold_a_name(text, added) for text in question.texts):
            continue
        if question.stage == Question.Stage.NEW and question.cleaned_by_id is not None:
            save_versioned(question, expected_version=question.version, changes={"cleaned_by": None})
        audit.record_late(
            "annotation.wording_may_name", by_user=None, on=question, site=question.campaign.site,
            stage=question.stage,
        )  # fmt: skip


def confirm_wordings(site: Site, seen: Mapping[UUID, int], *, by_user: User) -> int:
    """Say of cleaned wordings, as they were read, that nothing in them identifies anybody.

    Args:
        seen: version by question, as the person saw it.

    Raises:
        NotAllowedError: the account is no data manager of the site.
        UserError: more than a person can have read.
        StaleVersionError: one changed since it was read; none was confirmed.
    """
    _require(site, by_user)
    if len(seen) > MOST_AT_ONCE:
        raise UserError(_("confirm %(most)s wordings at a time at most") % {"most": MOST_AT_ONCE})
    with transaction.atomic():
        for key, version in seen.items():
            rows = Question.objects.filter(pk=key, campaign__site=site, version=version, cleaned_by=None)
            moved = rows.update(cleaned_by=by_user, version=F("version") + 1, updated_at=timezone.now())
            if not moved:
                raise StaleVersionError(
                    _("One of these wordings changed since you read it; read them again."),
                    current=None,
                    current_version=0,
                )
        audit.record(
            "annotation.wordings_confirmed", by_user=by_user, site=site, questions=[str(key) for key in seen]
        )
    return len(seen)


def correct_wording(
    question: Question, turns: Sequence[str], *, expected_version: int, by_user: User
) -> None:
    """Write the cleaned wording as it should be, and confirm it.

    Raises:
        NotAllowedError: the account is no data manager of the site.
        WrongStateError: a model has read it already.
        UserError: a round is empty, missing or too long.
        StaleVersionError: someone else was faster.
    """
    site = question.campaign.site
    _require(site, by_user)
    if question.stage != Question.Stage.NEW:
        raise WrongStateError(_("this question has proposals already: its wording stays"))
    written = [plain(turn) for turn in turns]
    # A dialogue may have come as the patient's turns alone: there is no answer to keep then.
    empty = [not now and bool(was) for now, was in zip(written, question.turns, strict=False)]
    if len(written) != len(question.turns) or not all(written[::2]) or any(empty):
        raise UserError(_("wording: keep every round, and leave none empty"))
    if max(len(turn) for turn in written) > LONGEST_TEXT:
        raise UserError(_("wording: longer than %(most)s characters") % {"most": LONGEST_TEXT})
    changed = written != list(question.turns)
    with transaction.atomic():
        save_versioned(
            question,
            expected_version=expected_version,
            changes={"turns": written, "cleaned_by": by_user},
        )
        audit.record(
            WORDING_CORRECTED if changed else "annotation.wording_confirmed",
            by_user=by_user,
            on=question,
            site=site,
        )


def open_wording_received(question: Question, *, by_user: User) -> list[str]:
    """The rounds with the names and numbers that stand in them; empty after their retention period.

    Raises:
        NotAllowedError: the account is no data manager of the site.
    """
    _require(question.campaign.site, by_user)
    with transaction.atomic():
        audit.record("annotation.wording_opened", by_user=by_user, on=question, site=question.campaign.site)
    if question.is_erased:
        return question.texts
    return [str(turn) for turn in json.loads(question.wording_received or "[]")]


def _require(site: Site, user: User) -> None:
    if not user.has_role("data_manager", site=site):
        raise NotAllowedError(_("only a data manager of the site does this"))
