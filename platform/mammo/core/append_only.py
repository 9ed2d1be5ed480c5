"""Database triggers that refuse to change a judgement or what is frozen, on SQLite and PostgreSQL, and their life cycle.

A model says `append_only = True` (its rows are written once), or `guards` (what is refused unless a row is open).

SQLite drops triggers silently when a migration rebuilds a table, and INSERT OR REPLACE passes those of DELETE
unless `PRAGMA recursive_triggers` is on: so they are installed after every migrate and checked at start-up, the
pragma is set on every connection, and a trigger of INSERT refuses what would replace a row, for connections that
are not ours (docs/decisions/0004-append-only.md).
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from django.apps import apps
from django.core.checks import CheckMessage, Error, Tags, Warning, register  # noqa: A004
from django.db import DEFAULT_DB_ALIAS, connections, models
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.signals import connection_created
from django.db.models.signals import post_migrate
from django.db.utils import InterfaceError, OperationalError

FUNCTION = "mammo_refuse_change"
LEDGER = "core_guardedtable"
# What the function of PostgreSQL's triggers does, as the database keeps it.
BODY = " BEGIN RAISE EXCEPTION '% on % refused: its rows are append-only', TG_OP, TG_TABLE_NAME; END "
# How long a process that starts waits for a database that is away.
PATIENCE_SECONDS, PAUSE_SECONDS = 60.0, 2.0
VERBS = {"sqlite": ("UPDATE", "DELETE"), "postgresql": ("UPDATE", "DELETE", "TRUNCATE")}


@dataclass(frozen=True)
class Guard:
    """What a table's triggers refuse.

    Attributes:
        verb: INSERT, UPDATE or DELETE of a row.
        unless: a SELECT over NEW or OLD that finds a row where the verb is allowed.
        says: why it is refused.
        waits: PostgreSQL locks the row that was found, so that nobody freezes it at the same moment.
    """

    verb: str
    unless: str
    says: str
    waits: bool = False


@dataclass(frozen=True)
class _Trigger:
    """One trigger that must stand."""

    table: str
    verb: str
    guard: Guard | None = None
    suffix: str = ""

    @property
    def name(self) -> str:
        return _name(self.table, self.suffix or self.verb)

    @property
    def installed_as(self) -> str:
        """Key in the ledger: of a guard its own, since it may come to a table that was append-only before."""
        return self.name if self.guard else self.table

    @property
    def function(self) -> str:
        """Name of PostgreSQL's function behind it."""
        return f"mammo_guard_{self.table}_{self.verb.lower()}" if self.guard else FUNCTION

    @property
    def body(self) -> str:
        """What that function does, as the database keeps it."""
        if self.guard is None:
            return BODY
        looked = self.guard.unless.removeprefix("SELECT ") + (" FOR SHARE" if self.guard.waits else "")
        row = "OLD" if self.verb == "DELETE" else "NEW"
        return (
            f" BEGIN PERFORM {looked}; IF NOT FOUND THEN RAISE EXCEPTION '% on % refused: {self.guard.says}', "
            f"TG_OP, TG_TABLE_NAME; END IF; RETURN {row}; END "
        )

    def create_sql(self, vendor: str) -> str:
        """The statement that makes it where it is missing."""
        if vendor == "sqlite":
            says = self.guard.says if self.guard else "its rows are append-only"
            when = f"WHEN NOT EXISTS ({self.guard.unless}) " if self.guard else ""
            return (
                f'CREATE TRIGGER IF NOT EXISTS "{self.name}" BEFORE {self.verb} ON "{self.table}" {when}BEGIN '
                f"SELECT RAISE(ABORT, '{self.verb} on {self.table} refused: {says}'); END"
            )
        level = "STATEMENT" if self.verb == "TRUNCATE" else "ROW"
        return (
            f'CREATE OR REPLACE TRIGGER "{self.name}" BEFORE {self.verb} ON "{self.table}" '
            f"FOR EACH {level} EXECUTE FUNCTION {self.function}()"
        )

    def kept_sql(self, vendor: str) -> str:
        """The same as the database keeps it."""
        if vendor == "sqlite":
            return self.create_sql(vendor).replace("IF NOT EXISTS ", "")
        return self.create_sql(vendor).replace("OR REPLACE ", "").replace('"', "")


