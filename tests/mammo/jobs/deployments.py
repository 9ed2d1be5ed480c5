"""The forms in which the platform is deployed, each with real processes: three brokers on two databases."""

import contextlib
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from tests import migrated
from tests.mammo.jobs.installation import Installation
from tests.servers import (
    RabbitMQ,
    Redis,
    ServerError,
    create_database,
    drop_databases,
    free_port,
    postgres,
    with_database,
)

# The same rules, faster: a lost worker is noticed after six seconds (less, and a busy machine loses live ones).
FAST = {
    "LEASE": "6",
    "HEARTBEAT": "1",
    "POLL": "0.2",
    "RING_AGAIN": "2",
    "REAP": "0.5",
    "GRACE": "2",
    "GRACE_AT_SHUTDOWN": "2",
    "DEAF": "10",
    "PROGRESS": "0.1",
    "RESTART_CAP": "1",
    "UNREADABLE_MESSAGE": "0.5",
}
BROKERS: dict[str, type[Redis] | type[RabbitMQ]] = {"redis": Redis, "rabbitmq": RabbitMQ}
NAMES = ("embedded", *BROKERS)
DATABASES = {"embedded": "SQLite", "redis": "PostgreSQL", "rabbitmq": "PostgreSQL"}


class Broker(Protocol):
    """What is done to a broker."""

    def start(self) -> None:
        """Bring it back."""

    def kill(self) -> None:
        """Take it away at once."""

    def wipe(self) -> None:
        """Have it forget every message."""

    def waiting(self) -> int:
        """How many messages wait in its queues."""


class Folder:
    """The filesystem transport's folder; an outage is a mount that is gone, with a file in its place."""

    def __init__(self, home: Path) -> None:
        self._queue, self._away = home / "queue", home / "queue.away"

    def start(self) -> None:
        self._queue.unlink()
        self._away.rename(self._queue)

    def kill(self) -> None:
        self._queue.rename(self._away)
        self._queue.touch()

    def wipe(self) -> None:
        for message in (self._queue / "messages").glob("*.msg"):
            message.unlink(missing_ok=True)

    def waiting(self) -> int:
        return len(list((self._queue / "messages").glob("*.msg")))


@dataclass(frozen=True)
class Deployment:
    """A running form of the platform and the broker below it."""

    name: str
    installation: Installation
    broker: Broker


@contextlib.contextmanager
def deployed(name: str, folder: Path) -> Iterator[Deployment]:
    """An installation with its own database and broker; its processes and servers end with the block.

    Raises:
        ServerError: a server is not there; says what to install.
    """
    variables = {f"MAMMO_JOBS_{key}": value for key, value in FAST.items()}
    variables["CUDA_VISIBLE_DEVICES"] = "0,1"  # names only: nothing here computes on them
    home = folder / "home"
    with contextlib.ExitStack() as stack:
        broker: Broker = Folder(home)
        if name == "embedded":
            migrated.put_into(home)
        if name != "embedded":
            server = BROKERS[name]()
            if server.binary() is None:
                raise ServerError(
                    f"{server.name} is not installed (Debian: apt-get install {server.package})"
                )
            address = stack.enter_context(postgres())
            database = f"mammo_chaos_{os.getpid()}_{name}_{time.monotonic_ns()}"
            create_database(address, database, os.environ.get(migrated.TEMPLATE_VARIABLE, ""))
            stack.callback(drop_databases, address, database)
            broker = stack.enter_context(server)
            variables |= {"DATABASE_URL": with_database(address, database), "BROKER_URL": server.url}
        installation = Installation(home, variables, free_port())
        stack.callback(installation.stop)
        yield Deployment(name, installation, broker)
