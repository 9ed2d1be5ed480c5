"""Rows behind a table stay on the server: a cell shows its own on a page, files hold sums and means alone."""

from typing import Any

import pytest
from django.core.management import call_command
from django.urls import reverse

from evaluation.models import Score, Trial
from evaluation.services.scoring import lock_trial
from mammo.accounts.models import User
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


def test_the_operator_of_the_server_still_gets_the_rows(
    locked: Trial, rita: User, stan: User, tmp_path: Any
) -> None:
    rows = tmp_path / "rows.csv"
    call_command("table", "1", "--trial", locked.name, "--format", "csv", "--rows", str(rows))
    head, *lines = rows.read_text("utf-8-sig").splitlines()
    scores = [str(pk) for pk in Score.objects.values_list("pk", flat=True)]
    assert len(lines) == len(scores)
    # Under codes without ids: a rater's own list holds those too.
    assert head.startswith("arm,aspect,rater,question,")
    unblind(locked, rita, stan)
    call_command("table", "1", "--trial", locked.name, "--format", "csv", "--rows", str(rows))
    text = rows.read_text()
    assert all(pk in text for pk in scores)
