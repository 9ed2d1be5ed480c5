"""`audit verify` and `audit anchor`: whether the trail is whole, also against what was noted outside."""

import argparse
import json
import os
import sys
from pathlib import Path
from typing import Any

from django.core.management.base import CommandParser
from django.utils import timezone

from mammo.accounts import audit
from mammo.accounts.audit_anchors import anchors_of, unmet
from mammo.core.command import Command as BaseCommand
from mammo.core.errors import UserError
from mammo.core.jsonlines import read_jsonlines


class Command(BaseCommand):
    """The chain of hashes finds an edit or a gap; only an anchor outside the database finds a cut tail."""

    help = "Verify the audit trail, or note its head in a file outside the database."
    example = "manage.py audit anchor --out /mnt/elsewhere/audit.jsonl"

    def arguments(self, parser: CommandParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True, metavar="verify|anchor")
        verify = actions.add_parser("verify", help="walk the whole chain; exit code 1 if anything is wrong")
        verify.add_argument(
            "--anchor", type=Path, help="file that `audit anchor` wrote; each line is checked"
        )
        anchor = actions.add_parser("anchor", help="append the head's number and hash to a file")
        anchor.add_argument(
            "--out", type=Path, required=True, help="a file on another system than the database"
        )
        for action in (verify, anchor):
            action.add_argument(
                "--json",
                action="store_true",
                default=argparse.SUPPRESS,  # or it would undo a --json before the action
                help="print one JSON object and nothing else",
            )

    def run(self, **options: Any) -> dict[str, Any] | None:
        if options["action"] == "anchor":
            return self._anchor(**options)
        return self._verify(**options)

    def _anchor(self, **options: Any) -> dict[str, Any]:
        found = audit.verify()
        if not found.ok:
            raise UserError(f"the trail is not whole, so it is not anchored: {found.problems[0]}")
        line = {
            "at": timezone.now().isoformat(timespec="seconds"),
            "sequence": found.head_sequence,
            "sha256": found.head_sha256,
            "events": found.events,
        }
        _append(options["out"], line)
        self.say(f"Event {found.head_sequence} noted in {options['out']}.", **options)
        return line

    def _verify(self, **options: Any) -> dict[str, Any] | None:
        path: Path | None = options["anchor"]
        anchors = anchors_of(read_jsonlines(path), str(path)) if path else []
        found = audit.verify()
        problems = found.problems + unmet(anchors)
        result = {
            "ok": not problems,
            "events": found.events,
            "head": {"sequence": found.head_sequence, "sha256": found.head_sha256},
            "anchors": len(anchors),
            "problems": problems,
        }
        if not problems:
            self.say(f"The trail is whole: {found.events} events, {len(anchors)} anchors met.", **options)
            return result
        if options["json"]:
            self.stdout.write(json.dumps(result, ensure_ascii=False))
        else:
            for problem in problems:
                self.stderr.write(problem)
        sys.exit(1)


def _append(path: Path, line: dict[str, Any]) -> None:
    """Add one line with a single write, on the disk before anything is said."""
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    with os.fdopen(descriptor, "ab") as handle:
        handle.write((json.dumps(line) + "\n").encode())
        handle.flush()
        os.fsync(handle.fileno())
