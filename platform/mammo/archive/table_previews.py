"""The first rows of a table that was sent, read by a limited child: a workbook can be made to fill a server's memory."""

import json
import logging
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

from django.conf import settings
from django.utils.translation import get_language, to_locale
from django.utils.translation import gettext as _

import mammo
from mammo.archive.table_child import EXIT_BAD_REQUEST, EXIT_NO_MEMORY
from mammo.core.child_environment import without_secrets
from mammo.core.errors import UserError

logger = logging.getLogger(__name__)
ROWS = 5
# Wall clock; the child's own limits (`dicom.limits`) end it earlier on a machine that has time for it.
SECONDS = 60


def first_rows(path: Path, name: str) -> tuple[list[str], list[list[str]]]:
    """The columns of a table as it names them, and its first rows.

    Args:
        path: of the file, in a folder of its own: request and answer are laid beside it.
        name: as the person knows the table.

    Raises:
        UserError: it can't be read as a table, or not within the limits, or the reader failed.
    """
    request, answer = path.with_name("request.json"), path.with_name("answer.json")
    asked = {
        "path": str(path), "preview": ROWS, "catalogues": str(settings.LOCALE_PATHS[0]),
        "locale": to_locale(get_language() or settings.LANGUAGE_CODE),
    }  # fmt: skip
    request.write_text(json.dumps(asked), encoding="utf-8")
    code, said = _read_by_child(request, answer)
    if code == EXIT_BAD_REQUEST:
        raise UserError((said or [""])[-1].replace("table", name, 1))
    if code < 0 or code == EXIT_NO_MEMORY:
        raise UserError(
            _("%(name)s: takes too much time or memory to read; save it as CSV, or divide the table")
            % {"name": name}
        )
    if code:
        # The class alone: what an exception says may quote a cell.
        kind = re.match(r"[\w.]+", (said or [""])[-1])
        logger.error("the reader of a table's first rows failed: %s", kind.group() if kind else code)
        raise UserError(
            _("%(name)s: the program that reads tables failed; save it as CSV, or ask your administrator")
            % {"name": name}
        )
    found = json.loads(answer.read_text(encoding="utf-8"))
    return found["header"], found["rows"]


def _read_by_child(request: Path, answer: Path) -> tuple[int, list[str]]:
    """How the child ended (negative: by a signal, also where its time was over), and the lines that it said."""
    try:
        done = subprocess.run(
            [sys.executable, "-m", "mammo.archive.table_child", str(request), str(answer)],
            env=_environment(), capture_output=True, text=True, timeout=SECONDS, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return -signal.SIGKILL, []
    return done.returncode, done.stderr.strip().splitlines()


def _environment() -> dict[str, str]:
    source = str(Path(mammo.__file__).parents[1])
    return {
        **without_secrets(), "OPENBLAS_NUM_THREADS": "1", "PYTHONIOENCODING": "utf-8",
        "PYTHONPATH": os.pathsep.join([source, os.environ.get("PYTHONPATH", "")]),
    }  # fmt: skip
