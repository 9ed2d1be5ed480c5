"""Pathology: matched by number and accession or by date, refused rows come back with a reason."""

import csv
from datetime import date
from pathlib import Path

import pytest
from django.core.management import call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext
from openpyxl import Workbook

from mammo.accounts.models import AuditEvent, Site, User
from mammo.accounts.services import create_account
from mammo.archive.derived_labels import derived_label
from mammo.archive.erasure import erase_patient, request_erasure
from mammo.archive.models import Pathology, Patient, Study
from mammo.archive.pathology_import import import_pathology_rows
from mammo.archive.pseudonyms import installation
from mammo.archive.services import import_pathology
from mammo.archive.tables import PATHOLOGY, read_table
from mammo.archive.unmatched import unmatched_csv, unmatched_path
from mammo.core.errors import UserError
from mammo.core.keys import key_store

from .studies import is_locked_last


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


def test_a_negative_follow_up_belongs_to_the_study_from_which_on_she_was_followed(
    tmp_path: Path, site: Site
) -> None:
    first = made_study(site, "H1", "A1", date(2019, 3, 1))
    later = made_study(site, "H1", "A2", date(2021, 6, 1))
    file = table(
        tmp_path / "p.csv",
        "H1,,2022-03-01,L,,随访,,36",
        "H1,,2022-03-01,R,,随访,,28",  # no study 28 months before that day
        "H1,A2,2022-03-01,R,,随访,,30",  # nine months after the study
        "H1,A2,2023-05-25,R,,随访,,24",
        "H2,,2022-03-01,L,,随访,,36",
    )
    batch = import_pathology(file, site=site, by_user=None)
    found = {(row.study, row.laterality, row.follow_up_months) for row in Pathology.objects.all()}
    assert found == {(first, "L", 36), (later, "R", 24)}
    refused = [item.reason for item in batch.items.filter(outcome="rejected")]
    assert refused == [
        "no study of this patient lies 28 months before the date of the follow-up: give its accession",
        "the date of the follow-up is less than 24 months after the study: mend date or accession",
        "no patient with this number has a study here",
    ]


def test_the_same_table_twice_imports_nothing_twice(tmp_path: Path, site: Site) -> None:
    made_study(site, "H1", "A1", date(2019, 3, 1))
    file = table(tmp_path / "p.csv", "H1,A1,,L,,surgery,benign,", "H1,A1,2019-03-20,R,1,surgery,malignant,")
    import_pathology(file, site=site, by_user=None)
    assert import_pathology(file, site=site, by_user=None).counts["duplicate"] == 2
    assert Pathology.objects.count() == 2


def test_a_later_table_corrects_a_result_and_the_label_follows(tmp_path: Path, site: Site) -> None:
    study = made_study(site, "H1", "A1", date(2019, 3, 1))
    row = "H1,A1,2019-03-15,L,1,surgery,{},"
    wrong = table(tmp_path / "p.csv", row.format("malignant"))
    import_pathology(wrong, site=site, by_user=None)
    batch = import_pathology(table(tmp_path / "q.csv", row.format("benign")), site=site, by_user=None)
    assert [(item.outcome, item.reason) for item in batch.items.all()] == [
        ("imported", "corrects “malignant”, which an earlier table stated")
    ]
    standing = Pathology.objects.get(replaced_by=None)
    assert (standing.result, standing.replaces.result) == ("benign", "malignant")
    assert derived_label(study, "L").label == "benign"
    assert AuditEvent.objects.get(action="archive.pathology_corrected").details["before"] == "malignant"
    again = import_pathology(wrong, site=site, by_user=None)
    assert again.items.get().reason == "this result was imported earlier, and a later table corrected it"
    assert derived_label(study, "L").label == "benign"


def test_the_trail_is_locked_when_all_rows_of_a_table_are_written(tmp_path: Path, site: Site) -> None:
    made_study(site, "H1", "A1", date(2019, 3, 1))
    row = "H1,A1,2019-03-15,{},1,surgery,{},"
    import_pathology(table(tmp_path / "p.csv", row.format("L", "malignant")), site=site, by_user=None)
    later = table(tmp_path / "q.csv", row.format("L", "benign"), row.format("R", "benign"))
    with CaptureQueriesContext(connection) as queries:
        import_pathology(later, site=site, by_user=None)
    assert is_locked_last(queries)
    actions = AuditEvent.objects.order_by("sequence").values_list("action", flat=True)
    assert list(actions)[-2:] == ["archive.pathology_corrected", "archive.imported"]


def test_another_lesion_method_or_date_corrects_nothing(tmp_path: Path, site: Site) -> None:
    study = made_study(site, "H1", "A1", date(2019, 3, 1))
    rows = ("L,1,surgery,malignant,", "L,2,surgery,benign,", "L,1,core biopsy,benign,", "R,1,surgery,benign,")
    for number, row in enumerate(rows):
        import_pathology(
            table(tmp_path / f"{number}.csv", f"H1,A1,2019-03-15,{row}"), site=site, by_user=None
        )
    import_pathology(
        table(tmp_path / "p.csv", "H1,A1,2019-04-15,L,1,surgery,benign,"), site=site, by_user=None
    )
    assert Pathology.objects.filter(replaced_by=None).count() == 5
    assert derived_label(study, "L").label == "malignant"


def test_rows_of_one_table_that_contradict_each_other_are_refused_also_where_it_is_taken_in_parts(
    tmp_path: Path, site: Site
) -> None:
    made_study(site, "H1", "A1", date(2019, 3, 1))
    rows = ("H1,A1,2019-03-15,L,1,surgery,malignant,", "H1,A1,2019-03-15,左,1,手术,良性,")
    batch = import_pathology(table(tmp_path / "p.csv", *rows), site=site, by_user=None)
    assert not Pathology.objects.exists()
    assert [item.outcome for item in batch.items.all()] == ["rejected", "rejected"]
    told = [row["reason"] for row in csv.DictReader(unmatched_csv(batch).decode("utf-8-sig").splitlines())]
    assert all("states another result too" in reason and "'lesion'" in reason for reason in told)
    parts = [
        read_table(table(tmp_path / f"{number}.csv", row), PATHOLOGY, "table")
        for number, row in enumerate(rows)
    ]
    first = import_pathology_rows(parts[0], Path("p.csv"), site=site, by_user=None)
    second = import_pathology_rows(parts[1], Path("p.csv"), site=site, by_user=None, batch=first)
    assert second.counts["rejected"] == 1
    assert Pathology.objects.get().result == "malignant"


def test_a_withdrawal_takes_corrected_results_too(tmp_path: Path, site: Site, dana: User) -> None:
    study = made_study(site, "H1", "A1", date(2019, 3, 1))
    for result in ("malignant", "benign"):
        row = f"H1,A1,2019-03-15,L,1,surgery,{result},"
        import_pathology(table(tmp_path / f"{result}.csv", row), site=site, by_user=None)
    adam = create_account("adam", password="correct horse battery", roles={"admin": [site]}, by_user=None)
    erase_patient(request_erasure(study.patient, by_user=dana, reason="withdrew"), by_user=adam)
    assert not Pathology.objects.exists()


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
