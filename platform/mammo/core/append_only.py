"""Database triggers that refuse to change a judgement, on SQLite and PostgreSQL, and their whole life cycle.

SQLite drops triggers silently when a migration rebuilds a table, and INSERT OR REPLACE passes them unless
`PRAGMA recursive_triggers` is on: so they are installed after every migrate, checked at start-up, and the
pragma is set on every connection (docs/decisions/0004-append-only.md).
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.apps import apps
from django.core.checks import CheckMessage, Error, Tags, register
from django.db import DEFAULT_DB_ALIAS, connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.signals import connection_created
from django.db.models.signals import post_migrate
from django.db.utils import OperationalError

FUNCTION = "mammo_refuse_change"
VERBS = {"sqlite": ("UPDATE", "DELETE"), "postgresql": ("UPDATE", "DELETE", "TRUNCATE")}


def append_only_tables() -> list[str]:
    """Tables whose rows are written once: models with `append_only = True`."""
    return sorted(m._meta.db_table for m in apps.get_models() if getattr(m, "append_only", False))


def _name(table: str, verb: str) -> str:
    return f"append_only_{table}_{verb.lower()}"


def expected_triggers(connection: BaseDatabaseWrapper) -> set[str]:
    """Names of the triggers that must stand in this database."""
    return {_name(table, verb) for table in append_only_tables() for verb in VERBS[connection.vendor]}


def standing_triggers(connection: BaseDatabaseWrapper) -> set[str]:
    """Names of the append-only triggers that stand (enabled) in this database."""
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute(
                "SELECT name FROM sqlite_master WHERE type = 'trigger' AND name LIKE 'append_only_%%'"
            )
        else:
            cursor.execute(
                "SELECT tgname FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid "
                "JOIN pg_namespace n ON n.oid = c.relnamespace "
                "WHERE tgname LIKE 'append_only_%%' AND tgenabled <> 'D' AND n.nspname = current_schema()"
            )
        return {row[0] for row in cursor.fetchall()}


def install(connection: BaseDatabaseWrapper) -> None:
    """Create the triggers that are missing; tables that don't exist yet are left for the next migrate."""
    present = set(connection.introspection.table_names())
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute(
                f"CREATE OR REPLACE FUNCTION {FUNCTION}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
                "RAISE EXCEPTION '% on % refused: its rows are append-only', TG_OP, TG_TABLE_NAME; END $$"
            )
        for table in append_only_tables():
            if table in present:
                for verb in VERBS[connection.vendor]:
                    cursor.execute(_create_sql(connection.vendor, table, verb))


def _create_sql(vendor: str, table: str, verb: str) -> str:
    name = _name(table, verb)
    if vendor == "sqlite":
        return (
            f'CREATE TRIGGER IF NOT EXISTS "{name}" BEFORE {verb} ON "{table}" BEGIN '
            f"SELECT RAISE(ABORT, '{verb} on {table} refused: its rows are append-only'); END"
        )
    level = "STATEMENT" if verb == "TRUNCATE" else "ROW"
    return (
        f'CREATE OR REPLACE TRIGGER "{name}" BEFORE {verb} ON "{table}" '
        f"FOR EACH {level} EXECUTE FUNCTION {FUNCTION}()"
    )


def remove(connection: BaseDatabaseWrapper) -> None:
    """Drop the triggers; only for test flushes and for migrations that must rebuild a table."""
    with connection.cursor() as cursor:
        for table in append_only_tables():
            for verb in VERBS[connection.vendor]:
                on = f' ON "{table}"' if connection.vendor == "postgresql" else ""
                cursor.execute(f'DROP TRIGGER IF EXISTS "{_name(table, verb)}"{on}')


@contextmanager
def lifted(using: str = DEFAULT_DB_ALIAS) -> Iterator[None]:
    """Lift the triggers for a test flush and put them back."""
    connection = connections[using]
    remove(connection)
    try:
        yield
    finally:
        install(connection)


def _after_migrate(using: str = DEFAULT_DB_ALIAS, **kwargs: Any) -> None:
    install(connections[using])


def _on_connect(connection: BaseDatabaseWrapper, **kwargs: Any) -> None:
    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA recursive_triggers = ON")


def check_triggers(app_configs: Any = None, databases: Any = None, **kwargs: Any) -> list[CheckMessage]:
    """System check (tag `database`): every append-only table has its triggers."""
    problems: list[CheckMessage] = []
    for alias in databases or []:
        connection = connections[alias]
        try:
            present = set(connection.introspection.table_names())
        except OperationalError:
            continue  # no database yet: migrate makes it
        tables = [t for t in append_only_tables() if t in present]
        wanted = {_name(t, verb) for t in tables for verb in VERBS[connection.vendor]}
        missing = sorted(wanted - standing_triggers(connection))
        if missing:
            problems.append(
                Error(
                    f"Append-only triggers are missing in database {alias!r}: {', '.join(missing)}",
                    hint="Run `python manage.py migrate`, which installs them; find out who dropped them.",
                    id="mammo.E001",
                )
            )
    return problems


def require_triggers(using: str = DEFAULT_DB_ALIAS) -> None:
    """Let a web or worker process start only with the triggers in place.

    Raises:
        SystemExit: some are missing; names them and the mend.
    """
    problems = check_triggers(databases=[using])
    if problems:
        raise SystemExit(f"{problems[0].msg} {problems[0].hint}")


def connect_signals() -> None:
    """Called once from CoreConfig.ready()."""
    post_migrate.connect(_after_migrate, dispatch_uid="mammo.core.append_only")
    connection_created.connect(_on_connect, dispatch_uid="mammo.core.append_only")
    register(Tags.database)(check_triggers)
