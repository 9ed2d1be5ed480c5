"""Database triggers that refuse to change a judgement, on SQLite and PostgreSQL, and their whole life cycle.

SQLite drops triggers silently when a migration rebuilds a table, and INSERT OR REPLACE passes them unless
`PRAGMA recursive_triggers` is on: so they are installed after every migrate, checked at start-up, and the
pragma is set on every connection (docs/decisions/0004-append-only.md).
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.apps import apps
from django.core.checks import CheckMessage, Error, Tags, Warning, register  # noqa: A004
from django.db import DEFAULT_DB_ALIAS, connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.signals import connection_created
from django.db.models.signals import post_migrate
from django.db.utils import OperationalError

FUNCTION = "mammo_refuse_change"
LEDGER = "core_guardedtable"
# What the function of PostgreSQL's triggers does, as the database keeps it.
BODY = " BEGIN RAISE EXCEPTION '% on % refused: its rows are append-only', TG_OP, TG_TABLE_NAME; END "
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
    """Names of the append-only triggers that stand in this database: enabled, and doing what ours do.

    A trigger of the right name on another table, for some columns only, or that lets changes pass does not stand.
    """
    written = _written_triggers(connection)
    return {
        _name(table, verb)
        for table in append_only_tables()
        for verb in VERBS[connection.vendor]
        if written.get(_name(table, verb)) == _kept_sql(connection.vendor, table, verb)
    }


def _written_triggers(connection: BaseDatabaseWrapper) -> dict[str, str]:
    """SQL of each append-only trigger by its name, as the database keeps it; none that doesn't fire."""
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute(
                "SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND name LIKE 'append_only_%%'"
            )
            return dict(cursor.fetchall())
        if not _function_stands(cursor):
            return {}
        # Enabled for ordinary sessions (O) or always (A): those for replicas alone (R) don't fire.
        cursor.execute(
            "SELECT tgname, replace(pg_get_triggerdef(t.oid), quote_ident(n.nspname) || '.', '') "
            "FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_namespace n ON n.oid = c.relnamespace "
            "WHERE tgname LIKE 'append_only_%%' AND tgenabled IN ('O', 'A') AND n.nspname = current_schema()"
        )
        return {name: sql.replace('"', "") for name, sql in cursor.fetchall()}


def _function_stands(cursor: Any) -> bool:
    cursor.execute(
        "SELECT pg_get_functiondef(p.oid), n.nspname FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace "
        "WHERE p.proname = %s AND n.nspname = current_schema()",
        [FUNCTION],
    )
    expected = "CREATE OR REPLACE FUNCTION {0}.{1}()\n RETURNS trigger\n LANGUAGE plpgsql\nAS $function${2}$function$\n"
    return any(
        written.replace('"', "") == expected.format(schema, FUNCTION, BODY)
        for written, schema in cursor.fetchall()
    )


def _kept_sql(vendor: str, table: str, verb: str) -> str:
    """The SQL of our trigger as the database keeps it."""
    if vendor == "sqlite":
        return _create_sql(vendor, table, verb).replace("IF NOT EXISTS ", "")
    return _create_sql(vendor, table, verb).replace("OR REPLACE ", "").replace('"', "")


def install(connection: BaseDatabaseWrapper) -> None:
    """Create the triggers that are missing, and anew those that don't do what they should.

    Tables that don't exist yet are left for the next migrate.
    """
    present = set(connection.introspection.table_names())
    hollow = _written_triggers(connection).keys() - standing_triggers(connection)
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute(
                f"CREATE OR REPLACE FUNCTION {FUNCTION}() RETURNS trigger LANGUAGE plpgsql AS $${BODY}$$"
            )
        guarded = [table for table in append_only_tables() if table in present]
        for table in guarded:
            for verb in VERBS[connection.vendor]:
                if connection.vendor == "sqlite" and _name(table, verb) in hollow:
                    cursor.execute(f'DROP TRIGGER "{_name(table, verb)}"')
                cursor.execute(_create_sql(connection.vendor, table, verb))
    if LEDGER in present:
        rows = _ledger().objects.using(connection.alias)
        rows.bulk_create([_ledger()(name=table) for table in guarded], ignore_conflicts=True)


def _ledger() -> Any:
    return apps.get_app_config("core").get_model("GuardedTable")


def guarded_before(connection: BaseDatabaseWrapper, present: set[str]) -> set[str]:
    """Tables whose triggers were installed in this database at some time."""
    if LEDGER not in present:
        return set()
    return set(_ledger().objects.using(connection.alias).values_list("name", flat=True))


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


def missing_triggers(connection: BaseDatabaseWrapper) -> tuple[list[str], list[str]]:
    """Names of the triggers that someone dropped or changed, and of those that the next migrate will install first.

    A table that becomes append-only by an upgrade has none yet, and that upgrade must be able to run.
    """
    present = set(connection.introspection.table_names())
    before, standing = guarded_before(connection, present), standing_triggers(connection)
    dropped: list[str] = []
    to_come: list[str] = []
    for table in append_only_tables():
        if table in present:
            names = {_name(table, verb) for verb in VERBS[connection.vendor]} - standing
            (dropped if table in before else to_come).extend(sorted(names))
    return dropped, to_come


def check_triggers(app_configs: Any = None, databases: Any = None, **kwargs: Any) -> list[CheckMessage]:
    """System check (tag `database`): every append-only table has its triggers, and they are ours."""
    problems: list[CheckMessage] = []
    for alias in databases or []:
        try:
            dropped, to_come = missing_triggers(connections[alias])
        except OperationalError:
            continue  # no database yet: migrate makes it
        for kind, names, number in ((Error, dropped, "E001"), (Warning, to_come, "W001")):
            if names:
                problems.append(
                    kind(
                        f"Append-only triggers are missing or changed in database {alias!r}: {', '.join(names)}",
                        hint="Find out who dropped or changed them, then run `python manage.py migrate "
                        "--skip-checks`, which installs them."
                        if kind is Error
                        else "Run `python manage.py migrate`, which installs them.",
                        id=f"mammo.{number}",
                    )
                )
    return problems


def require_triggers(using: str = DEFAULT_DB_ALIAS) -> None:
    """Let a web or worker process start only with the triggers in place.

    Raises:
        SystemExit: some are missing or changed; names them and the mend.
    """
    problems = check_triggers(databases=[using])
    if problems:
        raise SystemExit(f"{problems[0].msg} {problems[0].hint}")


def connect_signals() -> None:
    """Called once from CoreConfig.ready()."""
    post_migrate.connect(_after_migrate, dispatch_uid="mammo.core.append_only")
    connection_created.connect(_on_connect, dispatch_uid="mammo.core.append_only")
    register(Tags.database)(check_triggers)
