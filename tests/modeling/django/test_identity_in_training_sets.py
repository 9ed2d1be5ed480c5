"""Of identities that real imports brought in, nothing stands in a training export or a frozen training set."""

import zlib
from pathlib import Path

import pytest

from annotation.models import Campaign, Correction
from annotation.services.export import export_training
from annotation.services.picks import pick
from annotation.services.splits import create_split
from mammo.accounts.models import Site, User
from mammo.archive.models import Report
from mammo.archive.services import import_studies
from tests.annotation import scene
from tests.mammo.archive.files import study

from .test_snapshots import freeze

# Of each patient: name in two scripts, hospital number, accession number, study UID, telephone in her texts.
PEOPLE = [
    (
        f"钱多{mark}", f"QIAN^DUO{spelt}", f"H76543{number}", f"ACC-90{number}", f"1.2.840.999.{number}",
        f"1390013{number}00",
    )
    for number, (mark, spelt) in enumerate(
        zip("多福财安宁美", ("DUO", "FU", "CAI", "AN", "NING", "MEI"), strict=True), start=10
    )
]  # fmt: skip
DOCTOR, HOSPITAL = "赵文杰", "演示第三医院"
PLANTED = [
    *(part for person in PEOPLE for part in person), *(spelt.split("^")[1] for _, spelt, *_ in PEOPLE), DOCTOR, HOSPITAL,
]  # fmt: skip


@pytest.fixture
def told(rita: User, june: User, sena: User, tmp_path: Path) -> Campaign:
    """Six patients whose files, reports and questions name them, taken to picks."""
    site: Site = rita.sites_as("researcher").get()
    reports = tmp_path / "reports.csv"
    lines = ["study_uid,text,doctor"]
    rows = []
    for line, (name, spelt, number, accession, uid, phone) in enumerate(PEOPLE, start=2):
        study(
            tmp_path / "in" / f"{name}_{number}",
            PatientName=f"{spelt}={name}", PatientID=number, AccessionNumber=accession, StudyInstanceUID=uid,
            InstitutionName=HOSPITAL, NameOfPhysiciansReadingStudy=DOCTOR,
        )  # fmt: skip
        lines.append(
            f"{uid},患者{name}，住院号{number}，电话{phone}。双乳BI-RADS 2类，腺体b型。"
            f"报告医师：{DOCTOR}，{HOSPITAL},{DOCTOR}"
        )
        rows.append(
            scene.row(
                f"我是{name}，{spelt.replace('^', ' ')}，打{phone}，我的乳腺密度是多少？",
                line,
                number,
                accession,
            )
        )
    reports.write_text("\n".join(lines), encoding="utf-8")
    batch = import_studies([tmp_path / "in"], site=site, reports=reports, by_user=None)
    assert batch.counts["imported"] == 4 * len(PEOPLE), batch.counts
    campaign = scene.open_campaign_of(rita, [june], [sena])
    questions = scene.ask(campaign, *rows)
    scene.propose(campaign, questions)
    for question in questions:
        scene.settle(question, june)
        pick(question, by_user=sena, correction=Correction.objects.candidates(question)[0].pk)
    return campaign


def left(folder: Path) -> list[tuple[str, str]]:
    """Planted strings in the names and bytes of a folder, packed ones unpacked."""
    found = []
    for path in (path for path in folder.rglob("*") if path.is_file()):
        data = path.read_bytes() + str(path.relative_to(folder)).encode()
        if path.suffix in (".gz", ".zst"):
            data += zlib.decompress(data, 47)
        for word in PLANTED:
            if any(word.encode(codec) in data for codec in ("utf-8", "gb18030", "utf-16-le")):
                found.append((word, path.name))
            if word.encode("unicode_escape") in data:  # JSON may write its characters so
                found.append((word, path.name))
    return found


@pytest.mark.parametrize("way", ["llamafactory", "trl", "swift", "parquet"])
def test_a_training_export_names_nobody(told: Campaign, rita: User, tmp_path: Path, way: str) -> None:
    export = export_training(told, tmp_path / "out", format=way, by_user=rita, preferences=way != "parquet")
    assert export.counts["samples"] == len(PEOPLE)
    assert left(tmp_path / "in"), "the search finds what is there"
    assert left(tmp_path / "out") == []


def test_a_frozen_training_set_names_nobody(told: Campaign, rita: User, tmp_path: Path) -> None:
    split = create_split("all", site=told.site, by_user=rita, purpose="training")
    (tmp_path / "job").mkdir()
    row = freeze(told, split, rita, tmp_path / "job")
    assert row.patients.count() == len(PEOPLE)
    assert all("赵" not in report.cleaned for report in Report.objects.all())
    assert left(Path(row.folder)) == []
    assert left(tmp_path / "job") == []
