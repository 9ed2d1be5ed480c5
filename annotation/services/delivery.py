"""News by e-mail or in-house webhook: off unless an administrator switched it on; never a word of a patient."""

import json
import urllib.request
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from django.conf import settings
from django.core.mail import send_mail
from django.db.models import Q
from django.utils import timezone, translation
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from annotation.models import Notification
from mammo.accounts.models import User
from mammo.core.errors import UserError
from mammo.jobs.models import Ending

WEBHOOK_SECONDS = 5
# The ways, by the fields that say when a line went out.
MAIL, HOOK = "sent_at", "posted_at"


@dataclass(frozen=True)
class Delivered:
    """How many lines went out by each way, and how many could not by one of them."""

    by_mail: int
    by_webhook: int
    failed: int


def deliver() -> Delivered:
    """Send what was not sent yet, by each way that is switched on; what fails by a way is tried again by it next time.

    Raises:
        UserError: neither way is switched on, or the webhook's address can't be used.
    """
    hook = str(settings.MAMMO_NEWS_WEBHOOK)
    if not settings.MAMMO_NEWS_EMAIL and not hook:
        raise UserError(
            "news: neither MAMMO_NEWS_EMAIL nor MAMMO_NEWS_WEBHOOK is set; news stay on their page"
        )
    if hook and urlsplit(hook).scheme not in ("http", "https"):
        raise UserError(f"MAMMO_NEWS_WEBHOOK={hook}: give an http or https address inside the hospital")
    by_mail = [MAIL] if settings.MAMMO_NEWS_EMAIL else []
    by_hook = [HOOK] if hook else []
    done = [_send_to(user, rows, hook) for user, rows in _unsent(*by_mail, *by_hook).items()]
    return Delivered(
        sum(one.by_mail for one in done), sum(one.by_webhook for one in done), sum(one.failed for one in done)
    )


def _send_to(user: User, rows: Sequence[Notification | Ending], hook: str) -> Delivered:
    to_mail = [row for row in rows if row.sent_at is None] if settings.MAMMO_NEWS_EMAIL else []
    to_post = [row for row in rows if row.posted_at is None] if hook else []
    mailed = to_mail if to_mail and user.email and _mail(user, len(to_mail)) else []
    posted = [row for row in to_post if _post(hook, row)]
    _stamp(mailed, MAIL)
    _stamp(posted, HOOK)
    # Without an address the webhook is the only way, where it is switched on.
    missed = [row for row in to_mail if row not in mailed] if user.email or not hook else []
    missed += [row for row in to_post if row not in posted]
    return Delivered(len(mailed), len(posted), len({row.pk for row in missed}))


def _stamp(rows: Sequence[Notification | Ending], way: str) -> None:
    for model in (Notification, Ending):
        sent = [row.pk for row in rows if isinstance(row, model)]
        model.objects.filter(pk__in=sent).update(**{way: timezone.now()})


def _unsent(*ways: str) -> dict[User, list[Notification | Ending]]:
    """News that were neither read nor sent by one of these ways, oldest first, and after them ended jobs; by person.

    Accounts that are deactivated are sent nothing.
    """
    lines: dict[User, list[Notification | Ending]] = defaultdict(list)
    lacking = Q(*((f"{way}__isnull", True) for way in ways), _connector=Q.OR)
    waiting = Notification.objects.filter(lacking, read_at__isnull=True, user__is_active=True)
    for row in waiting.select_related("user", "campaign", "question").order_by("created_at"):
        lines[row.user].append(row)
    for ending in Ending.objects.unsent(*ways).select_related("job__by_user"):
        if ending.job.by_user is not None:
            lines[ending.job.by_user].append(ending)
    return lines


def _mail(user: User, count: int) -> bool:
    with translation.override(user.language):
        subject = _("News on the annotation platform")
        body = ngettext(
            "%(n)s line of news waits for you. Sign in to read it.",
            "%(n)s lines of news wait for you. Sign in to read them.",
            count,
        )
    return bool(send_mail(subject, body % {"n": count}, None, [user.email], fail_silently=True))


def _about(row: Notification | Ending) -> dict[str, object]:
    """Whom it concerns, what kind, and which campaign and question number, or which job."""
    if isinstance(row, Ending):
        who = row.job.by_user.username if row.job.by_user is not None else ""
        return {"user": who, "kind": f"job_{row.job.state}", "job": str(row.job_id)}
    return {
        "user": row.user.username,
        "kind": row.kind,
        "campaign": row.campaign.name if row.campaign else "",
        "question": row.question.position if row.question else None,
    }


def _post(hook: str, row: Notification | Ending) -> bool:
    """Send one JSON object; whether it was taken."""
    request = urllib.request.Request(  # noqa: S310 (the scheme was checked)
        hook, json.dumps(_about(row)).encode(), {"Content-Type": "application/json"}, method="POST"
    )
    try:
        with urllib.request.urlopen(request, timeout=WEBHOOK_SECONDS) as answer:  # noqa: S310
            return 200 <= int(answer.status) < 300
    except OSError:
        return False
