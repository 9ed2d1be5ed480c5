"""`deliver_news`: notifications by e-mail or webhook, where these are switched on."""

from typing import Any

from annotation.services.delivery import deliver
from mammo.core.command import Command as BaseCommand


class Command(BaseCommand):
    """Send what was not sent yet; meant for a timer."""

    help = "Send unread notifications by e-mail (MAMMO_NEWS_EMAIL=1) or to MAMMO_NEWS_WEBHOOK; both are off by default."
    example = "manage.py deliver_news"

    def run(self, **options: Any) -> dict[str, Any]:
        done = deliver()
        self.say(
            f"{done.by_mail} by e-mail, {done.by_webhook} by webhook, {done.failed} not sent.", **options
        )
        return {"by_mail": done.by_mail, "by_webhook": done.by_webhook, "failed": done.failed}
