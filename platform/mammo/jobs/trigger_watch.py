"""Whether the append-only triggers still stand while the platform runs: a chore, since the start alone looks once."""

import logging

from django.core.checks import ERROR
from django.db import DEFAULT_DB_ALIAS

from mammo.accounts import audit
from mammo.core.append_only import problems_of

log = logging.getLogger(__name__)


def watch_triggers() -> int:
    """Log triggers that were dropped or changed since the start, and put them on record; returns how many findings."""
    found = [problem for problem in problems_of(DEFAULT_DB_ALIAS) if problem.level >= ERROR]
    for problem in found:
        log.critical("%s %s", problem.msg, problem.hint)
        audit.record("jobs.triggers_missing", by_user=None, said=problem.msg)
    return len(found)
