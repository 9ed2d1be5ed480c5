"""Servers of the tests: PostgreSQL, Redis and RabbitMQ of their own, on free ports, in a folder, ended after use.

Some tests kill, stop and wipe these servers, so they never touch one that serves anything else. Only for
PostgreSQL, which is never stopped, a running server is used where one answers (MAMMO_TEST_POSTGRES).

`python -m tests.servers` says what is found here and ends with 1 when something is missing.
"""

import contextlib
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit, urlunsplit

import psutil

POSTGRES_VARIABLE = "MAMMO_TEST_POSTGRES"
LOCAL_POSTGRES = "postgres://postgres@127.0.0.1:5432/postgres"
QUEUES = ("cpu", "gpu")
# A server that starts on a busy machine.
PATIENCE = 90.0
HINT = "Debian: apt-get install"


class ServerError(Exception):
    """A server can't be found or started; says what to install."""


def free_port() -> int:
    """A port on which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Server:
    """A server process in a folder of its own; a context manager that ends it and removes the folder."""

    name = ""
    package = ""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix=f"mammo-{self.name}-"))
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @classmethod
    def binary(cls) -> str | None:
        """Path of the server's program, or None where it is not installed."""
        raise NotImplementedError

    @property
    def url(self) -> str:
        """Where clients find it."""
        raise NotImplementedError

    def command(self) -> list[str]:
        """Command line that runs it in the foreground."""
        raise NotImplementedError

    def environment(self) -> dict[str, str]:
        """Its environment."""
        return dict(os.environ)

    def answers(self) -> bool:
        """Whether it serves."""
        raise NotImplementedError

    def start(self) -> None:
        """Start it and wait until it serves.

        Raises:
            ServerError: it is not installed, or did not come up.
        """
        if self.binary() is None:
            raise ServerError(f"{self.name} is not installed ({HINT} {self.package})")
        log = self.folder / "log.txt"
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                self.command(), env=self.environment(), cwd=self.folder, stdin=subprocess.DEVNULL,
                stdout=output, stderr=output, start_new_session=True, user=self._account(),
            )  # fmt: skip
        deadline = time.monotonic() + PATIENCE
        while not self.answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise ServerError(f"{self.name} did not come up: {log.read_text(errors='replace')[-2000:]}")
            time.sleep(0.2)

    def kill(self) -> None:
        """End it as a power cut would."""
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            self._process = None

    def close(self) -> None:
        """End it and remove its folder."""
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _account(self) -> str | None:
        return None


class PostgreSQL(Server):
    """A cluster of its own that trusts local connections."""

    name, package = "postgresql", "postgresql"

    @classmethod
    def binary(cls) -> str | None:
        found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda p: float(p.parts[4]))
        return str(found[-1].with_name("postgres")) if found else shutil.which("postgres")

    @property
    def url(self) -> str:
        return f"postgres://postgres@127.0.0.1:{self.port}/postgres"

    def _account(self) -> str | None:
        """PostgreSQL refuses to run as root: Debian's package makes this account."""
        if os.geteuid() != 0:
            return None
        with contextlib.suppress(KeyError):
            return pwd.getpwnam("postgres").pw_name
        raise ServerError("PostgreSQL does not run as root, and there is no account `postgres`")

    def command(self) -> list[str]:
        data, program = self.folder / "data", str(self.binary())
        if not data.exists():
            if (account := self._account()) is not None:
                shutil.chown(self.folder, account)
            make = [str(Path(program).with_name("initdb")), "-D", str(data), "-U", "postgres", "-A", "trust"]
            done = subprocess.run(
                [*make, "-E", "UTF8", "--locale=C.UTF-8", "--no-sync"],
                cwd=self.folder, user=self._account(), capture_output=True, text=True, check=False,
            )  # fmt: skip
            if done.returncode:
                raise ServerError(f"initdb: {done.stderr[-2000:]}")
        options = {"listen_addresses": "127.0.0.1", "unix_socket_directories": "", "fsync": "off"}
        settings = [word for name, value in options.items() for word in ("-c", f"{name}={value}")]
        return [program, "-D", str(data), "-p", str(self.port), *settings]

    def answers(self) -> bool:
        return postgres_answers(self.url)


class Redis(Server):
    """A Redis that keeps nothing on disk: a kill wipes it."""

    name, package = "redis", "redis-server"

    @classmethod
    def binary(cls) -> str | None:
        return shutil.which("redis-server")

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def command(self) -> list[str]:
        return [
            str(self.binary()), "--port", str(self.port), "--bind", "127.0.0.1", "--save", "",
            "--appendonly", "no", "--dir", str(self.folder),
        ]  # fmt: skip

    def answers(self) -> bool:
        import redis

        with contextlib.suppress(redis.RedisError):
            return bool(self._client().ping())
        return False

    def wipe(self) -> None:
        """Forget every message while clients stay connected."""
        self._client().flushall()

    def waiting(self) -> int:
        """Messages in its queues."""
        return sum(int(self._client().llen(queue)) for queue in QUEUES)  # type: ignore[arg-type]

    def _client(self) -> Any:
        import redis

        return redis.Redis(port=self.port, socket_connect_timeout=2)


