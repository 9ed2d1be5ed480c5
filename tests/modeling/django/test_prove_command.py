"""`manage.py prove`: the page of what is there."""

import json

import pytest


@pytest.mark.django_db
def test_the_command_writes_the_page_of_what_is_there_and_runs_nothing_in_no_time(tmp_path, capsys):
    from django.core.management import call_command

    cell = tmp_path / "tiny" / "density-0"
    cell.mkdir(parents=True)
    (cell / "result.json").write_text(json.dumps({"seconds": 60.0, "figures": {"test_macro_auc": 0.5}}))
    call_command(
        "prove",
        "--tiny",
        "--minutes",
        "0",
        "--folder",
        str(tmp_path),
        "--write",
        str(tmp_path / "p.md"),
        "--json",
    )
    told = json.loads(capsys.readouterr().out)
    assert told["done"] == ["density-0"]
    (selector,) = [row for row in told["figures"] if row["part"] == "Density selector"]
    assert (selector["mean"], selector["holds"]) == (0.5, False)
    assert (
        "| Density selector | macro AUC, held-out studies | ≥ 0.97 | 0.500 | 1 | **no** |"
        in (tmp_path / "p.md").read_text()
    )
