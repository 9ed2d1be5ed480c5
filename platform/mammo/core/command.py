"""Base of the management commands: one clear line on bad input, JSON on request."""

import argparse
import errno
import json
from typing import Any, NoReturn

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser, DjangoHelpFormatter
from django.db import DatabaseError

from mammo.core.database_errors import told_of_database
from mammo.core.errors import EndedEarlyError, UserError

WHOLE = " (nothing is half-written)"
# What mends an error of the file system, by its number.
MENDS = {
    errno.ENOSPC: f"free space and run again{WHOLE}",
    errno.EDQUOT: f"free space or raise the quota and run again{WHOLE}",
    errno.ENOENT: "give the path of one that exists",
    errno.EACCES: "run as an account that may, or change the permissions",
    errno.EROFS: "give a place that can be written to",
    errno.EISDIR: "give a file",
    errno.ENOTDIR: "give a folder",
    errno.EEXIST: "give another name",
    errno.EFBIG: f"raise the limit on the size of files (ulimit -f) and run again{WHOLE}",
}


def said_of(error: OSError) -> str:
    """One line for an error of the system: the path (MAMMO_HOME where a full disk names none), what, the mend."""
    is_full = error.errno in (errno.ENOSPC, errno.EDQUOT)
    where = error.filename or (settings.MAMMO_HOME if is_full else "")
    what = "disk full" if error.errno == errno.ENOSPC else error.strerror or str(error)
    mend = MENDS.get(error.errno or 0, "")
    if isinstance(error, EndedEarlyError):
        mend = f"{mend.removesuffix(WHOLE) or 'mend that and run again'} ({error.done})"
    return (f"{where}: " if where else "") + what + (f"; {mend}" if mend else "")


class HelpFormatter(DjangoHelpFormatter):
    """Keeps the example on one line, so that it can be copied."""

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        return text if text.startswith("Example:") else super()._fill_text(text, width, indent)


class Parser(CommandParser):
    """Says what is wrong with the arguments in one line that ends in the mend, like every other error."""

    def error(self, message: str) -> NoReturn:
        """End as bad input does.

        Raises:
            CommandError: called from Python instead of a command line.
        """
        if self.called_from_command_line:
            self.exit(2, f"CommandError: {message}; `{self.prog} --help` shows how\n")
        raise CommandError(f"Error: {message}")


class Command(BaseCommand):
    """A command whose `run` returns what `--json` prints; bad input ends in one line and exit code 1."""

    reports = True
    example = ""
    # What the process ends with when `run` returned: set it where the report tells of a failure.
    exit_code = 0

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        shown = self.example if self.example.startswith("python ") else f"python {self.example}"
        kwargs.setdefault("epilog", f"Example: {shown}" if self.example else None)
        kwargs.setdefault("formatter_class", HelpFormatter)
        return super().create_parser(prog_name, subcommand, **kwargs)

    def add_arguments(self, parser: CommandParser) -> None:
        parser.__class__ = Parser  # Django names its own class there; parsers of actions become of this one
        if self.reports:
            parser.add_argument("--json", action="store_true", help="print one JSON object and nothing else")
        self.arguments(parser)
        for action in parser._actions:
            if isinstance(action, argparse._SubParsersAction):
                for each in action.choices.values():
                    each.epilog, each.formatter_class = each.epilog or parser.epilog, parser.formatter_class

    def arguments(self, parser: CommandParser) -> None:
        """Add the command's own arguments."""

    def run(self, **options: Any) -> dict[str, Any] | None:
        """Do the work; the result is printed by `--json`."""
        raise NotImplementedError(f"{type(self).__module__} defines no run()")

    def handle(self, *args: Any, **options: Any) -> None:
        as_json = bool(options.get("json"))
        try:
            result = self.run(**options)
        except UserError as error:
            raise CommandError(str(error)) from None
        except OSError as error:
            raise CommandError(said_of(error)) from None
        except DatabaseError as error:
            if told := told_of_database(error):
                raise CommandError(told) from None
            raise
        if as_json:
            self.stdout.write(json.dumps(result or {}, ensure_ascii=False))
        if self.exit_code:
            raise SystemExit(self.exit_code)

    def say(self, text: str, **options: Any) -> None:
        """Print a line for a person, unless the command's output is JSON."""
        if not options.get("json"):
            self.stdout.write(text)
