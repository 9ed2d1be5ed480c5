"""The paper's tables, one module each: `build(options) -> Table`."""

from collections.abc import Callable

from evaluation.reports.options import TableOptions
from evaluation.reports.table import Table
from evaluation.reports.tables import table_1
from mammo.core.errors import UserError

BUILDERS: dict[int, Callable[[TableOptions], Table]] = {1: table_1.build}


def build_table(number: int, options: TableOptions) -> Table:
    """Build a table of the paper from the rows.

    Raises:
        UserError: this number has no builder, or the options do not fit it.
    """
    builder = BUILDERS.get(number)
    if builder is None:
        known = ", ".join(str(known) for known in sorted(BUILDERS))
        raise UserError(f"table {number}: this version computes table {known}")
    return builder(options)
