"""Tables of hospital systems: their own column names, encodings and separators; matching by number and date."""

import csv
from pathlib import Path

import pytest
from django.core.management import call_command
from openpyxl import Workbook

from mammo.accounts.models import Site
from mammo.archive.derived_labels import derived_label
from mammo.archive.models import ImportItem, Pathology, Report, Study, TableMapping
from mammo.archive.services import import_studies
from mammo.archive.tables import PATHOLOGY, REPORTS, header_and_rows, read_table
from mammo.core.errors import UserError

from .files import mammogram


@pytest.fixture
def hers(tmp_path: Path, site: Site) -> Study:
    """One study of 2019-03-11."""
    import_studies([mammogram(tmp_path / "in" / "a.dcm")], site=site, by_user=None)
    return Study.objects.get()


def test_a_lis_table_in_chinese_is_mapped_previewed_imported_and_remembered(
    hers: Study, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "lis.tsv"
    text = (
        "住院号\t取材日期\t侧别\t标本\t取材方式\t病理结果\t送检医院\n"
        "H1234567\t2019-04-02\t左乳\t1\t空心针穿刺\t恶性\t某院\nNOBODY\t2019-04-02\t右乳\t1\t手术\t良性\t某院\n"
    )
    path.write_bytes(text.encode("gb18030"))
    call_command(
        "import_table", "pathology", str(path), "--site", "north", "--map", "标本=lesion", "--preview"
    )
    shown = capsys.readouterr().out
    assert "住院号 -> patient" in shown
    assert "送检医院 -> (left out)" in shown
    assert not Pathology.objects.exists()
    call_command("import_table", "pathology", str(path), "--site", "north", "--map", "标本=lesion")
    row = Pathology.objects.get()
    assert (row.study, row.laterality, row.result, row.method, row.lesion) == (
        hers,
        "L",
        "malignant",
        "core_biopsy",
        "1",
    )
    assert (row.specimen_date - hers.date).days == 22
    assert TableMapping.objects.get().columns["标本"] == "lesion"
    number = next(word for word in capsys.readouterr().out.split() if word.count("-") == 4)
    call_command("not_taken", number, str(tmp_path / "not-taken.csv"))
    given = (tmp_path / "not-taken.csv").read_text(encoding="utf-8-sig").splitlines()
    assert [line["patient"] for line in csv.DictReader(given)] == ["NOBODY"]
    capsys.readouterr()
    call_command("import_table", "pathology", str(path), "--site", "north")  # the mapping is remembered
    assert "1 duplicate" in capsys.readouterr().out
    assert (derived_label(hers, "L").label, derived_label(hers, "R").label) == ("malignant", None)
    assert hers.birads_left == ""


@pytest.mark.parametrize(
    ("day", "outcome"), [("2019-03-13", "imported"), ("2019-06-01", "rejected"), ("x", "rejected")]
)
def test_a_report_without_an_accession_number_goes_to_the_nearest_study(
    hers: Study, tmp_path: Path, day: str, outcome: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "ris.csv"
    path.write_text(f"病历号;检查日期;报告内容\nH1234567;{day};双乳BI-RADS 2类\n", encoding="utf-8")
    command = ("import_table", "reports", str(path), "--site", "north")
    if outcome == "rejected":  # a script notices that nothing came in
        with pytest.raises(SystemExit) as ended:
            call_command(*command)
        assert ended.value.code == 1
        assert "nothing was imported: " in capsys.readouterr().err
    else:
        call_command(*command)
    assert ImportItem.objects.get(batch__kind="reports").outcome == outcome
    assert Report.objects.count() == (outcome == "imported")


def test_hospital_numbers_of_a_table_are_nowhere_in_the_database(hers: Study, tmp_path: Path) -> None:
    path = tmp_path / "lis.csv"
    path.write_text("patient,accession,side,method,class\nH1234567,ACC1,L,surgery,benign\n")
    call_command("import_table", "pathology", str(path), "--site", "north")
    for model in (Pathology, ImportItem, Study, TableMapping):
        assert "H1234567" not in str(list(model.objects.values()))


def test_a_wrong_mapping_is_refused_by_name_and_changes_nothing(site: Site, tmp_path: Path) -> None:
    path = tmp_path / "lis.csv"
    path.write_text("a,b\n1,2\n")
    with pytest.raises(Exception, match="mapped to 'nothing'"):
        call_command("import_table", "pathology", str(path), "--site", "north", "--map", "a=nothing")
    with pytest.raises(Exception, match="column 'patient' is missing"):
        call_command("import_table", "pathology", str(path), "--site", "north")
    with pytest.raises(UserError, match="two columns are mapped to 'patient'"):
        read_table(path, PATHOLOGY, "FILE", {"a": "patient", "b": "patient"})
    assert not TableMapping.objects.exists()


def test_an_xlsx_table_is_read_with_its_own_names(tmp_path: Path) -> None:
    book = Workbook()
    book.active.append(["检查号", "住院号", "报告"])
    book.active.append([1001, "H1", "双乳BI-RADS 1类"])
    book.save(tmp_path / "ris.xlsx")
    header, rows = header_and_rows(tmp_path / "ris.xlsx")
    assert header == ["检查号", "住院号", "报告"]
    assert rows == [["1001", "H1", "双乳BI-RADS 1类"]]
    mapping = {"检查号": "accession", "住院号": "patient", "报告": "text"}
    (row,) = read_table(tmp_path / "ris.xlsx", REPORTS, "FILE", mapping)
    assert (row["accession"], row["patient"]) == ("1001", "H1")
