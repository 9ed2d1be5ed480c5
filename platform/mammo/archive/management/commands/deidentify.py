"""De-identify DICOM files by rebuilding them from an allow-list; what is doubtful is not released."""

from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import Any

from django.core.management.base import CommandParser

from mammo.archive.services import deidentify
from mammo.core.command import Command as BaseCommand
from mammo.core.errors import UserError


class Command(BaseCommand):
    """`deidentify SRC DST [--json]`."""

    help = (
        "De-identify DICOM files by rebuilding them from an allow-list. Released files are written below DST "
        "under the same relative names; what is doubtful is quarantined (not written), what is no acceptable "
        "mammogram is rejected, each with its reason. Ends with exit code 1 when every file was rejected."
    )
    example = "manage.py deidentify /data/export /data/released"

    def arguments(self, parser: CommandParser) -> None:
        """Add the command's own arguments."""
        parser.add_argument("source", metavar="SRC", help="file, or folder with everything below it")
        parser.add_argument("destination", metavar="DST", help="folder to write released files to")

    def run(self, **options: Any) -> dict[str, Any]:
        """Release what passes and say why the rest does not."""
        files = deidentify(Path(options["source"]), Path(options["destination"]))
        for file in files:
            if file.outcome != "released":
                self.say(f"{file.outcome}: {file.source}: {'; '.join(file.reasons)}", **options)
        if not files:
            raise UserError(f"{options['source']}: holds no file; name a file or a folder with some")
        counts = Counter(file.outcome for file in files)
        self.say(
            f"{counts['released']} released, {counts['quarantined']} quarantined, {counts['rejected']} rejected",
            **options,
        )
        if counts["rejected"] == len(files):
            self.exit_code = 1
            self.stderr.write(f"nothing was released: {files[0].source}: {'; '.join(files[0].reasons)}")
            return {"files": [asdict(file) for file in files]}
        self.stderr.write(
            "released files keep their names, which may identify a patient: rename them before passing them on"
        )
        return {"files": [asdict(file) for file in files]}
