"""News by e-mail or in-house webhook: off unless an administrator switched it on; never a word of a patient."""

import json
import urllib.request
from collections import defaultdict
from dataclasses import dataclass
from urllib.parse import urlsplit

from django.conf import settings
from django.core.mail import send_mail
from django.utils import timezone, translation
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from annotation.models import Notification
from mammo.accounts.models import User
from mammo.core.errors import UserError

WEBHOOK_SECONDS = 5


@dataclass(frozen=True)
class Delivered:
    """How many lines went out by each way, and how many could not."""

    by_mail: int
    by_webhook: int
    failed: int


def deliver() -> Delivered:
    """Send what was not sent yet, by the ways that are switched on; what fails is tried again next time.

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
    waiting = Notification.objects.filter(sent_at__isnull=True, read_at__isnull=True)
    lines: dict[User, list[Notification]] = defaultdict(list)
    for row in waiting.select_related("user", "campaign", "question").order_by("created_at"):
        lines[row.user].append(row)
    by_mail = by_webhook = failed = 0
    for user, rows in lines.items():
        mailed = settings.MAMMO_NEWS_EMAIL and user.email and _mail(user, len(rows))
        posted = [row for row in rows if hook and _post(hook, row)]
        by_mail += len(rows) if mailed else 0
        by_webhook += len(posted)
        gone = rows if mailed else posted
        failed += len(rows) - len(gone)
        Notification.objects.filter(pk__in=[row.pk for row in gone]).update(sent_at=timezone.now())
    return Delivered(by_mail, by_webhook, failed)


def _mail(user: User, count: int) -> bool:
    with translation.override(user.language):
        subject = _("News on the annotation platform")
        body = ngettext(
            "%(n)s line of news waits for you. Sign in to read it.",
            "%(n)s lines of news wait for you. Sign in to read them.",
            count,
        )
    return bool(send_mail(subject, body % {"n": count}, None, [user.email], fail_silently=True))


def _post(hook: str, row: Notification) -> bool:
    """One JSON object: whom it concerns, what kind, which campaign and question number."""
    about = {
        "user": row.user.username,
        "kind": row.kind,
        "campaign": row.campaign.name if row.campaign else "",
        "question": row.question.position if row.question else None,
    }
    request = urllib.request.Request(  # noqa: S310 (the scheme was checked)
        hook, json.dumps(about).encode(), {"Content-Type": "application/json"}, method="POST"
    )
    try:
        with urllib.request.urlopen(request, timeout=WEBHOOK_SECONDS) as answer:  # noqa: S310
            return 200 <= int(answer.status) < 300
    except OSError:
        return False
