"""What fixtures make in the database and the home folder is made twice in a process and put back from then on.

Four tenths of the suite's time in some rooms went into making the same sites, people, campaigns and trials again for
each test through the platform's services (docs/log.md). The second time a fixture is set up on the same ground its
rows and files are kept; later tests find the same rows, byte for byte, in a transaction and a home folder of their own.
Tests share nothing by that: what one changes is gone with it, as ever.

The ground is what stands before a fixture: the fixtures put up before it, in order, on a database that nobody else has
written to, with these settings, environment, language and patches. Whatever else writes, or a process that is started,
ends it: from there on a test's fixtures are made as ever. Fixtures that yield, that take more than the database and
such fixtures' values, or that give something else than rows and plain values are always made.

`--nothing-restored` makes everything for each test.
"""

import contextlib
import dataclasses
import datetime
import io
import itertools
import os
import pickle
import re
import sys
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.conf import UserSettingsHolder, settings
from django.db import DatabaseError, connection, models, transaction
from django.db.backends.signals import connection_created
from django.utils import translation

from tests.selection import touches_database

OPTION = "--nothing-restored"
# Rows tell when they were made, and leases run from there: after so long they are made anew.
SECONDS_KEPT = 300.0
LARGEST_FILE = 4 << 20
DATABASE = frozenset({"db", "transactional_db"})
PLAIN = (
    type(None),
    bool,
    int,
    float,
    str,
    bytes,
    uuid.UUID,
    Decimal,
    datetime.date,
    datetime.timedelta,
    Path,
)
READS = re.compile(r"\s*(?:SELECT|SAVEPOINT|RELEASE|BEGIN|COMMIT|PRAGMA|SET|SHOW|EXPLAIN)\b", re.IGNORECASE)
WRITES = re.compile(r'\s*(?:INSERT\s+(?:OR\s+\w+\s+)?INTO|UPDATE|DELETE\s+FROM)\s+"?(\w+)"?', re.IGNORECASE)
# What conftest.py patches for every test.
PATCHED = frozenset({"standing_views", "display_of", "needs_description", "hindrance"})

Rows = dict[str, dict[Any, Any]]
# Statements with the rows of each: a transaction of them brings back what a fixture did.
Statements = list[tuple[str, list[Any]]]


class NotKeptError(Exception):
    """What this fixture does can't be kept."""


@dataclasses.dataclass(frozen=True)
class Change:
    """What one fixture did.

    Args:
        number: no other has it.
        made: when, on the monotonic clock.
        seen: size of each file before it, by place in the home folder.
        statements: what to send to the database.
        files: content and mode of each new or changed file; None: gone.
        values: its result, and the rows its test already held as it left them, pickled.
    """

    number: int
    made: float
    seen: dict[str, int]
    statements: Statements
    files: dict[str, tuple[bytes, int] | None]
    values: bytes


