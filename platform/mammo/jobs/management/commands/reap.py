"""`reap`: the reaper as a process of its own (`up` runs it; a production site runs it as a service)."""

import signal
import threading
from dataclasses import asdict
from typing import Any

from django.core.management.base import CommandParser

from mammo.core.append_only import require_triggers
from mammo.core.command import Command as BaseCommand
from mammo.jobs import reaper


class Command(BaseCommand):
    """Queue again what dead workers left, ring again for what nobody claimed, tidy the queue folder."""

    help = "Look after the jobs: every ten seconds until stopped, or once."
    example = "manage.py reap --once --json"

    def arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--once", action="store_true", help="one pass, then end")

    def run(self, **options: Any) -> dict[str, Any]:
        require_triggers()
        if options["once"]:
            result = asdict(reaper.reap())
            self.say(
                ", ".join(f"{name.replace('_', ' ')}: {count}" for name, count in result.items()), **options
            )
            return result
        stop = threading.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: stop.set())
        reaper.reap_forever(stop)
        return {}
