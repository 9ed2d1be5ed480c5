"""Receive mammograms from a PACS or modality by DICOM C-STORE, and import them as they come."""

import signal
import threading
from pathlib import Path
from typing import Any

from django.core.management.base import CommandParser

from mammo.accounts.models import Site
from mammo.accounts.services import site_by_code
from mammo.archive.models import ImportBatch
from mammo.archive.receiver import Receiver, ReceiverSettings
from mammo.core.append_only import require_triggers
from mammo.core.command import Command as BaseCommand
from mammo.core.errors import UserError


class Command(BaseCommand):
    """`receive --port P --aet AET --site S [--host H] [--allow AET]...`."""

    help = (
        "Listen for DICOM C-STORE and C-ECHO. Each file is kept encrypted before it is acknowledged, then "
        "imported like any other; a full inbox answers `out of resources`. Stop it with Ctrl-C: what waits is "
        "imported at the next start."
    )
    example = "manage.py receive --port 11112 --aet MAMMO --site north --host 0.0.0.0 --allow PACS1"
    reports = False

    def arguments(self, parser: CommandParser) -> None:
        """Add the command's own arguments."""
        parser.add_argument("--port", type=int, default=11112, help="port to listen on (11112)")
        parser.add_argument("--aet", default="MAMMO", help="own AE title, which callers must name (MAMMO)")
        parser.add_argument("--site", help="code of the hospital; may be left out where there is one only")
        parser.add_argument("--host", default="127.0.0.1", help="address to listen on (this machine only)")
        parser.add_argument(
            "--allow", action="append", default=[], metavar="AET",
            help="calling AE title that may send; those of the site's sending systems may too",
        )  # fmt: skip
        parser.add_argument("--tls-certificate", type=Path, help="certificate (PEM) for DICOM over TLS")
        parser.add_argument("--tls-key", type=Path, help="its key (PEM)")
        parser.add_argument(
            "--tls-peers", type=Path, help="certificates (PEM) one of which callers must show"
        )

    def run(self, **options: Any) -> None:
        """Listen until a signal comes."""
        require_triggers()
        site = _site(options["site"])
        settings = ReceiverSettings(
            site=site,
            ae_title=options["aet"],
            host=options["host"],
            port=options["port"],
            allowed=frozenset(options["allow"]),
            certificate=options["tls_certificate"],
            key=options["tls_key"],
            peers=options["tls_peers"],
        )
        stop = threading.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: stop.set())
        with Receiver(settings, self._report) as receiver:
            self.stdout.write(
                f"{options['aet']} listens on {options['host']}:{receiver.port} for {site.code}"
            )
            self.stdout.flush()
            while not stop.wait(1.0):
                pass

    def _report(self, batch: ImportBatch) -> None:
        self.stdout.write(", ".join(f"{count} {name}" for name, count in batch.counts.items()))
        self.stdout.flush()


def _site(code: str | None) -> Site:
    if code:
        return site_by_code(code)
    sites = list(Site.objects.all()[:2])
    if len(sites) != 1:
        raise UserError("--site: say for which hospital; there is more than one" if sites else "no site yet")
    return sites[0]
