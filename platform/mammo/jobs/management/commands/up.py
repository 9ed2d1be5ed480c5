"""`up`: the whole platform on this machine under one supervisor."""

import os
import signal
import threading
from typing import Any

from django.core.checks import Tags, run_checks
from django.core.management import call_command
from django.core.management.base import CommandParser
from django.db import connections

from mammo.core.command import Command as BaseCommand
from mammo.core.errors import UserError
from mammo.jobs.supervisor import Supervisor

ERROR = 40


class Command(BaseCommand):
    """Web, a worker for each queue and the reaper, until Ctrl-C."""

    help = "Run the platform: web, workers and reaper under one supervisor."
    example = "manage.py up --port 8000"
    reports = False

    def arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default %(default)s)")
        parser.add_argument("--port", type=int, default=8000, help="port to listen on (default %(default)s)")
        parser.add_argument("--no-web", action="store_true", help="workers and reaper only")
        parser.add_argument(
            "--gpu-workers",
            type=int,
            default=1,
            metavar="N",
            help="trainings that this machine runs at once, one for each GPU (default %(default)s)",
        )

    def run(self, **options: Any) -> None:
        web = not options["no_web"]
        if options["gpu_workers"] < 1:
            raise UserError(f"--gpu-workers {options['gpu_workers']}: give 1 or more")
        supervisor = Supervisor(
            web=web, host=options["host"], port=options["port"], gpu_workers=options["gpu_workers"]
        )
        supervisor.reserve()
        if hasattr(os, "geteuid") and os.geteuid() == 0:
            self.say("Running as root: an account of its own is safer.")
        _refuse_unsafe_database()
        call_command("migrate", interactive=False, verbosity=0)
        connections.close_all()
        stop = threading.Event()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, lambda *_: stop.set())
        with supervisor:
            while web and not stop.is_set():
                if supervisor.wait_until_ready(timeout=1.0):
                    self.say(f"The site is up: {supervisor.address} (Ctrl-C stops it)")
                    break
            if not web:
                self.say("Workers and reaper are up (Ctrl-C stops them)")
            while not stop.wait(0.5):
                pass
            self.say("Stopping ...")
        self.say("Stopped.")


def _refuse_unsafe_database() -> None:
    """No start without the append-only triggers: `migrate` would put them back and hide who dropped them."""
    errors = [
        found for found in run_checks(tags=[Tags.database], databases=["default"]) if found.level >= ERROR
    ]
    if errors:
        raise UserError(f"{errors[0].msg} {errors[0].hint or ''}".strip())