def _triggers(vendor: str) -> list[_Trigger]:
    plain = [_Trigger(table, verb) for table in append_only_tables() for verb in VERBS[vendor]]
    if vendor == "sqlite":
        plain += [_against_replacing(model) for model in _append_only_models()]
    guarded = [
        _Trigger(model._meta.db_table, guard.verb, guard)
        for model in sorted(apps.get_models(), key=lambda each: each._meta.db_table)
        for guard in getattr(model, "guards", ())
    ]
    return plain + guarded


def _against_replacing(model: type[models.Model]) -> _Trigger:
    """Refuses an INSERT that names a row's key again: on SQLite it may say OR REPLACE, which would delete that row.

    Unique constraints with a condition are left out: there the pragma of our own connections stands alone.
    """
    table = model._meta.db_table
    columns = [[field.column] for field in model._meta.local_concrete_fields if field.unique]
    together = [*model._meta.unique_together, *(one.fields for one in model._meta.total_unique_constraints)]
    own = {field.name: field.column for field in model._meta.local_concrete_fields}
    columns += [[own[name] for name in names] for names in together if names]
    met = " OR ".join(
        "(" + " AND ".join(f'"{column}" = NEW."{column}"' for column in each) + ")" for each in columns
    )
    unless = f'SELECT 1 WHERE NOT EXISTS (SELECT 1 FROM "{table}" WHERE {met})'  # noqa: S608  (names of our own models)
    return _Trigger(table, "INSERT", Guard("INSERT", unless, "its rows are append-only"), suffix="replace")


def _append_only_models() -> list[type[models.Model]]:
    marked = (model for model in apps.get_models() if getattr(model, "append_only", False))
    return sorted(marked, key=lambda each: each._meta.db_table)


def append_only_tables() -> list[str]:
    """Tables whose rows are written once: models with `append_only = True`."""
    return [model._meta.db_table for model in _append_only_models()]


def _name(table: str, verb: str) -> str:
    return f"append_only_{table}_{verb.lower()}"


def expected_triggers(connection: BaseDatabaseWrapper) -> set[str]:
    """Names of the triggers that must stand in this database."""
    return {trigger.name for trigger in _triggers(connection.vendor)}


def standing_triggers(connection: BaseDatabaseWrapper) -> set[str]:
    """Names of the append-only triggers that stand in this database: enabled, and doing what ours do.

    A trigger of the right name on another table, for some columns only, or that lets changes pass does not stand.
    """
    written, wanted = _written_triggers(connection), _triggers(connection.vendor)
    functions = _standing_functions(connection, wanted)
    return {
        trigger.name
        for trigger in wanted
        if written.get(trigger.name) == trigger.kept_sql(connection.vendor) and trigger.function in functions
    }


def _written_triggers(connection: BaseDatabaseWrapper) -> dict[str, str]:
    """SQL of each append-only trigger by its name, as the database keeps it; none that doesn't fire."""
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute(
                "SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND name LIKE 'append_only_%%'"
            )
            return dict(cursor.fetchall())
        # Enabled for ordinary sessions (O) or always (A): those for replicas alone (R) don't fire.
        cursor.execute(
            "SELECT tgname, replace(pg_get_triggerdef(t.oid), quote_ident(n.nspname) || '.', '') "
            "FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_namespace n ON n.oid = c.relnamespace "
            "WHERE tgname LIKE 'append_only_%%' AND tgenabled IN ('O', 'A') AND n.nspname = current_schema()"
        )
        return {name: sql.replace('"', "") for name, sql in cursor.fetchall()}


def _standing_functions(connection: BaseDatabaseWrapper, triggers: list[_Trigger]) -> set[str]:
    """Names of the functions behind these triggers that do what ours do; SQLite needs none."""
    bodies = {trigger.function: trigger.body for trigger in triggers}
    if connection.vendor == "sqlite":
        return set(bodies)
    expected = "CREATE OR REPLACE FUNCTION {0}.{1}()\n RETURNS trigger\n LANGUAGE plpgsql\nAS $function${2}$function$\n"
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT p.proname, pg_get_functiondef(p.oid), n.nspname FROM pg_proc p "
            "JOIN pg_namespace n ON n.oid = p.pronamespace "
            "WHERE p.proname = ANY(%s) AND n.nspname = current_schema()",
            [list(bodies)],
        )
        return {
            name
            for name, written, schema in cursor.fetchall()
            if written.replace('"', "") == expected.format(schema, name, bodies[name])
        }


