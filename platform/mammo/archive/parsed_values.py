"""Values of table cells as they are written by people.

Messages name the column and never the value: they are stored, and under a wrong mapping a name may stand there.
"""

import re
from datetime import date

from django.utils.translation import gettext as _

from mammo.core.errors import UserError


def parse_age(written: str) -> int:
    """Years, 90 for 90 and more.

    Raises:
        UserError: not a number of years.
    """
    digits = re.fullmatch(r"(\d{1,3})(?:\.0)?\s*(?:Y|岁|years?)?", written, re.I)
    if not digits or not 10 <= int(digits[1]) <= 120:
        raise UserError(_("column 'age': no age in years; write a number from 10 to 120"))
    return min(int(digits[1]), 90)


# Year, month and day with marks between them; or eight digits, perhaps with a time's two, four, six or nine behind.
_MARKED = re.compile(r"(\d{4})(?:([-/.])(\d{1,2})\2|年(\d{1,2})月)(\d{1,2})(?!\d)", re.ASCII)
_COMPACT = re.compile(r"(\d{4})(\d{2})(\d{2})(?:\d{2}|\d{4}|\d{6}|\d{9})?(?!\d)", re.ASCII)


def parse_day(written: str, column: str) -> date:
    """A date written 2019-03-11, 2019/3/11, 2019.3.11, 20190311 or 2019年3月11日.

    A time behind it is passed over. A month without its day is no date: 2019-11 is not the first of January.

    Raises:
        UserError: it is none.
    """
    marked, compact = _MARKED.match(written), _COMPACT.match(written)
    try:
        if marked:
            return date(int(marked[1]), int(marked[3] or marked[4]), int(marked[5]))
        if compact:
            return date(int(compact[1]), int(compact[2]), int(compact[3]))
    except ValueError:
        pass
    raise UserError(_("column %(column)r: no date; write it as 2019-03-11") % {"column": column})
