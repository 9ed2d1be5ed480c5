"""A database that is away for a moment, or cut a connection that was idle: the job at work goes on with another one.

Django opens a new connection only after a look that a request makes at its ends (`close_old_connections`); a job is
one long piece of work without such an end.
"""

import logging
import time
from collections.abc import Callable
from typing import TypeVar

from django.db import InterfaceError, OperationalError, close_old_connections, connection

from mammo.jobs.timing import timing

log = logging.getLogger(__name__)
Answer = TypeVar("Answer")


def renew_connection() -> None:
    """Have this thread's next query look whether its connection lives, and open another where it does not.

    Inside a transaction nothing happens: its connection is the transaction.
    """
    if not connection.in_atomic_block:
        close_old_connections()


def patiently(act: Callable[[], Answer]) -> Answer:
    """Act on the rows; again and again where the database is away, but not for longer than a lease.

    Inside a transaction it is tried once.

    Raises:
        OperationalError, InterfaceError: the database was away all the while.
    """
    until = time.monotonic() + timing().lease
    while True:
        renew_connection()
        try:
            return act()
        except (OperationalError, InterfaceError) as error:
            if connection.in_atomic_block or time.monotonic() >= until:
                raise
            log.warning("the database is away (%s); trying again", type(error).__name__)
            time.sleep(timing().poll)
