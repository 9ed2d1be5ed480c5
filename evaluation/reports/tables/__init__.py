"""The paper's tables, one module each: `build(options) -> Table`."""

from dataclasses import replace
from importlib import import_module

from django.utils.translation import gettext as _

from evaluation.reports.options import TableOptions
from evaluation.reports.table import Table
from mammo.core.errors import UserError

# Named, not imported: the statistics behind a table cost two seconds that no page and no command should pay.
BUILDERS: dict[int, str] = {number: f"evaluation.reports.tables.table_{number}" for number in range(1, 11)}


# Computed from one trial, whose pages check who may see it; the others read the archive and its runs.
TRIAL_TABLES = (1, 2, 3)


def require_builder(number: int) -> str:
    """The module that builds this table.

    Raises:
        UserError: there is none; lists those that there are.
    """
    module = BUILDERS.get(number)
    if module is None:
        known = ", ".join(str(known) for known in sorted(BUILDERS))
        raise UserError(
            _("table %(number)s: this version computes table %(known)s") % {"number": number, "known": known}
        )
    return module


def build_table(number: int, options: TableOptions) -> Table:
    """Build a table of the paper from the rows.

    Raises:
        UserError: this number has no builder, or the options do not fit it.
    """
    module = require_builder(number)
    if options.trial is not None and number not in TRIAL_TABLES:
        raise UserError(
            _("table %(number)s: not computed from a trial; leave the trial out") % {"number": number}
        )
    table: Table = import_module(module).build(options)
    rules = {
        "finding": _(
            "The type of finding is read from the words of the newest report; the weightiest stands."
        ),
        # Questions have a language of their own; a study has that of what was written about it.
        "language": "" if number in TRIAL_TABLES else _("A study's language is that of its newest report."),
    }
    rule = rules.get(options.by or "")
    return replace(table, notes=[*table.notes, rule]) if rule else table
