"""List, or remove, stored image files that no row of the database names."""

from pathlib import Path
from typing import Any

from django.core.management.base import CommandParser

from mammo.archive import storage
from mammo.archive.written_files import unnamed_files
from mammo.core.command import Command as BaseCommand
from mammo.core.errors import UserError


class Command(BaseCommand):
    """`unnamed_files [--remove] [--json]`."""

    help = (
        "List originals and viewing copies that no row of the database names. After a database was set back to an "
        "older copy these are the files that came since: import them again, or set a newer copy back, before you "
        "give --remove."
    )
    example = "manage.py unnamed_files"

    def arguments(self, parser: CommandParser) -> None:
        """Add the command's own arguments."""
        parser.add_argument("--remove", action="store_true", help="remove them; only while no import runs")

    def run(self, **options: Any) -> dict[str, Any]:
        """Count them, and remove them where that is asked."""
        with storage.RunningImport() as running:
            if not running.is_alone:
                raise UserError("an import runs: its files have no rows yet; try again when it has ended")
            if not options["remove"]:
                running.admit_others()  # imports go on while their files are looked through
            found = unnamed_files()
            size = sum(map(_size, found))
            if options["remove"]:
                for path in found:
                    path.unlink(missing_ok=True)
            else:
                for path in found:
                    self.say(str(path), **options)
        did = "removed" if options["remove"] else "found"
        self.say(f"{did} {len(found)} files that no row names, {size} bytes", **options)
        if not options["remove"]:
            self.say("a snapshot: files of an import that began meanwhile may be listed", **options)
        return {"files": [str(path) for path in found], "bytes": size, "removed": options["remove"]}


def _size(path: Path) -> int:
    """Bytes of a file; none of one that is gone by now."""
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0
