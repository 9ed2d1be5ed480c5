"""Judgements are written once, whatever asks the database: the ORM, raw SQL, bulk, REPLACE, TRUNCATE."""

from collections.abc import Callable
from typing import Any

import pytest
from django.apps import apps
from django.core.checks import Tags, run_checks
from django.core.management import call_command
from django.core.management.base import SystemCheckError
from django.db import DatabaseError, connection, models, transaction

from mammo.accounts import audit
from mammo.accounts.models import AuditEvent
from mammo.core import append_only
from mammo.core.models import GuardedTable
from mammo.jobs import chores

pytestmark = pytest.mark.django_db
TABLE = AuditEvent._meta.db_table
on_sqlite = pytest.mark.skipif("connection.vendor != 'sqlite'", reason="SQLite's own syntax")
on_postgresql = pytest.mark.skipif("connection.vendor != 'postgresql'", reason="PostgreSQL's own syntax")


@pytest.fixture
def event(db: None) -> AuditEvent:
    return audit.record("tests.judged", by_user=None, value=1)


def sql(statement: str, *parameters: Any) -> Callable[[AuditEvent], None]:
    def run(event: AuditEvent) -> None:
        with connection.cursor() as cursor:
            cursor.execute(statement, parameters)

    return run


def save_again(event: AuditEvent) -> None:
    event.action = "tests.changed"
    event.save()


def bulk_update(event: AuditEvent) -> None:
    event.action = "tests.changed"
    AuditEvent.objects.bulk_update([event], ["action"])


def upsert(event: AuditEvent) -> None:
    event.action = "tests.changed"
    AuditEvent.objects.bulk_create(
        [event], update_conflicts=True, update_fields=["action"], unique_fields=["id"]
    )


CHANGES: dict[str, Callable[[AuditEvent], Any]] = {
    "save": save_again,
    "update": lambda event: AuditEvent.objects.update(action="tests.changed"),
    "bulk_update": bulk_update,
    "upsert": upsert,
    "delete": lambda event: event.delete(),
    "queryset delete": lambda event: AuditEvent.objects.all().delete(),
    "raw delete": lambda event: AuditEvent.objects.all()._raw_delete("default"),
    "raw UPDATE": sql(f"UPDATE {TABLE} SET action = 'tests.changed'"),
    "raw DELETE": sql(f"DELETE FROM {TABLE}"),
}


def refused(change: Callable[[AuditEvent], Any], event: AuditEvent) -> None:
    before = list(AuditEvent.objects.values())
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        change(event)
    assert list(AuditEvent.objects.values()) == before


@pytest.mark.parametrize("name", CHANGES)
def test_no_way_of_the_orm_or_sql_changes_a_row(event: AuditEvent, name: str) -> None:
    refused(CHANGES[name], event)


@on_sqlite
@pytest.mark.parametrize("verb", ["INSERT OR REPLACE", "REPLACE"])
def test_sqlites_replace_passes_no_trigger_by(event: AuditEvent, verb: str) -> None:
    columns = ", ".join(f'"{field.column}"' for field in AuditEvent._meta.concrete_fields)
    refused(sql(f"{verb} INTO {TABLE} ({columns}) SELECT {columns} FROM {TABLE}"), event)


@on_sqlite
@pytest.mark.parametrize("key", [None, "NULL"])
def test_a_connection_that_is_not_ours_replaces_nothing(event: AuditEvent, key: str | None) -> None:
    """Without the pragma, SQLite deletes the row that stands in the way and asks no trigger of DELETE.

    With its own key, or as a new row that shares another unique value with it.
    """
    fields = AuditEvent._meta.concrete_fields
    assert any(field.unique and not field.primary_key for field in fields)
    columns = ", ".join(f'"{field.column}"' for field in fields)
    values = ", ".join(key if key and field.primary_key else f'"{field.column}"' for field in fields)
    sql("PRAGMA recursive_triggers = OFF")(event)
    try:
        refused(sql(f"INSERT OR REPLACE INTO {TABLE} ({columns}) SELECT {values} FROM {TABLE}"), event)
    finally:
        sql("PRAGMA recursive_triggers = ON")(event)


@on_sqlite
def test_every_connection_has_recursive_triggers(db: None) -> None:
    connection.close() if not connection.in_atomic_block else None
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA recursive_triggers")
        assert cursor.fetchone() == (1,)


