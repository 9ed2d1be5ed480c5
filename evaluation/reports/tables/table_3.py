"""Table 3: mean scores of the ablations in a blinded trial."""

from evaluation.reports.options import TableOptions
from evaluation.reports.table import Table
from evaluation.reports.tables.scores_of_arms import build_scores

NUMBER = 3


def build(options: TableOptions) -> Table:
    """Build from the locked scores of `--trial`.

    Raises:
        UserError: no trial was named, or it has no arms of this table.
        WrongStateError: the trial is not locked.
    """
    return build_scores(NUMBER, options)