def install(connection: BaseDatabaseWrapper) -> None:
    """Create the triggers that are missing, and anew those that don't do what they should.

    Tables that don't exist yet are left for the next migrate.
    """
    present = set(connection.introspection.table_names())
    hollow = _written_triggers(connection).keys() - standing_triggers(connection)
    with connection.cursor() as cursor:
        wanted = [trigger for trigger in _triggers(connection.vendor) if trigger.table in present]
        if connection.vendor == "postgresql":
            for function, body in sorted({(trigger.function, trigger.body) for trigger in wanted}):
                cursor.execute(
                    f"CREATE OR REPLACE FUNCTION {function}() RETURNS trigger LANGUAGE plpgsql AS $${body}$$"
                )
        for trigger in wanted:
            if connection.vendor == "sqlite" and trigger.name in hollow:
                cursor.execute(f'DROP TRIGGER "{trigger.name}"')
            cursor.execute(trigger.create_sql(connection.vendor))
    if LEDGER in present:
        rows = _ledger().objects.using(connection.alias)
        keys = sorted({trigger.installed_as for trigger in wanted})
        rows.bulk_create([_ledger()(name=key) for key in keys], ignore_conflicts=True)


def _ledger() -> Any:
    return apps.get_app_config("core").get_model("GuardedTable")


def guarded_before(connection: BaseDatabaseWrapper, present: set[str]) -> set[str]:
    """What of the ledger was installed in this database at some time: tables, and triggers of guards by name."""
    if LEDGER not in present:
        return set()
    return set(_ledger().objects.using(connection.alias).values_list("name", flat=True))


def remove(connection: BaseDatabaseWrapper) -> None:
    """Drop the triggers; only for test flushes and for migrations that must rebuild a table."""
    with connection.cursor() as cursor:
        for trigger in _triggers(connection.vendor):
            on = f' ON "{trigger.table}"' if connection.vendor == "postgresql" else ""
            cursor.execute(f'DROP TRIGGER IF EXISTS "{trigger.name}"{on}')


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
    for trigger in _triggers(connection.vendor):
        if trigger.table in present and trigger.name not in standing:
            (dropped if trigger.installed_as in before else to_come).append(trigger.name)
    return dropped, to_come


def check_triggers(app_configs: Any = None, databases: Any = None, **kwargs: Any) -> list[CheckMessage]:
    """System check (tag `database`): every append-only table has its triggers, and they are ours."""
    problems: list[CheckMessage] = []
    for alias in databases or []:
        try:
            problems += problems_of(alias)
        except OperationalError:
            continue  # no database yet: migrate makes it
    return problems


def problems_of(alias: str) -> list[CheckMessage]:
    """What is wrong with the triggers of this database.

    Raises:
        OperationalError: it can't be asked.
    """
    dropped, to_come = missing_triggers(connections[alias])
    problems: list[CheckMessage] = []
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
    """Let a process of the platform start only with the triggers in place; a database that is away is waited for.

    Raises:
        SystemExit: some are missing or changed, or the database can't be asked; names them and the mend.
    """
    until = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            problems = problems_of(using)
            break
        except (OperationalError, InterfaceError) as error:
            connections[using].close_if_unusable_or_obsolete()
            if time.monotonic() >= until:
                raise SystemExit(
                    f"The database {using!r} can't be asked for its append-only triggers "
                    f"({' '.join(str(error).split())}): start it, or mend DATABASE_URL, then start this again."
                ) from None
            time.sleep(PAUSE_SECONDS)
    if problems:
        raise SystemExit(f"{problems[0].msg} {problems[0].hint}")


def connect_signals() -> None:
    """Called once from CoreConfig.ready()."""
    post_migrate.connect(_after_migrate, dispatch_uid="mammo.core.append_only")
    connection_created.connect(_on_connect, dispatch_uid="mammo.core.append_only")
    register(Tags.database)(check_triggers)