@on_postgresql
@pytest.mark.parametrize("statement", [f"TRUNCATE {TABLE}", f"TRUNCATE {TABLE} CASCADE"])
def test_truncate_is_refused(event: AuditEvent, statement: str) -> None:
    sql("SET CONSTRAINTS ALL IMMEDIATE")(event)  # or PostgreSQL refuses for a reason of its own
    refused(sql(statement), event)


def test_a_new_row_is_welcome(event: AuditEvent) -> None:
    audit.record("tests.judged", by_user=None, value=2)
    assert AuditEvent.objects.count() == 2


def test_every_judgement_has_all_its_triggers(db: None) -> None:
    tables = append_only.append_only_tables()
    named = {
        apps.get_model(label)._meta.db_table
        for label in ("accounts.AuditEvent", "annotation.Correction", "annotation.Pick", "evaluation.Score")
    }
    assert named <= set(tables)
    assert append_only.standing_triggers(connection) == append_only.expected_triggers(connection)
    guards = sum(len(getattr(model, "guards", ())) for model in apps.get_models())
    assert guards >= 3
    verbs = len(append_only.VERBS[connection.vendor]) + (
        connection.vendor == "sqlite"
    )  # one against replacing
    assert len(append_only.expected_triggers(connection)) == len(tables) * verbs + guards


def database_errors() -> list[str]:
    return [f"{found.id} {found.msg}" for found in run_checks(tags=[Tags.database], databases=["default"])]


def drop(name: str, table: str = TABLE) -> None:
    on = f' ON "{table}"' if connection.vendor == "postgresql" else ""
    with connection.cursor() as cursor:
        cursor.execute(f'DROP TRIGGER "{name}"{on}')


@pytest.mark.parametrize("verb", ["update", "delete"])
def test_the_start_up_check_names_a_trigger_that_is_gone(db: None, verb: str) -> None:
    assert not [error for error in database_errors() if error.startswith("mammo.E001")]
    drop(f"append_only_{TABLE}_{verb}")
    (error,) = [error for error in database_errors() if error.startswith("mammo.E001")]
    assert f"append_only_{TABLE}_{verb}" in error


@on_postgresql
def test_a_disabled_trigger_counts_as_gone(db: None) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"ALTER TABLE {TABLE} DISABLE TRIGGER append_only_{TABLE}_update")
    assert [error for error in database_errors() if error.startswith("mammo.E001")]


@on_postgresql
@pytest.mark.parametrize(("state", "stands"), [("REPLICA", False), ("ALWAYS", True)])
def test_a_trigger_that_fires_for_replicas_alone_counts_as_gone(db: None, state: str, stands: bool) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"ALTER TABLE {TABLE} ENABLE {state} TRIGGER append_only_{TABLE}_update")
    assert (not [error for error in database_errors() if error.startswith("mammo.E001")]) is stands


def hollow(how: str) -> None:
    """Put a trigger of the right name in place that lets changes pass."""
    name = f"append_only_{TABLE}_update"
    statements = {
        "empty": [f'CREATE TRIGGER "{name}" BEFORE UPDATE ON "{TABLE}" BEGIN SELECT 1; END'],
        "one column": [
            f'CREATE TRIGGER "{name}" BEFORE UPDATE OF "reason" ON "{TABLE}" BEGIN '
            "SELECT RAISE(ABORT, 'append-only'); END"
        ],
        "another table": [
            f'CREATE TRIGGER "{name}" BEFORE UPDATE ON "accounts_audithead" BEGIN '
            "SELECT RAISE(ABORT, 'append-only'); END"
        ],
        "function": [
            f"CREATE OR REPLACE FUNCTION {append_only.FUNCTION}() RETURNS trigger LANGUAGE plpgsql "
            "AS $$ BEGIN RETURN NEW; END $$"
        ],
        "condition": [
            f'CREATE TRIGGER "{name}" BEFORE UPDATE ON "{TABLE}" FOR EACH ROW WHEN (false) '
            f"EXECUTE FUNCTION {append_only.FUNCTION}()"
        ],
        "another function": [
            "CREATE FUNCTION tests_let_pass() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$",
            f'CREATE TRIGGER "{name}" BEFORE UPDATE ON "{TABLE}" FOR EACH ROW EXECUTE FUNCTION tests_let_pass()',
        ],
    }
    if how != "function":
        drop(name)
    with connection.cursor() as cursor:
        for statement in statements[how]:
            cursor.execute(statement)


