"""How far the demonstration is: a small file that the command writes and the home page reads."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from django.conf import settings
from django.utils.translation import gettext_lazy as _

from mammo.core.jsonlines import write_atomically

STEPS: dict[str, Any] = {
    "hospital": _("Build the synthetic hospital"),
    "people": _("Make the site and its people"),
    "import": _("Import mammograms, reports and pathology"),
    "questions": _("Bring in the patients' questions"),
    "language": _("Pre-train the small language model"),
    "propose": _("Three proposals for each question"),
    "annotate": _("Juniors correct, seniors pick"),
    "export": _("Export the training set"),
    "snapshot": _("Freeze a snapshot for training"),
    "density": _("Train the density selector"),
    "umicon_unsupervised": _("Train UMiCon, unsupervised"),
    "umicon_collapse": _("Show the collapse of the loss without negatives"),
    "umicon_supervised": _("Train UMiCon, supervised"),
    "sft": _("Tune the language model on the picks"),
    "trial": _("Run a blinded trial to its Table 1"),
    "open_trial": _("Open a second trial for the visitor"),
    "reader_studies": _("Run a reader study to its Table 7, open another"),
}


@dataclass
class Progress:
    """State of the demonstration.

    Attributes:
        seconds: finished steps and how long each took.
        running: the step at work, or empty.
        notes: what later steps need of earlier ones (ids, folders, figures).
    """

    seconds: dict[str, float] = field(default_factory=dict)
    running: str = ""
    done: int = 0
    total: int = 0
    failed: str = ""
    notes: dict[str, Any] = field(default_factory=dict)

    def save(self) -> None:
        """Write the state, atomically."""
        write_atomically(path(), json.dumps(self.__dict__, ensure_ascii=False, indent=1).encode())


def path() -> Path:
    """Where the state lies."""
    return Path(settings.MAMMO_HOME) / "demo" / "progress.json"


def load() -> Progress | None:
    """The state, or None where no demonstration was started."""
    try:
        return Progress(**json.loads(path().read_text(encoding="utf-8")))
    except FileNotFoundError:
        return None