class RabbitMQ(Server):
    """A node of its own, with its own port mapper.

    It closes the channel of a consumer that holds a message for five seconds (by default half an hour).
    """

    name, package = "rabbitmq", "rabbitmq-server"
    consumer_timeout = 5.0

    def __init__(self) -> None:
        super().__init__()
        self._mapper, self._distribution = free_port(), free_port()

    @classmethod
    def binary(cls) -> str | None:
        # Debian's program of this name in the path is a wrapper for its own service.
        for path in ("/usr/lib/rabbitmq/bin/rabbitmq-server", shutil.which("rabbitmq-server")):
            if path and Path(path).exists():
                return path
        return None

    @property
    def url(self) -> str:
        return f"amqp://guest:guest@127.0.0.1:{self.port}//"

    def command(self) -> list[str]:
        (self.folder / "plugins").write_text("[].\n")
        milliseconds = round(1000 * self.consumer_timeout)
        (self.folder / "advanced.config").write_text(
            f"[{{rabbit, [{{consumer_timeout, {milliseconds}}}, {{channel_tick_interval, 1000}}]}}].\n"
        )
        return [str(self.binary())]

    def environment(self) -> dict[str, str]:
        return {
            **os.environ,
            "HOME": str(self.folder),
            "RABBITMQ_NODENAME": f"tests-{self.port}@localhost",
            "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODE_PORT": str(self.port),
            "RABBITMQ_DIST_PORT": str(self._distribution),
            "ERL_EPMD_PORT": str(self._mapper),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "RABBITMQ_MNESIA_BASE": str(self.folder / "data"),
            "RABBITMQ_LOG_BASE": str(self.folder / "logs"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(self.folder / "plugins"),
            "RABBITMQ_CONF_ENV_FILE": "/dev/null",
            "RABBITMQ_CONFIG_FILE": str(self.folder / "rabbitmq"),
            "RABBITMQ_ADVANCED_CONFIG_FILE": str(self.folder / "advanced.config"),
        }

    def answers(self) -> bool:
        from kombu import Connection

        with contextlib.suppress(Exception), Connection(self.url, connect_timeout=2) as connection:
            connection.connect()
            return True
        return False

    def wipe(self) -> None:
        """Forget every message while clients stay connected."""
        with self._channel() as channel:
            for queue in QUEUES:
                channel.queue_purge(queue)

    def waiting(self) -> int:
        """Messages in its queues that no consumer holds; queues that nobody declared hold none."""
        from amqp.exceptions import NotFound

        count = 0
        for queue in QUEUES:
            with contextlib.suppress(NotFound), self._channel() as channel:
                count += channel.queue_declare(queue, passive=True).message_count
        return count

    def close(self) -> None:
        super().close()
        for process in psutil.process_iter(["name"]):
            with contextlib.suppress(psutil.Error):
                is_ours = process.environ().get("ERL_EPMD_PORT") == str(self._mapper)
                if process.info["name"] == "epmd" and is_ours:
                    process.kill()

    @contextlib.contextmanager
    def _channel(self) -> Iterator[Any]:
        from kombu import Connection

        with Connection(self.url) as connection, connection.channel() as channel:
            yield channel


def postgres_answers(url: str) -> bool:
    """Whether a PostgreSQL server answers there."""
    import psycopg

    try:
        psycopg.connect(url, connect_timeout=5).close()
    except psycopg.OperationalError:
        return False
    return True


@contextlib.contextmanager
def postgres() -> Iterator[str]:
    """Address of a PostgreSQL server: the one that answers, or one of our own until the block ends.

    Raises:
        ServerError: none answers, and none is installed.
    """
    given = os.environ.get(POSTGRES_VARIABLE, LOCAL_POSTGRES)
    if postgres_answers(given):
        yield given
    elif POSTGRES_VARIABLE in os.environ:
        raise ServerError(f"{POSTGRES_VARIABLE}={given}: no PostgreSQL answers there")
    else:
        with PostgreSQL() as server:
            yield server.url


def with_database(url: str, name: str) -> str:
    """The address of another database of the same server."""
    return urlunsplit(urlsplit(url)._replace(path=f"/{name}"))


def create_database(url: str, name: str, template: str = "") -> None:
    """Create a database, as a copy of `template` where one is named."""
    import psycopg
    from psycopg import sql

    command = sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name))
    if template:
        command += sql.SQL(" TEMPLATE {}").format(sql.Identifier(template))
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(command)


def drop_databases(url: str, start: str) -> None:
    """Drop the databases whose names begin with `start`, with whoever is connected."""
    import psycopg
    from psycopg import sql

    with psycopg.connect(url, autocommit=True) as connection:
        found = connection.execute("SELECT datname FROM pg_database WHERE starts_with(datname, %s)", (start,))
        for (name,) in found.fetchall():
            command = sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name))
            connection.execute(command)


def main() -> int:
    """Say which servers the tests will find here."""
    missing = 0
    given = os.environ.get(POSTGRES_VARIABLE, LOCAL_POSTGRES)
    if postgres_answers(given):
        print(f"postgresql: answers at {urlsplit(given).hostname}:{urlsplit(given).port}")
    kinds: list[type[Server]] = [Redis, RabbitMQ]
    for kind in kinds if postgres_answers(given) else [PostgreSQL, *kinds]:
        binary = kind.binary()
        missing += binary is None
        print(f"{kind.name}: {binary or f'missing ({HINT} {kind.package})'}")
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
