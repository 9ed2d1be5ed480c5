"""What trials need a person for, told on the home page."""

from collections.abc import Iterator

from django.urls import reverse
from django.utils.translation import gettext as _

from evaluation.models import DataExport, Trial
from evaluation.services.access import ANALYSTS, DESIGNERS
from evaluation.services.scoring import open_forms
from evaluation.services.unblinding import pending_request
from mammo.accounts.models import User
from mammo.core.attention import Notice


def notices(user: User) -> Iterator[Notice]:
    """Trials that stand still until someone opens, locks or unblinds them."""
    if not user.has_role(*ANALYSTS):
        return
    asked = DataExport.objects.visible_to(user).filter(state=DataExport.State.ASKED)
    for row in asked.exclude(asked_by=user).select_related("trial", "reader_study"):
        text = _("%(name)s: an export of raw data waits for a second person") % {
            "name": row.trial or row.reader_study
        }
        yield Notice(text=text, url=reverse("evaluation:exports"), label=_("Exports"))
    waiting = (Trial.State.FROZEN, Trial.State.SCORING, Trial.State.LOCKED)
    for trial in Trial.objects.visible_to(user).filter(state__in=waiting).select_related("site"):
        text = _what_it_needs(trial, user)
        if text:
            url = reverse("evaluation:trial", args=[trial.pk])
            yield Notice(text=text % {"trial": trial.name}, url=url, label=str(trial.get_state_display()))


def _what_it_needs(trial: Trial, user: User) -> str:
    if trial.state == Trial.State.LOCKED:
        pending = pending_request(trial)
        if pending is not None and pending.by_user_id != user.pk:
            return _("%(trial)s: a second person has to confirm the unblinding")
        return ""
    if not user.has_role(*DESIGNERS, site=trial.site):
        return ""
    if trial.state == Trial.State.FROZEN:
        return _("%(trial)s is frozen and waits to be opened to its raters")
    return _("%(trial)s: every form is scored; the scores can be locked") if not open_forms(trial) else ""
