"""Rows behind a table stay on the server: a cell shows its own on a page, files hold sums and means alone."""

from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.urls import reverse
from django.utils import timezone

from evaluation.models import Score, Trial
from evaluation.services.exports import ask_export, decide_export
from evaluation.services.scoring import lock_trial
from mammo.accounts.models import AuditEvent, User
from mammo.archive.models import Study
from tests.evaluation import scene
from tests.evaluation.pages.test_designing import client_of
from tests.evaluation.services.test_masks import unblind


@pytest.fixture
def locked(trial: Trial, rita: User) -> Trial:
    """The trial, scored and locked."""
    scene.score_all(trial)
    return lock_trial(trial, by_user=rita)


@pytest.fixture
def assessed(site: Any) -> Study:
    """A study that Tables 4 and 9 count."""
    study = scene.patient_with_study(site, "T1", "T1")
    Study.objects.filter(pk=study.pk).update(birads_overall="4A", birads_right="4A")
    return study


def test_no_address_of_a_trials_table_gives_its_scores_as_a_file(locked: Trial, stan: User) -> None:
    client = client_of(stan)
    page = client.get(reverse("evaluation:table-page", args=[locked.pk, 1])).content.decode()
    assert "rows=1" not in page
    assert "not the rows behind it" in page
    address = reverse("evaluation:table", args=[locked.pk, 1, "csv"])
    table, asked = client.get(address), client.get(address, {"rows": "1"})
    assert asked.content == table.content
    ids = {str(pk) for pk in Score.objects.values_list("pk", flat=True)}
    assert not [pk for pk in ids if pk in asked.content.decode()]
    assert "rows" not in asked.headers["Content-Disposition"]


def test_no_address_of_another_table_gives_patients_rows_as_a_file(assessed: Study, stan: User) -> None:
    client, address = client_of(stan), reverse("evaluation:any-table", args=[9])
    page = client.get(address).content.decode()
    assert "as=csv" in page
    assert "as=rows" not in page
    assert "not the rows behind it" in page
    assert client.get(address, {"as": "csv"}).status_code == 200
    for kind in ("rows", "sources", "rows.csv"):
        refused = client.get(address, {"as": kind})
        assert refused.status_code == 404, kind
        assert str(assessed.pk) not in refused.content.decode()


def rows_by_command(trial: Trial, rows: Path, *more: str) -> None:
    call_command("table", "1", "--trial", trial.name, "--format", "csv", "--rows", str(rows), *more)


def test_the_operator_of_the_server_gets_real_rows_by_an_approved_request_alone(
    locked: Trial, rita: User, stan: User, tmp_path: Path
) -> None:
    rows, out = tmp_path / "rows.csv", tmp_path / "table.csv"
    with pytest.raises(CommandError, match="real data need a second person's approval"):
        rows_by_command(locked, rows)
    assert not rows.exists()
    # The table's own file is written without rows, and the trail tells of it.
    call_command("table", "1", "--trial", locked.name, "--format", "csv", "--out", str(out))
    assert [path.name for path in tmp_path.glob("*.csv")] == ["table.csv"]
    told = AuditEvent.objects.get(action="evaluation.table_downloaded")
    assert (told.actor, told.object_id, told.details["rows"]) == (None, str(locked.pk), False)
    asked = ask_export(locked, by_user=rita, reason="archive", expires_on=timezone.localdate())
    with pytest.raises(CommandError, match="not approved"):
        rows_by_command(locked, rows, "--request", str(asked.pk))
    request = str(decide_export(asked, "approved", by_user=stan).pk)
    with pytest.raises(CommandError, match="approved without simulated rows"):
        rows_by_command(locked, rows, "--request", request, "--simulated")
    assert not rows.exists()
    rows_by_command(locked, rows, "--request", request)
    assert AuditEvent.objects.filter(action="evaluation.exported").count() == 1
    head, *lines = rows.read_text("utf-8-sig").splitlines()
    scores = [str(pk) for pk in Score.objects.values_list("pk", flat=True)]
    assert len(lines) == len(scores)
    # Under codes without ids: a rater's own list holds those too.
    assert head.startswith("arm,aspect,rater,question,")
    unblind(locked, rita, stan)
    rows_by_command(locked, rows, "--request", request)
    text = rows.read_text()
    assert all(pk in text for pk in scores)


def test_a_request_of_other_data_opens_no_rows_and_simulated_ones_need_none(
    locked: Trial, rita: User, stan: User, tmp_path: Path
) -> None:
    other = Trial.objects.create(
        site=locked.site, protocol=locked.protocol, name="Other", state="locked", seed=1, by_user=rita,
        design_sha256="a" * 64,
    )  # fmt: skip
    request = scene.approved_export(other, rita, stan)
    rows = tmp_path / "rows.csv"
    with pytest.raises(CommandError, match="it is of other data than First trial"):
        rows_by_command(locked, rows, "--request", request)
    assert not rows.exists()
    Trial.objects.filter(pk=locked.pk).update(is_simulated=True)
    rows_by_command(locked, rows)
    assert rows.exists()