class Restored:
    """One process's kept fixtures, and where its running test stands."""

    def __init__(self) -> None:
        self.tables: dict[Any, frozenset[str] | None] = {}  # what a fixture writes to; None: it can't be kept
        self.kept: dict[Any, Change] = {}
        self.numbers = itertools.count(1)
        self.flushed = False
        self.path: tuple[Any, ...] | None = None  # fixtures put up so far; None: others have written too
        self.values: dict[str, Any] = {}
        self.touched: set[str] | None = None
        self.busy = False
        self.restored = 0

    def begin(self, *, with_database: bool) -> None:
        """A test begins on the database as it was migrated, or as it was emptied."""
        self.path, self.values = () if with_database else None, {}

    def written(self, sql: str) -> None:
        """A statement is sent."""
        if self.busy or READS.match(sql):
            return
        table = WRITES.match(sql)
        if self.touched is not None and table and table[1] in _models():
            self.touched.add(table[1])
        else:
            self.path = None

    def set_up(self, fixture: Any, request: Any, make: Callable[..., Any], values: Mapping[str, Any]) -> Any:
        """A fixture's value: put back where it was kept, else made, and kept if it was made like this before."""
        ground = self._ground(request, values)
        if ground is None:
            return make(**values)
        name = (make, repr(getattr(request, "param", "")), *(repr(values[each]) for each in _plain(values)))
        logical = (ground, tuple(each for each, _ in self.path or ()), name)
        change = self.kept.get((ground, self.path, name))
        if change is not None and time.monotonic() - change.made < SECONDS_KEPT:
            with contextlib.suppress(NotKeptError):
                result = self._put_back(change)
                self._stand(fixture.argname, name, change.number, result)
                self.restored += 1
                return result
            self.path = None
            return make(**values)
        if self.tables.get(logical, ()) is None:
            result = make(**values)
            self.path = None
            return result
        return self._make(fixture, make, values, (ground, name, logical))

    def _make(self, fixture: Any, make: Callable[..., Any], values: Mapping[str, Any], key: Any) -> Any:
        ground, name, logical = key
        path, known = self.path, self.tables.get(logical)
        before = None if known is None else (_rows(known), _files())
        self.touched = set()
        try:
            result = make(**values)
            touched = frozenset(self.touched)
        finally:
            self.touched = None
        number = next(self.numbers)
        try:
            if self.path != path or not _is_data(result):
                raise NotKeptError
            if not touched and isinstance(result, PLAIN):
                return result  # a plain value tells itself to whoever takes it
            if before is not None and known is not None and touched <= known:
                self.kept[ground, path, name] = self._change(number, before, known, result)
            self.tables[logical] = touched | (known or frozenset())
        except NotKeptError:
            if touched or self.path != path:
                self.tables[logical] = self.path = None
            return result
        self._stand(fixture.argname, name, number, result)
        return result

    def _stand(self, argument: str, name: Any, number: int, result: Any) -> None:
        self.path = (*(self.path or ()), (name, number))
        self.values[argument] = result

    def _ground(self, request: Any, values: Mapping[str, Any]) -> Any:
        """What stands beside the fixtures of the path; None where that can't be told."""
        if self.path is None or self.touched is not None or request.instance is not None:
            return None
        for name, value in values.items():
            known = name in DATABASE or isinstance(value, PLAIN)
            if not known and (name not in self.values or self.values[name] is not value):
                return None
        patches = _patches(request.getfixturevalue("monkeypatch"))
        if patches is None:
            return None
        environment = hash(frozenset(each for each in os.environ.items() if each[0] != "PYTEST_CURRENT_TEST"))
        language = translation.get_language()
        return self.flushed, connection.in_atomic_block, patches, environment, language, _overrides()

    def _change(self, number: int, before: tuple[Rows, Any], tables: frozenset[str], result: Any) -> Change:
        rows_before, files_before = before
        statements: Statements = []
        for table, found in _rows(tables).items():
            statements += _statements(_models()[table], rows_before[table], found)
        home = Path(settings.MAMMO_HOME)
        if str(home) in repr(statements):
            raise NotKeptError  # a row names this test's folder
        files: dict[str, tuple[bytes, int] | None] = {}
        after = _files()
        for place, stat in after.items():
            if files_before.get(place) != stat:
                if stat[0] > LARGEST_FILE:
                    raise NotKeptError
                files[place] = ((home / place).read_bytes(), (home / place).stat().st_mode & 0o777)
        files |= {place: None for place in files_before if place not in after}
        seen = {place: stat[0] for place, stat in files_before.items()}
        return Change(number, time.monotonic(), seen, statements, files, _pickled(self._held(), result))

    def _held(self) -> list[models.Model]:
        found: dict[int, models.Model] = {}
        for value in self.values.values():
            for row in _models_in(value):
                found.setdefault(id(row), row)
        return list(found.values())

    def _put_back(self, change: Change) -> Any:
        if {place: stat[0] for place, stat in _files().items()} != change.seen:
            raise NotKeptError
        held = self._held()
        self.busy = True
        try:
            with transaction.atomic():
                _send(change.statements)
        except DatabaseError as error:
            raise NotKeptError from error
        finally:
            self.busy = False
        home = Path(settings.MAMMO_HOME)
        for place, content in change.files.items():
            path = home / place
            path.unlink(missing_ok=True)
            if content is not None:
                path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
                path.write_bytes(content[0])
                path.chmod(content[1])
        states, result = _Unpickler(io.BytesIO(change.values), held).load()
        for row, state in zip(held, states, strict=True):
            row.__dict__.clear()
            row.__dict__.update(state)
        return result


