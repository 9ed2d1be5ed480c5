"""Every judgement of every room, in every way a database knows: refused, on this database."""

import uuid
from typing import Any

import pytest
from django.apps import apps
from django.core.management import CommandError
from django.db import DatabaseError, connection, models, transaction

from annotation.models import Transmission
from mammo.core import append_only
from mammo.core.encryption import EncryptedJSONField, EncryptedTextField
from tests.access.objects import furnish
from tests.evaluation import scene

pytestmark = pytest.mark.django_db
JUDGEMENTS = sorted(
    (model for model in apps.get_models() if getattr(model, "append_only", False)),
    key=lambda model: model._meta.label,
)
# Either of two columns may be empty, not both: this one is filled.
ONE_OF_TWO = {Transmission: "question"}


def statements(table: str, columns: list[str], key: str) -> list[str]:
    """What SQL can do to rows; each on its own."""
    listed = ", ".join(f'"{column}"' for column in columns)
    every = [
        f'UPDATE "{table}" SET "{key}" = "{key}"',
        f'DELETE FROM "{table}"',
        f'DELETE FROM "{table}" WHERE "{key}" IN (SELECT "{key}" FROM "{table}" LIMIT 1)',
    ]  # fmt: skip
    if connection.vendor == "sqlite":
        return [
            *every,
            f'INSERT OR REPLACE INTO "{table}" ({listed}) SELECT {listed} FROM "{table}" LIMIT 1',
            f'REPLACE INTO "{table}" ({listed}) SELECT {listed} FROM "{table}" LIMIT 1',
            f'UPDATE OR REPLACE "{table}" SET "{key}" = "{key}"',
            f'INSERT INTO "{table}" ({listed}) SELECT {listed} FROM "{table}" WHERE true LIMIT 1 '
            f'ON CONFLICT ("{key}") DO UPDATE SET "{key}" = excluded."{key}"',
        ]
    return [
        *every,
        f'TRUNCATE "{table}" CASCADE',
        f'INSERT INTO "{table}" ({listed}) SELECT {listed} FROM "{table}" LIMIT 1 '
        f'ON CONFLICT ("{key}") DO UPDATE SET "{key}" = excluded."{key}"',
    ]


def written(model: type[models.Model]) -> models.Model:
    """A row of this model about the rows that are there; the least that it must hold."""
    values: dict[str, Any] = {}
    for field in model._meta.concrete_fields:
        may_lack = field.null and field.name != ONE_OF_TWO.get(model)
        if field.primary_key or may_lack or field.has_default() or getattr(field, "auto_now_add", False):
            continue
        if field.is_relation:
            about = field.related_model
            assert isinstance(about, type)
            values[field.name] = about._base_manager.first() or written(about)
        else:
            values[field.name] = _least(field)
    row = model(**values)
    row.save(force_insert=True)
    return row


def _least(field: Any) -> Any:
    if field.choices:
        return field.choices[0][0]
    if isinstance(field, models.UUIDField):
        return uuid.uuid4()
    if isinstance(field, models.BooleanField):
        return True
    if isinstance(field, models.IntegerField | models.FloatField):
        return 1
    if isinstance(field, models.JSONField | EncryptedJSONField):
        return {"a": 1}
    assert isinstance(field, models.CharField | models.TextField | EncryptedTextField), field
    return "x"


def plain_first(model: type[models.Model]) -> list[Any]:
    """Its columns, those that point at other rows last."""
    return sorted(model._meta.concrete_fields, key=lambda field: field.is_relation)


@pytest.fixture
def furnished(site: Any) -> None:
    """A hospital's rows, and one of every judgement of which the scene makes none."""
    roles = {"june": "junior", "jack": "junior", "sena": "senior", "sol": "senior", "rita": "researcher"}
    furnish(site, {name: scene.person(site, name.title(), role) for name, role in roles.items()})
    for model in JUDGEMENTS:
        if not model._base_manager.exists():
            written(model)


def test_no_statement_and_no_call_changes_any_judgement(furnished: None) -> None:
    tried, meant = 0, 0
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
    for model in JUDGEMENTS:
        rows = list(model._base_manager.all()[:1])
        assert rows, f"{model._meta.label}: no row to try it on"
        before = list(model._base_manager.order_by("pk").values_list())
        columns = [field.column for field in model._meta.concrete_fields]
        key = model._meta.pk.column  # type: ignore[union-attr]
        calls: list[Any] = [
            lambda row=rows[0]: row.save(),
            lambda row=rows[0]: row.delete(),
            lambda model=model, row=rows[0]: model._base_manager.update(**{model._meta.pk.name: row.pk}),
            lambda model=model: model._base_manager.all()._raw_delete("default"),
            lambda model=model, row=rows[0]: model._base_manager.bulk_update(
                [row], [next(f.name for f in plain_first(model) if not f.primary_key)]
            ),
        ]  # fmt: skip
        for statement in statements(model._meta.db_table, columns, key):
            calls.append(lambda statement=statement: connection.cursor().execute(statement))
        meant += 5 + len(statements(model._meta.db_table, columns, key))
        for call in calls:
            with pytest.raises((DatabaseError, TypeError)) as caught, transaction.atomic():
                call()
            refused = "refused: " in str(caught.value) or "encrypted per patient" in str(caught.value)
            # PostgreSQL: a foreign key may speak first where rows are pointed at.
            assert (
                refused or "foreign key" in str(caught.value) or "protected" in str(caught.value).lower()
            ), caught.value
            tried += 1
        assert list(model._base_manager.order_by("pk").values_list()) == before, model._meta.label
    assert tried == meant
    assert len(JUDGEMENTS) >= 23


def test_a_process_does_not_start_without_the_triggers(db: None) -> None:
    table = append_only.append_only_tables()[0]
    name = f"append_only_{table}_delete"
    on = f' ON "{table}"' if connection.vendor == "postgresql" else ""
    append_only.require_triggers()
    with connection.cursor() as cursor:
        cursor.execute(f'DROP TRIGGER "{name}"{on}')
    with pytest.raises((SystemExit, CommandError), match=name):
        append_only.require_triggers()
