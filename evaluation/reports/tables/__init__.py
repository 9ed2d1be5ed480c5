"""The paper's tables, one module each: `build(options) -> Table`."""

from importlib import import_module

from evaluation.reports.options import TableOptions
from evaluation.reports.table import Table
from mammo.core.errors import UserError

# Named, not imported: the statistics behind a table cost two seconds that no page and no command should pay.
BUILDERS: dict[int, str] = {1: "evaluation.reports.tables.table_1"}


def build_table(number: int, options: TableOptions) -> Table:
    """Build a table of the paper from the rows.

    Raises:
        UserError: this number has no builder, or the options do not fit it.
    """
    module = BUILDERS.get(number)
    if module is None:
        known = ", ".join(str(known) for known in sorted(BUILDERS))
        raise UserError(f"table {number}: this version computes table {known}")
    table: Table = import_module(module).build(options)
    return table
