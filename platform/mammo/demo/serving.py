"""A finished demonstration, served for as long as somebody looks at it."""

import socket
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from django.conf import settings
from django.core.management import call_command

from mammo.accounts.models import User
from mammo.core.errors import UserError
from mammo.demo.people import PASSWORD
from mammo.demo.progress import STEPS, load
from mammo.jobs.supervisor import Supervisor

SITE_PATIENCE = 120.0  # seconds until the web process answers, on a busy machine


@contextmanager
def served_demo(accounts: Iterable[str]) -> Iterator[str]:
    """Serve this MAMMO_HOME's demonstration on a free port; gives its address, and ends every process afterwards.

    Args:
        accounts: user names that will sign in with the demo's password.

    Raises:
        UserError: there is no finished demonstration, another process serves it, an account can't sign in, or the
            site does not answer.
    """
    require_finished_demo()
    call_command("migrate", verbosity=0)
    require_sign_ins(accounts)
    log = Path(settings.MAMMO_HOME) / "demo" / "processes.log"
    with log.open("a", encoding="utf-8") as lines:
        supervisor = Supervisor(port=free_port(), log=lines)
        try:
            supervisor.reserve()
        except UserError as error:
            raise UserError(f"{error}; or give --address, where the demo is served") from None
        with supervisor:
            if not supervisor.wait_until_ready(SITE_PATIENCE):
                raise UserError(f"the site does not answer after {SITE_PATIENCE:.0f} s; see {log}")
            yield supervisor.address.rstrip("/")


def require_finished_demo() -> None:
    """Check that the story of this MAMMO_HOME was told to its end.

    Raises:
        UserError: it was not begun, stopped on the way, or still runs; one line with the mend.
    """
    progress = load()
    if progress is None:
        raise UserError(f"{settings.MAMMO_HOME} holds no demo; run `make demo SERVE=0` first")
    missing = [key for key in STEPS if key not in progress.seconds]
    if missing:
        raise UserError(
            f"{settings.MAMMO_HOME}: the demo is not finished (next step: {missing[0]}); run `make demo SERVE=0` first"
        )


def require_sign_ins(accounts: Iterable[str]) -> None:
    """Check that these people of the demo can sign in as the sign-in page says.

    Raises:
        UserError: an account is missing, switched off or has another password; names all of them.
    """
    found = {user.username: user for user in User.objects.filter(username__in=list(accounts), is_active=True)}
    refused = [name for name in accounts if name not in found or not found[name].check_password(PASSWORD)]
    if refused:
        raise UserError(
            f"{', '.join(refused)}: can't sign in with the demo's password (missing, switched off or changed); "
            "set MAMMO_HOME to another folder and run `make demo SERVE=0`"
        )


def free_port() -> int:
    """A port of this machine that nobody listens at."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
