"""What fixtures make is put back as it was, and made anew wherever anything else stands."""

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from django.conf import settings
from django.db import connection, transaction

from mammo.accounts import audit
from mammo.accounts.models import AuditEvent, Site
from mammo.accounts.services import create_account, create_site
from mammo.archive.models import Report
from tests.annotation import scene
from tests.restored import RESTORED, _files, _models, _rows

Turn = Callable[..., Any]


class _RollbackError(Exception):
    pass


@pytest.fixture
def turns(request: pytest.FixtureRequest, db: None) -> Callable[[Callable[[Turn], Any]], list[Any]]:
    """Plays a test three times: made, made and kept, put back; each on the database and home as they were."""

    def turn(make: Callable[..., Any], **values: Any) -> Any:
        return RESTORED.set_up(SimpleNamespace(argname=make.__name__), request, make, values)

    def play(test: Callable[[Turn], Any]) -> list[Any]:
        found = []
        for _ in range(3):
            RESTORED.begin(with_database=True)
            try:
                with transaction.atomic():
                    found.append(test(turn))
                    raise _RollbackError
            except _RollbackError:
                shutil.rmtree(settings.MAMMO_HOME, ignore_errors=True)
        return found

    return play


def hospital() -> Site:
    return create_site("north", "North Hospital", by_user=None, is_simulated=False)


def rita(hospital: Site) -> Any:
    return create_account(
        "rita",
        password="correct horse battery",
        display_name="Rita",
        roles={"researcher": [hospital]},
        by_user=None,
    )


def report(hospital: Site) -> Report:
    return Report.objects.get(study=scene.patient_with_study(hospital))


def everything() -> Any:
    return _rows(frozenset(_models())), {place: stat[0] for place, stat in _files().items()}


def test_rows_and_files_are_put_back_byte_for_byte(turns: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAMMO_SOMETHING", "of this test alone")  # nothing is kept on this ground yet

    def test(turn: Turn) -> Any:
        before = RESTORED.restored
        site = turn(hospital)
        person, found = turn(rita, hospital=site), turn(report, hospital=site)
        return SimpleNamespace(
            restored=RESTORED.restored - before,
            rows=everything(),
            keys={path.name: path.read_bytes() for path in Path(settings.MAMMO_KEYS).rglob("*.key")},
            text=Report.objects.get().original,
            report=found.pk,
            is_at_the_site=person.sites_as("researcher").get() == site,
        )

    first, second, third = turns(test)
    assert (first.restored, second.restored, third.restored) == (0, 0, 3)
    assert first.report != second.report, "each time it is made it is another row"
    assert third.rows == second.rows
    assert third.keys == second.keys
    for each in (first, second, third):
        assert each.text.startswith("张三"), "her key opens it"
        assert each.is_at_the_site


def test_the_audit_trail_goes_on_after_what_was_put_back(turns: Any) -> None:
    def test(turn: Turn) -> Any:
        site = turn(hospital)
        turn(rita, hospital=site)
        before = AuditEvent.objects.count()
        create_site("south", "South Hospital", by_user=None, is_simulated=False)
        return AuditEvent.objects.count() - before, audit.verify().problems

    assert turns(test) == [(1, [])] * 3


def test_rows_that_a_test_holds_stay_the_same_objects_and_learn_what_was_changed(turns: Any) -> None:
    def renamed(hospital: Site) -> Site:
        hospital.name = "Renamed"
        hospital.save()
        return hospital

    def test(turn: Turn) -> Any:
        site = turn(hospital)
        found = turn(renamed, hospital=site)
        return found is site, site.name, Site.objects.get().name

    assert turns(test) == [(True, "Renamed", "Renamed")] * 3


@pytest.mark.parametrize("other", ["row", "setting", "variable", "patch", "file", "process", "argument"])
def test_on_other_ground_it_is_made_anew(
    turns: Any, other: str, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert turns(_hospital_and_person)[-1][0] == 2

    def test(turn: Turn) -> Any:
        _change_ground(other, settings, monkeypatch)
        return _hospital_and_person(turn, SimpleNamespace() if other == "argument" else None)

    first, *_ = turns(test)
    assert first[0] == (1 if other == "argument" else 0)
    assert first[1] == 1


def _hospital_and_person(turn: Turn, other: object = None) -> tuple[int, int]:
    before = RESTORED.restored
    site = turn(hospital)

    def with_other(hospital: Site, other: object) -> Any:
        return rita(hospital)

    if other is None:
        turn(rita, hospital=site)
    else:
        turn(with_other, hospital=site, other=other)
    return RESTORED.restored - before, Site.objects.filter(code="north").count()


def _change_ground(other: str, settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    if other == "row":
        create_site("west", "West Hospital", by_user=None, is_simulated=False)
    elif other == "setting":
        settings.MAMMO_ORIGINALS_POLICY = "another"
    elif other == "variable":
        monkeypatch.setenv("MAMMO_SOMETHING", "1")
    elif other == "patch":
        monkeypatch.setattr(scene, "patient_with_study", lambda site: None)
    elif other == "file":
        Path(settings.MAMMO_HOME).mkdir(parents=True)
        (Path(settings.MAMMO_HOME) / "another").write_text("x")
    elif other == "process":
        subprocess.run([sys.executable, "-c", ""], check=True)


def test_what_gives_more_than_rows_and_plain_values_is_made_each_time(turns: Any) -> None:
    made: list[object] = []

    def client(hospital: Site) -> object:
        made.append(create_site("south", "South Hospital", by_user=None, is_simulated=False))
        return SimpleNamespace()

    def test(turn: Turn) -> Any:
        site = turn(hospital)
        turn(client, hospital=site)
        return Site.objects.count()

    assert turns(test) == [2, 2, 2]
    assert len(made) == 3


def test_a_failing_fixture_fails_each_time(turns: Any) -> None:
    def failing(hospital: Site) -> None:
        scene.patient_with_study(hospital)
        raise ValueError("told")

    def test(turn: Turn) -> Any:
        site = turn(hospital)
        with pytest.raises(ValueError, match="told"):
            turn(failing, hospital=site)
        return connection.vendor

    assert turns(test) == [connection.vendor] * 3
