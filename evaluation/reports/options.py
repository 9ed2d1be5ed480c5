"""What a table is computed from."""

from dataclasses import dataclass, field

from evaluation.models import ReaderStudy, Trial
from mammo.accounts.models import Site
from modeling.models import Run, Snapshot


@dataclass(frozen=True)
class TableOptions:
    """Attributes:
    trial: of Tables 1, 2 and 3.
    simulated: take rows that are marked as simulated too.
    paper: add the paper's figures as columns of their own.
    reader_study: readers of Table 7.
    runs: of Tables 5, 6, 7, 8 and 10; none takes the latest finished run of every kind.
    snapshot: patients of Tables 4 and 9; none takes the whole archive.
    by: one row per stratum: density, site, vendor, age, finding (read from the report's words) or language.
    threshold: chance from which a classifier calls malignant (Tables 7 and 8).
    sites: rows of these hospitals only; None takes every hospital (the command line).
    prevalence: Table 7 gives PPV and NPV at this prevalence too.
    """

    trial: Trial | None = None
    simulated: bool = False
    paper: bool = False
    reader_study: ReaderStudy | None = None
    runs: tuple[Run, ...] = field(default=())
    snapshot: Snapshot | None = None
    by: str | None = None
    threshold: float = 0.5
    prevalence: float | None = None
    sites: tuple[Site, ...] | None = None
