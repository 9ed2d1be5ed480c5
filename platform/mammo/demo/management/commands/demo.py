"""`demo`: builds the synthetic hospital, runs the whole story on it, and serves the site meanwhile."""

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import CommandParser

from mammo.accounts.models import Site
from mammo.core.command import Command as BaseCommand
from mammo.core.errors import UserError
from mammo.demo import people
from mammo.demo.progress import Progress, load
from mammo.demo.serving import SITE_PATIENCE
from mammo.demo.story.aims import said_of
from mammo.demo.story.context import Story
from mammo.demo.story.run import FIRST, THEN, run_steps, summary
from mammo.jobs.supervisor import Supervisor
from modeling.data.phantom_anatomy import CONSPICUITIES

HOST = "127.0.0.1"
# As a shell names the end of a program by Ctrl-C.
INTERRUPTED = 130


class Command(BaseCommand):
    """The demonstration; a second call goes on where the first one ended."""

    help = "Build the synthetic hospital, run the whole story on it, and serve the site meanwhile."
    example = "manage.py demo --serve 0"

    def arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--serve", type=int, choices=[0, 1], default=1, help="0: end after the tables")
        parser.add_argument("--port", type=int, default=8000, help="port of the site (8000)")
        parser.add_argument(
            "--quick", action="store_true", help="one epoch per stage: shows the path, not the figures"
        )
        parser.add_argument("--seed", type=int, default=20250210, help="of the synthetic hospital (20250210)")
        parser.add_argument("--studies", type=int, help="default 300, with --quick 36")
        parser.add_argument("--patients", type=int, help="default 240, with --quick 30")
        parser.add_argument(
            "--conspicuity",
            choices=sorted(CONSPICUITIES),
            default="easy",
            help="how well lesions show in the pictures (easy; the aims of the figures are set for it)",
        )

    def run(self, **options: Any) -> dict[str, Any]:
        if settings.PRODUCTION:
            raise UserError(
                "MAMMO_PRODUCTION is set: the demo makes accounts with public passwords; unset it"
            )
        settings.MAMMO_DEMO = True
        log = Path(settings.MAMMO_HOME) / "demo" / "processes.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        with self._interruptible(**options), log.open("a", encoding="utf-8") as lines:
            supervisor = Supervisor(
                web=bool(options["serve"]),
                host=HOST,
                port=options["port"],
                gpu_workers=2,  # each training of the demo keeps one core busy
                log=lines,
            )
            supervisor.reserve()  # a taken port is told before anything is built
            call_command("migrate", verbosity=0)
            _refuse_a_hospitals_home()
            story = self._story(**options)
            run_steps(story, FIRST)
            return self._go_on(story, supervisor, **options)
        return {}

    @contextmanager
    def _interruptible(self, **options: Any) -> Iterator[None]:
        """Ctrl-C and SIGTERM end the demo quietly; the next call goes on from there.

        A site that is served ends so; what runs in the foreground has not reached its end, and the status says so.
        """

        def stop(*args: Any) -> None:
            raise KeyboardInterrupt

        before = signal.signal(signal.SIGTERM, stop)
        try:
            yield
        except KeyboardInterrupt:
            self.say("\nStopped; `make demo` goes on from here.", **options)
            self.exit_code = 0 if options["serve"] else INTERRUPTED
        finally:
            signal.signal(signal.SIGTERM, before)

    def _go_on(self, story: Story, supervisor: Supervisor, **options: Any) -> dict[str, Any]:
        serve = bool(options["serve"])
        with supervisor:
            if serve:
                if not supervisor.wait_until_ready(SITE_PATIENCE):
                    raise UserError(
                        f"the site does not answer after {SITE_PATIENCE:.0f} s; see demo/processes.log"
                    )
                self._say_address(**options)
            run_steps(story, THEN)
            figures = summary(story)
            self._say_results(story, figures, **options)
            if serve:
                self.say(f"The site stays up at {supervisor.address}; Ctrl-C ends it.", **options)
                while True:
                    time.sleep(3600)
        return figures

    def _story(self, **options: Any) -> Story:
        found = load()
        usual = (36, 30) if options["quick"] else (300, 240)
        for name, number in zip(("studies", "patients"), usual, strict=True):
            options[name] = number if options[name] is None else options[name]
        if not 30 <= options["patients"] <= options["studies"] <= 2 * options["patients"]:
            raise UserError("--patients: at least 30; --studies: as many as patients, at most twice as many")
        size = {name: options[name] for name in ("seed", "studies", "patients", "quick", "conspicuity")}
        # A demo whose notes name no conspicuity was built before there was a choice.
        if found is not None and {"conspicuity": "easy", **found.notes.get("size", size)} != size:
            raise UserError(
                f"{settings.MAMMO_HOME} holds a demo of another size ({found.notes['size']}); "
                "set MAMMO_HOME to another folder or remove it"
            )
        progress = found or Progress()
        progress.notes["size"] = size
        progress.save()
        return Story(**size, say=lambda line: self.say(line, **options), progress=progress)

    def _say_address(self, **options: Any) -> None:
        self.say(
            f"\nThe site is up: http://{HOST}:{options['port']}/   (password of all sign-ins: {people.PASSWORD})",
            **options,
        )
        for name, title, role, _, does in people.VISITORS:
            self.say(f"   {name:6s} {title:11s} {people.ROLE_NAMES[role]:20s} {does}", **options)
        self.say("", **options)

    def _say_results(self, story: Story, figures: dict[str, Any], **options: Any) -> None:
        table = story.folder / "tables" / "table_1.md"
        self.say("\n" + table.read_text(encoding="utf-8"), **options)
        for line in said_of(figures):
            self.say(line, **options)
        took = ", ".join(f"{name} {seconds:.0f}" for name, seconds in figures["seconds_of_trainings"].items())
        self.say(f"seconds of each training, some of them beside others: {took or '-'}", **options)
        for remark in figures["remarks"]:
            self.say(remark, **options)
        for name in figures["not_measured"]:
            self.say(f"not measured: {name}", **options)
        names = ", ".join(sorted(path.name for path in table.parent.iterdir()))
        self.say(f"\nFigures: {story.folder / 'summary.json'}\nTables:  {table.parent} ({names})", **options)
        if not options["serve"]:
            self.say("Next:    `make demo` serves the site with all this; nothing is built again.", **options)


def _refuse_a_hospitals_home() -> None:
    """No accounts with public passwords beside real ones."""
    real = Site.objects.filter(is_simulated=False).order_by("code").values_list("code", flat=True)
    if real:
        raise UserError(
            f"MAMMO_HOME={settings.MAMMO_HOME} holds a hospital ({', '.join(real)}): the demo makes accounts with "
            "public passwords; set MAMMO_HOME to another folder"
        )