RESTORED = Restored()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option."""
    parser.addoption(OPTION, action="store_true", help="make what fixtures make for each test")


def pytest_configure(config: pytest.Config) -> None:
    """Listen to what is written, unless nothing is to be kept."""
    if not config.getoption(OPTION):
        connection_created.connect(_listen, dispatch_uid="tests.restored")
        sys.addaudithook(_on_event)
        config.pluginmanager.register(_Hooks(), "tests.restored.hooks")


class _Hooks:
    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        RESTORED.begin(with_database=touches_database(item))

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(self, fixturedef: Any, request: Any) -> Iterator[None]:
        make = fixturedef.func
        code = getattr(make, "__code__", None)
        if fixturedef.scope != "function" or code is None or code.co_flags & 0x2A0:  # yields or awaits
            return (yield)
        fixturedef.func = lambda **values: RESTORED.set_up(fixturedef, request, make, values)
        try:
            return (yield)
        finally:
            fixturedef.func = make


def _listen(connection: Any, **kwargs: Any) -> None:
    if _tell not in connection.execute_wrappers:
        connection.execute_wrappers.append(_tell)


def _tell(execute: Callable[..., Any], sql: Any, params: Any, many: bool, context: Any) -> Any:
    RESTORED.written(sql if isinstance(sql, str) else "")
    return execute(sql, params, many, context)


def _on_event(event: str, arguments: tuple[Any, ...]) -> None:
    if event in ("subprocess.Popen", "os.fork"):
        RESTORED.path = None


def _models() -> dict[str, type[models.Model]]:
    if not _MODELS:
        _MODELS.update({each._meta.db_table: each for each in apps.get_models(include_auto_created=True)})
    return _MODELS


_MODELS: dict[str, type[models.Model]] = {}


def _plain(values: Mapping[str, Any]) -> list[str]:
    return [name for name, value in values.items() if name not in DATABASE and isinstance(value, PLAIN)]


def _patches(monkeypatch: pytest.MonkeyPatch) -> tuple[str, ...] | None:
    names = [name for _, name, _ in monkeypatch._setattr]
    others = [each for each, _, _ in monkeypatch._setitem if each is not os.environ]
    return None if others or not PATCHED.issuperset(names) else tuple(names)


def _overrides() -> frozenset[tuple[str, str]]:
    """Settings that differ from the file's, the test's own folder left out."""
    found: dict[str, str] = {}
    holder, home = settings._wrapped, str(settings.MAMMO_HOME)
    while isinstance(holder, UserSettingsHolder):
        for name, value in holder.__dict__.items():
            if name.isupper() and name not in found:
                found[name] = repr(value).replace(home, "~")
        holder = holder.default_settings
    return frozenset(found.items())


def _is_data(value: Any) -> bool:
    if isinstance(value, (models.Model, *PLAIN)):
        return True
    if isinstance(value, dict):
        return all(_is_data(each) for pair in value.items() for each in pair)
    if isinstance(value, (list, tuple, set, frozenset)):
        return all(_is_data(each) for each in value)
    return False


def _models_in(value: Any) -> Iterator[models.Model]:
    if isinstance(value, models.Model):
        yield value
    elif isinstance(value, dict):
        for each in value.values():
            yield from _models_in(each)
    elif isinstance(value, (list, tuple)):
        for each in value:
            yield from _models_in(each)


def _files() -> dict[str, tuple[int, int, int]]:
    home = str(settings.MAMMO_HOME)
    found = {}
    for folder, _, names in os.walk(home):
        for name in names:
            path = os.path.join(folder, name)
            stat = os.lstat(path)
            found[os.path.relpath(path, home)] = (stat.st_size, stat.st_mtime_ns, stat.st_ino)
    return found


def _rows(tables: frozenset[str]) -> Rows:
    """All rows of these tables, by primary key, such that the database takes them back unchanged."""
    found: Rows = {}
    RESTORED.busy = True
    try:
        for table in sorted(tables):
            key = _models()[table]._meta.pk.column
            with connection.cursor() as cursor:
                if connection.vendor == "postgresql":
                    cursor.execute(f'SELECT "{key}"::text, t::text FROM "{table}" t')
                    found[table] = dict(cursor.fetchall())
                else:
                    # An expression has no declared type: the adapter leaves the value as it is stored.
                    columns = _columns(_models()[table])
                    chosen = ", ".join(f'+"{each}"' for each in columns)
                    cursor.execute(f'SELECT {chosen} FROM "{table}"')
                    place = columns.index(key)
                    found[table] = {row[place]: row for row in cursor.fetchall()}
    finally:
        RESTORED.busy = False
    return found


def _columns(model: type[models.Model]) -> list[str]:
    return [each.column for each in model._meta.local_concrete_fields]


def _statements(model: type[models.Model], before: dict[Any, Any], after: dict[Any, Any]) -> Statements:
    """What makes the rows of one table from those before it."""
    table, key, columns = model._meta.db_table, model._meta.pk.column, _columns(model)
    gone = [each for each in before if each not in after]
    new = [row for each, row in after.items() if each not in before]
    changed = [(each, row) for each, row in after.items() if each in before and before[each] != row]
    if connection.vendor == "postgresql":
        rows = f'(SELECT (r::"{table}").* FROM unnest(%s::text[]) r) s'
        assigned = ", ".join(f'"{each}" = s."{each}"' for each in columns)
        found: Statements = [
            (f'DELETE FROM "{table}" WHERE "{key}"::text = ANY(%s)', gone),
            (f'INSERT INTO "{table}" SELECT * FROM {rows}', new),
            (
                f'UPDATE "{table}" t SET {assigned} FROM {rows} WHERE t."{key}" = s."{key}"',
                [r for _, r in changed],
            ),
        ]
        if new and isinstance(model._meta.pk, models.AutoField):
            counter = f"pg_get_serial_sequence('\"{table}\"', '{key}')"
            found.append(
                (f'SELECT setval({counter}, (SELECT max("{key}") FROM "{table}")), %s::text[]', [""])
            )
    else:
        assigned = ", ".join(f'"{each}" = ?' for each in columns)
        named, marks = ", ".join(f'"{each}"' for each in columns), ", ".join("?" * len(columns))
        found = [
            (f'DELETE FROM "{table}" WHERE "{key}" = ?', [(each,) for each in gone]),
            (f'INSERT INTO "{table}" ({named}) VALUES ({marks})', new),
            (f'UPDATE "{table}" SET {assigned} WHERE "{key}" = ?', [(*row, each) for each, row in changed]),
        ]
    return [(sql, rows) for sql, rows in found if rows]


def _send(statements: Statements) -> None:
    with connection.wrap_database_errors:
        for sql, rows in statements:
            if connection.vendor == "postgresql":
                connection.connection.execute(sql, [rows])
            else:
                connection.connection.executemany(sql, rows)


class _Pickler(pickle.Pickler):
    """Rows that the test holds are named by their place, so that they stay the same objects."""

    def __init__(self, file: io.BytesIO, held: list[models.Model]) -> None:
        super().__init__(file, pickle.HIGHEST_PROTOCOL)
        self.places = {id(row): place for place, row in enumerate(held)}

    def persistent_id(self, value: Any) -> int | None:
        return self.places.get(id(value)) if isinstance(value, models.Model) else None


class _Unpickler(pickle.Unpickler):
    def __init__(self, file: io.BytesIO, held: list[models.Model]) -> None:
        super().__init__(file)
        self.held = held

    def persistent_load(self, place: Any) -> models.Model:
        return self.held[place]


def _pickled(held: list[models.Model], result: Any) -> bytes:
    file = io.BytesIO()
    try:
        _Pickler(file, held).dump(([row.__dict__ for row in held], result))
    except (pickle.PicklingError, TypeError, AttributeError) as error:
        raise NotKeptError from error
    return file.getvalue()
