"""A doctor or patient whom the header names in pinyin and the text in characters, or the other way round."""

from pathlib import Path

import pytest

from mammo.accounts.models import Site, User
from mammo.archive.cleaning import clean_text
from mammo.archive.label_corrections import correct_labels
from mammo.archive.models import ImportItem, Report, Study
from mammo.archive.names_across_scripts import may_hold_a_name
from mammo.archive.reports_import import import_reports
from mammo.archive.services import import_studies
from mammo.archive.tables import Row

from .files import mammogram
from .report_reading import corpus
from .studies import signed_in


def is_doubtful(text: str, name: str) -> bool:
    roster = {"names": [], "doctors": [name]}
    return may_hold_a_name(clean_text(text, roster).text, roster)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("Wang^Fang", "与王芳讨论后同意，双乳BI-RADS 2类"),
        ("WANG^XIAO FANG", "王小芳阅片"),
        ("Wang Xiaofang", "王小芳阅片"),
        ("Xiaofang Wang", "王小芳阅片"),
        ("Dr^Zhang^Xiaoming", "與張曉明討論"),
        ("Lu^Liang", "与吕亮一同阅片"),
        ("Lyu^Liang", "与吕亮一同阅片"),
        ("Zeng^Li", "经曾丽看过"),
        ("Ouyang^Na", "与欧阳娜同阅"),
        ("王芳", "Discussed with Wang Fang today."),
        ("王^小芳", "Discussed with Xiaofang WANG today."),
        ("王小芳", "Discussed with Wang Xiao-Fang today."),
        ("單小芳", "Discussed with Shan Xiaofang today."),
    ],
)
def test_a_name_in_the_other_writing_makes_a_text_doubtful(name: str, text: str) -> None:
    assert may_hold_a_name(text, {"names": [], "doctors": [name]})


def test_it_is_asked_of_the_cleaned_text() -> None:
    assert is_doubtful("王小芳阅片", "Wang^Xiaofang")
    assert not is_doubtful("报告医师：王小芳", "Wang^Xiaofang")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("Wang^Fang=王^芳", "与王芳讨论后同意"),  # both are known: it was removed
        ("Wang^Fang", "报告医师：王芳"),  # removed by its place
        ("Fang^Min", "左乳后方结构扭曲，方形肿块"),
        ("Gao^Li", "高密度肿块，高回声"),
        ("Zhang^Li", "张力性囊肿"),
        ("Smith^John", "与王芳讨论"),
        ("Wang^Fang", "与李芳讨论"),
        ("Wang^Xiaofang", "王某"),
        ("王芳", "The breasts are dense. No mass. Fang view."),
        ("何平", "He has no complaints. Right breast: He Said."),
        ("Wang^Fang", ""),
    ],
)
def test_what_is_no_such_name_does_not(name: str, text: str) -> None:
    assert not is_doubtful(text, name)


def test_hardly_any_report_that_names_nobody_waits_for_a_person() -> None:
    """Of 28 usual names and every report of the lists, whose texts name no doctor at all."""
    families = (
        "Wang Li Zhang Liu Chen Yang Zhao Huang Zhou Wu Xu Sun Hu Zhu Gao Lin He Guo Ma Luo Yu Shi Fang Zuo"
    )
    names = [f"{family}^Jing" for family in families.split(" ")]
    names += ["Gao^Xiaojing", "Yu^Xiaohong", "王芳", "何静"]
    texts = [
        clean_text(case.text, {}).text
        for name in ("working", "sixth", "ninth", "tenth")
        for case in corpus.cases(f"corpus_{name}.txt")
    ]
    alarms = [(n, text) for text in texts for n in names if may_hold_a_name(text, {"doctors": [n]})]
    assert len(alarms) * 500 < len(texts) * len(names)


@pytest.mark.django_db
def test_such_a_report_waits_until_a_person_has_read_it(site: Site, dana: User, tmp_path: Path) -> None:
    file = mammogram(tmp_path / "in" / "a.dcm", ReferringPhysicianName="Wang^Fang")
    import_studies([file], site=site, by_user=None)
    text = "双乳腺体c型。左乳BI-RADS 2类，右乳BI-RADS 2类。与王芳一同阅片。"
    row = Row(2, {"patient": "H1234567", "accession": "ACC1", "text": text})
    import_reports([row], Path("ris.csv"), site=site, by_user=None, is_simulated=False)
    reason = "a name may be left in its text: a person should read it"
    assert ImportItem.objects.get(batch__kind="reports").reason == reason
    report, study = Report.objects.get(), Study.objects.get()
    assert report.reading["confidence"] > 0.75
    assert "王" not in str(report.reading)
    assert list(Study.objects.needing("doubtful")) == [study]
    page = signed_in(dana).get(f"/archive/studies/{study.pk}/").content.decode()
    assert "may hold a name" in page
    labels = {"density": "C", "birads_left": "2", "birads_right": "2", "birads_overall": "2"}
    correct_labels(study, labels, reason="read, no name", expected_version=study.version, by_user=dana)
    assert not Study.objects.needing("doubtful").exists()
    later = Row(3, {**row.cells, "text": text + "复查。"})
    import_reports([later], Path("ris.csv"), site=site, by_user=None, is_simulated=False)
    assert list(Study.objects.needing("doubtful")) == [study]  # a report that nobody has read yet