@pytest.mark.parametrize(
    "how",
    [
        *(pytest.param(how, marks=on_sqlite) for how in ("empty", "one column", "another table")),
        *(pytest.param(how, marks=on_postgresql) for how in ("function", "condition", "another function")),
    ],
)
def test_a_trigger_that_lets_changes_pass_is_found_by_what_it_does_and_mended(
    event: AuditEvent, how: str
) -> None:
    hollow(how)
    with transaction.atomic():
        AuditEvent.objects.update(action="tests.changed")
        transaction.set_rollback(True)
    (error,) = [error for error in database_errors() if error.startswith("mammo.E001")]
    assert f"append_only_{TABLE}_update" in error
    with pytest.raises(SystemExit, match=f"append_only_{TABLE}_update"):
        append_only.require_triggers()
    append_only.install(connection)
    append_only.require_triggers()
    refused(save_again, event)


@pytest.mark.django_db(transaction=True)
def test_a_migration_that_rebuilds_the_table_keeps_the_triggers() -> None:
    """SQLite makes a new table for a changed column and drops the old one with its triggers."""
    old = AuditEvent._meta.get_field("reason")
    new = models.CharField(max_length=501, blank=True)
    new.set_attributes_from_name("reason")
    new.model = AuditEvent
    event = audit.record("tests.judged", by_user=None)
    with (
        append_only.lifted() if connection.vendor == "postgresql" else connection.constraint_checks_disabled()
    ):
        for before, after in ((old, new), (new, old)):
            with connection.schema_editor() as editor:
                editor.alter_field(AuditEvent, before, after, strict=False)
    call_command("migrate", verbosity=0, interactive=False)  # nothing to apply: post_migrate alone
    assert append_only.standing_triggers(connection) == append_only.expected_triggers(connection)
    refused(save_again, event)


@pytest.mark.django_db(transaction=True)
@on_sqlite
def test_the_rebuild_really_drops_them() -> None:
    """If this ever fails, SQLite or Django keeps triggers by itself and the life cycle can be simpler."""
    field = AuditEvent._meta.get_field("reason")
    new = models.CharField(max_length=501, blank=True)
    new.set_attributes_from_name("reason")
    new.model = AuditEvent
    try:
        with connection.constraint_checks_disabled(), connection.schema_editor() as editor:
            editor.alter_field(AuditEvent, field, new, strict=False)
        gone = append_only.expected_triggers(connection) - append_only.standing_triggers(connection)
        assert gone == {f"append_only_{TABLE}_{each}" for each in ("update", "delete", "replace")}
    finally:
        with connection.constraint_checks_disabled(), connection.schema_editor() as editor:
            editor.alter_field(AuditEvent, new, field, strict=False)
        append_only.install(connection)


@pytest.mark.django_db(transaction=True)
def test_an_upgrade_that_makes_a_table_append_only_can_run() -> None:
    """Such a table has no triggers yet: migrate, with its checks, must install them and not refuse."""
    GuardedTable.objects.filter(name=TABLE).delete()
    for verb in append_only.VERBS[connection.vendor]:
        drop(f"append_only_{TABLE}_{verb.lower()}")
    guard = "append_only_archive_splitmembership_insert"
    drop(guard, "archive_splitmembership")
    assert any(guard in error for error in database_errors() if error.startswith("mammo.E001"))
    GuardedTable.objects.filter(name=guard).delete()
    assert not [error for error in database_errors() if error.startswith("mammo.E001")]
    assert [error for error in database_errors() if error.startswith("mammo.W001")]
    with pytest.raises(SystemExit, match=r"manage\.py migrate"):
        append_only.require_triggers()
    call_command("migrate", verbosity=0, interactive=False, skip_checks=False)
    assert append_only.standing_triggers(connection) == append_only.expected_triggers(connection)
    append_only.require_triggers()


@pytest.mark.django_db(transaction=True)
def test_migrate_refuses_where_a_trigger_was_dropped_until_told_otherwise() -> None:
    drop(f"append_only_{TABLE}_update")
    with pytest.raises(SystemCheckError, match="E001"):
        call_command("migrate", verbosity=0, interactive=False, skip_checks=False)
    call_command("migrate", verbosity=0, interactive=False, skip_checks=True)
    append_only.require_triggers()


def test_triggers_that_are_dropped_while_the_platform_runs_are_told_within_the_hour(
    caplog: pytest.LogCaptureFixture,
) -> None:
    assert chores.do_chores()["jobs.triggers"] == 0
    drop(f"append_only_{TABLE}_update")
    assert chores.do_chores()["jobs.triggers"] == 1
    assert f"append_only_{TABLE}_update" in caplog.text
    assert AuditEvent.objects.filter(action="jobs.triggers_missing").count() == 1
