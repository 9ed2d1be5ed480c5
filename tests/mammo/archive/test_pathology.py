"""Pathology: matched by number and accession or by date, refused rows come back with a reason."""

import csv
from datetime import date
from pathlib import Path

import pytest
from django.core.management import call_command
from openpyxl import Workbook

from mammo.accounts.models import Site
from mammo.archive.models import Pathology, Patient, Study
from mammo.archive.pseudonyms import installation
from mammo.archive.services import import_pathology
from mammo.archive.unmatched import unmatched_csv, unmatched_path
from mammo.core.errors import UserError
from mammo.core.keys import key_store


def made_study(site: Site, number: str, accession: str, day: date) -> Study:
    """A study as an import would store it."""
    keys = installation()
    patient, _ = Patient.objects.get_or_create(
        site=site,
        number_hash=keys.number_hash(site.code, number),
        defaults={"pseudonym": keys.pseudonym(site.code, number), "key_id": key_store().create()},
    )
    return Study.objects.create(
        site=site,
        patient=patient,
        study_uid=keys.remap_uid(accession),
        study_uid_hash=keys.uid_hash(accession),
        accession_hash=keys.accession_hash(site.code, accession),
        date=keys.shifted(day, site.code, number),
    )


def table(
    path: Path, *rows: str, columns: str = "patient,accession,date,side,lesion,method,class,follow_up_months"
) -> Path:
    path.write_text("\n".join((columns, *rows)) + "\n", encoding="utf-8-sig")
    return path


def test_a_result_is_matched_by_accession_and_its_date_is_shifted_like_the_study(
    tmp_path: Path, site: Site
) -> None:
    study = made_study(site, "H1", "A1", date(2019, 3, 1))
    file = table(tmp_path / "p.csv", "H1,A1,2019-03-15,左,1,空心针穿刺活检,恶性,")
    batch = import_pathology(file, site=site, by_user=None)
    result = Pathology.objects.get()
    assert (result.study, result.laterality, result.method, result.result) == (
        study,
        "L",
        "core_biopsy",
        "malignant",
    )
    assert (result.specimen_date - study.date).days == 14
    assert not unmatched_path(batch.pk).exists()


def test_without_an_accession_the_last_study_before_the_specimen_is_taken(tmp_path: Path, site: Site) -> None:
    made_study(site, "H1", "A1", date(2018, 3, 1))
    latest = made_study(site, "H1", "A2", date(2019, 3, 1))
    made_study(site, "H1", "A3", date(2019, 6, 1))
    import_pathology(table(tmp_path / "p.csv", "H1,,2019-04-01,R,,surgery,benign,"), site=site, by_user=None)
    assert Pathology.objects.get().study == latest


def test_rows_that_match_nothing_come_back_as_a_file_with_the_reason(tmp_path: Path, site: Site) -> None:
    made_study(site, "H1", "A1", date(2019, 3, 1))
    file = table(
        tmp_path / "p.csv",
        "NOBODY,A1,2019-03-15,L,1,surgery,benign,",
        "H1,A9,2019-03-15,L,1,surgery,benign,",
        "H1,A1,2021-03-15,L,1,surgery,benign,",
        "H1,A1,2019-03-15,both,1,surgery,benign,",
        "H1,A1,2019-03-15,L,1,guess,benign,",
        "H1,A1,2019-03-15,L,1,surgery,maybe,",
        "H1,A1,2019-13-15,L,1,surgery,benign,",
        "H1,A1,2019-03-15,L,1,follow up,,12",
        "H1,,2025-03-15,L,1,surgery,benign,",
    )
    batch = import_pathology(file, site=site, by_user=None)
    assert batch.counts["rejected"] == 9
    assert not Pathology.objects.exists()
    rows = list(csv.DictReader(unmatched_csv(batch).decode("utf-8-sig").splitlines()))
    assert [row["line"] for row in rows] == [str(number) for number in range(2, 11)]
    assert rows[0]["patient"] == "NOBODY"
    for row, word in zip(
        rows,
        ("number", "accession", "365", "'side'", "'method'", "'class'", "'date'", "24", "365"),
        strict=True,
    ):
        assert word in row["reason"]


def test_a_negative_follow_up_is_a_result_without_a_class(tmp_path: Path, site: Site) -> None:
    made_study(site, "H1", "A1", date(2019, 3, 1))
    import_pathology(table(tmp_path / "p.csv", "H1,A1,,L,,随访,,30"), site=site, by_user=None)
    result = Pathology.objects.get()
    assert (result.method, result.result, result.follow_up_months) == ("follow_up", "", 30)


def test_the_same_table_twice_imports_nothing_twice(tmp_path: Path, site: Site) -> None:
    made_study(site, "H1", "A1", date(2019, 3, 1))
    file = table(tmp_path / "p.csv", "H1,A1,,L,,surgery,benign,", "H1,A1,2019-03-20,R,1,surgery,malignant,")
    import_pathology(file, site=site, by_user=None)
    assert import_pathology(file, site=site, by_user=None).counts["duplicate"] == 2
    assert Pathology.objects.count() == 2


def test_a_spreadsheet_is_read_with_its_dates_and_numbers(tmp_path: Path, site: Site) -> None:
    made_study(site, "1234567", "88", date(2019, 3, 1))
    book = Workbook()
    book.active.append(["patient", "accession", "date", "side", "method", "class"])
    book.active.append([1234567, 88, date(2019, 3, 15), "L", "surgery", "high risk"])
    book.save(tmp_path / "p.xlsx")
    import_pathology(tmp_path / "p.xlsx", site=site, by_user=None)
    assert Pathology.objects.get().result == "high_risk"


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ("patient,side,method", "'class' is missing"),
        ("patient,side,method,class,colour", "unknown column 'colour'"),
    ],
)
def test_wrong_columns_are_refused_by_name(tmp_path: Path, site: Site, columns: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        import_pathology(table(tmp_path / "p.csv", "a,b,c,d,e", columns=columns), site=site, by_user=None)


def test_a_missing_or_unreadable_file_is_one_clear_error(tmp_path: Path, site: Site) -> None:
    with pytest.raises(UserError, match="no such file"):
        import_pathology(tmp_path / "none.csv", site=site, by_user=None)
    (tmp_path / "p.xlsx").write_bytes(b"PK not a workbook")
    with pytest.raises(UserError, match="XLSX"):
        import_pathology(tmp_path / "p.xlsx", site=site, by_user=None)


def test_the_command_fails_where_no_row_was_taken(
    tmp_path: Path, site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    made_study(site, "H1", "A1", date(2019, 3, 11))
    refused = table(tmp_path / "p.csv", "H9,A9,2019-04-01,R,,surgery,benign,")
    with pytest.raises(SystemExit) as ended:
        call_command("import_pathology", str(refused), site="north")
    assert ended.value.code == 1
    assert "nothing was imported: " in capsys.readouterr().err
    taken = table(tmp_path / "q.csv", "H1,A1,2019-04-01,R,,surgery,benign,")
    call_command("import_pathology", str(taken), site="north")
