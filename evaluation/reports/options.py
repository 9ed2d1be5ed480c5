"""What a table is computed from."""

from dataclasses import dataclass

from evaluation.models import Trial


@dataclass(frozen=True)
class TableOptions:
    """Attributes:
    trial: of Tables 1, 2 and 3.
    simulated: take rows that are marked as simulated too.
    paper: add the paper's figures as columns of their own.
    """

    trial: Trial | None = None
    simulated: bool = False
    paper: bool = False
