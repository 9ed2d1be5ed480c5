"""Every label of a study has a source of its own: the table's stands above the report's, a person's above both."""

from importlib import import_module
from pathlib import Path
from types import SimpleNamespace

import pytest
from django.apps import apps
from django.db import connection
from django.urls import reverse

from mammo.accounts.models import Site, User
from mammo.archive.dataset_import import import_dataset
from mammo.archive.datasets import DATASETS
from mammo.archive.label_corrections import correct_labels
from mammo.archive.models import Study
from mammo.archive.services import import_studies

from .files import mammogram
from .studies import add_study, signed_in
from .test_datasets import cmmd

TEXT = "双乳腺体B类。左乳BI-RADS 4A类，右乳BI-RADS 2类。"
READ = {"birads_left": "report", "birads_right": "report", "birads_overall": "report"}


def bring(tmp_path: Path, site: Site, *, table: str = "", report: str = "") -> Study:
    """A file with a table of labels, a report, or both; the study as it stands then."""
    labels = reports = None
    if table:
        labels = tmp_path / "labels.csv"
        labels.write_text(table, "utf-8")
    if report:
        reports = tmp_path / "reports.csv"
        reports.write_text(f"patient,accession,date,text\nH1234567,ACC1,2019-03-11,{report}\n", "utf-8-sig")
    name = f"{len(list(tmp_path.glob('*.dcm')))}.dcm"
    source = mammogram(tmp_path / name, SOPInstanceUID=f"1.2.3.{name[0]}", ImageLaterality="L")
    if table:
        labels.write_text(table.replace("FILE", name), "utf-8")
    import_studies([source], site=site, labels=labels, reports=reports, by_user=None)
    return Study.objects.get()


def test_a_table_of_density_leaves_the_categories_to_the_report(tmp_path: Path, site: Site) -> None:
    bring(tmp_path, site, table="file,density\nFILE,C\n")
    study = bring(tmp_path, site, report=TEXT)
    assert (study.density, study.birads_left, study.birads_right, study.birads_overall) == (
        "C",
        "4A",
        "2",
        "4A",
    )
    assert study.label_sources == READ | {"density": "table"}
    assert study.label_source == "table"
    assert study.birads_rule


def test_a_table_behind_the_report_takes_over_what_it_states_alone(
    tmp_path: Path, site: Site, dana: User
) -> None:
    bring(tmp_path, site, report=TEXT)
    study = bring(tmp_path, site, table="file,density\nFILE,C\n")
    assert (study.density, study.birads_left) == ("C", "4A")
    assert study.label_sources == READ | {"density": "table"}
    page = " ".join(signed_in(dana).get(reverse("archive:study", args=[study.pk])).content.decode().split())
    assert page.count("read from the report</span>") == 3
    assert page.count("the table of labels</span>") == 1


def test_the_rule_goes_with_the_category_that_it_made(tmp_path: Path, site: Site) -> None:
    bring(tmp_path, site, report=TEXT)
    study = bring(tmp_path, site, table="file,birads\nFILE,5\n")
    assert (study.birads_overall, study.birads_left, study.birads_rule) == ("5", "4A", "")
    assert study.label_sources["birads_overall"] == "table"


BOTH_2 = "双乳腺体B类。双乳BI-RADS 2类。"


@pytest.mark.parametrize("order", ["table first", "report first"])
def test_the_overall_category_follows_from_the_sides_that_stand(
    tmp_path: Path, site: Site, order: str
) -> None:
    table = "file,birads_left\nFILE,5\n"
    if order == "table first":
        bring(tmp_path, site, table=table)
        study = bring(tmp_path, site, report=BOTH_2)
    else:
        bring(tmp_path, site, report=BOTH_2)
        study = bring(tmp_path, site, table=table)
    assert (study.birads_left, study.birads_right, study.birads_overall) == ("5", "2", "5")
    assert study.birads_rule == "mammo-report-rules/2 zero-unless-4"
    assert study.label_sources["birads_overall"] == "report"


def test_a_side_that_a_table_states_alike_changes_no_overall_category(tmp_path: Path, site: Site) -> None:
    bring(tmp_path, site, table="file,birads_left\nFILE,4A\n")
    study = bring(tmp_path, site, report=TEXT)
    assert (study.birads_left, study.birads_right, study.birads_overall) == ("4A", "2", "4A")


def test_a_category_of_the_whole_exam_counts_beside_the_side_of_a_table(tmp_path: Path, site: Site) -> None:
    bring(tmp_path, site, table="file,birads_left\nFILE,2\n")
    study = bring(tmp_path, site, report="双乳腺体B类。诊断：BI-RADS 4A类。")
    assert (study.birads_left, study.birads_right, study.birads_overall) == ("2", "", "4A")


def test_an_addendum_takes_nothing_back_of_which_it_says_nothing(tmp_path: Path, site: Site) -> None:
    before = bring(tmp_path, site, report="双乳腺体C类。左乳BI-RADS 2类，右乳BI-RADS 3类。")
    assert (before.density, before.birads_left, before.birads_right) == ("C", "2", "3")
    study = bring(tmp_path, site, report="补充报告：右乳BI-RADS 4A类。")
    assert (study.density, study.birads_left, study.birads_right) == ("C", "2", "4A")
    assert study.birads_overall == "4A"
    assert set(study.label_sources.values()) == {"report"}


def test_a_report_without_a_category_makes_none_of_a_tables_sides(tmp_path: Path, site: Site) -> None:
    bring(tmp_path, site, table="file,birads_left\nFILE,5\n")
    study = bring(tmp_path, site, report="双乳腺体B类。")
    assert (study.birads_left, study.birads_overall) == ("5", "")


def test_a_table_of_ages_states_no_label(tmp_path: Path, site: Site) -> None:
    cmmd(tmp_path)
    import_dataset(DATASETS["cmmd"], tmp_path, site=site, by_user=None)
    study = Study.objects.get()
    assert study.age is not None
    assert (study.label_source, study.label_sources) == ("", {})


def test_what_a_person_states_stands_above_both_also_where_she_states_none(
    tmp_path: Path, site: Site, dana: User
) -> None:
    study = bring(tmp_path, site, report=TEXT)
    correct_labels(study, {"density": "D"}, reason="read", expected_version=study.version, by_user=dana)
    bring(tmp_path, site, table="file,density,birads_left\nFILE,A,5\n")
    study = bring(tmp_path, site, report=TEXT + "补充。")
    assert (study.density, study.birads_left) == ("D", "")
    assert set(study.label_sources.values()) == {"person"}


@pytest.mark.parametrize(
    ("values", "source", "sources"),
    [
        ({"density": "C", "label_source": "table"}, "table", {"density": "table"}),
        ({"age": 51, "label_source": "table"}, "", {}),
        ({"birads_left": "2", "birads_overall": "2", "label_source": "report"}, "report",
         {"birads_left": "report", "birads_overall": "report"}),
        ({"density": "C", "label_source": "person"}, "person",
         dict.fromkeys(("density", "birads_left", "birads_right", "birads_overall"), "person")),
        ({}, "", {}),
    ],
)  # fmt: skip
def test_studies_of_before_have_the_one_source_at_every_label(
    site: Site, values: dict[str, object], source: str, sources: dict[str, str]
) -> None:
    study = add_study(site, "100", **values)
    migration = import_module("mammo.archive.migrations.0009_label_sources_and_readings")
    migration.give_every_label_its_source(apps, SimpleNamespace(connection=connection))
    study.refresh_from_db()
    assert (study.label_source, study.label_sources) == (source, sources)
