"""After a withdrawal: the very same files bring nothing back, and no name, number or UID of hers waits anywhere."""

import uuid
from pathlib import Path
from typing import Any

import pytest

from mammo.accounts.models import Site, User
from mammo.accounts.services import create_account
from mammo.archive import inbox, storage
from mammo.archive.models import ImportBatch, ImportItem, PacsFetch, PacsService, Patient, Study
from mammo.archive.pacs_fetches import add_pacs_service
from mammo.archive.received_job import import_soon
from mammo.archive.services import erase_patient, import_studies, request_erasure
from mammo.archive.study_rows import WITHDREW
from mammo.jobs.runner import run_here

from .files import mammogram

HER_FILE = "QIAN_DUODUO_left.dcm"
HER_NAME = "Qian^Duoduo=钱^多多"


def _withdraw(site: Site, dana: User) -> None:
    adam = create_account("adam", password="correct horse battery", roles={"admin": [site]}, by_user=None)
    patient = Patient.objects.exclude(number_hash="").get(erased_at=None)
    erase_patient(request_erasure(patient, reason="letter", by_user=dana), by_user=adam)


def _kept(study: Study) -> tuple[Any, ...]:
    study.refresh_from_db()
    return (
        study.density,
        study.birads_overall,
        study.birads_left,
        study.age,
        study.label_sources,
        study.date,
    )


@pytest.fixture
def hers(site: Site, tmp_path: Path) -> Path:
    """A file of hers, imported with its row of a table of labels."""
    path = mammogram(tmp_path / "in" / HER_FILE, PatientName=HER_NAME)
    _labels(tmp_path, path)
    import_studies([path], site=site, labels=tmp_path / "labels.csv", by_user=None)
    assert Study.objects.get().density == "C"
    return path


def _labels(folder: Path, path: Path) -> Path:
    table = folder / "labels.csv"
    table.write_text(f"file,density,birads\n{path.name},C,4A\n")
    return table


def test_the_same_bytes_by_the_command_bring_neither_labels_nor_a_name_back(
    site: Site, dana: User, hers: Path, tmp_path: Path
) -> None:
    _withdraw(site, dana)
    emptied = _kept(Study.objects.get())
    assert emptied[:4] == ("", "", "", None)
    again = import_studies([hers], site=site, labels=tmp_path / "labels.csv", by_user=None)
    item = again.items.select_related("batch__site").get()
    assert (item.outcome, item.reason, item.source, item.image) == ("rejected", WITHDREW, "(erased)", None)
    assert _kept(Study.objects.get()) == emptied


def test_the_same_bytes_through_the_inbox_are_refused_without_a_name(
    site: Site, dana: User, hers: Path, django_capture_on_commit_callbacks: Any
) -> None:
    _withdraw(site, dana)
    inbox.put(site, hers.read_bytes(), batch_id=uuid.UUID(int=7), origin="upload", name=HER_FILE)
    with django_capture_on_commit_callbacks(execute=True):
        assert run_here(import_soon(site, by_user=None)).state == "succeeded"
    item = ImportItem.objects.select_related("batch__site").get(batch=uuid.UUID(int=7))
    assert (item.outcome, item.reason, item.source) == ("rejected", WITHDREW, "(erased)")
    assert ImportBatch.objects.get(pk=uuid.UUID(int=7)).counts["duplicate"] == 0


def _fetch(service: PacsService, *, todo: list[str] | None = None, **query: str) -> PacsFetch:
    asked = {"first": "", "last": "", "patient": "", "accession": "", "study_uid": "", "modality": "MG"}
    return PacsFetch.objects.create(service=service, query={**asked, **query}, todo=todo)


@pytest.mark.parametrize("query", [{"accession": "ACC1"}, {"study_uid": "1.2.3.4"}, {"patient": "H1234567"}])
def test_a_pacs_query_by_any_number_of_hers_is_emptied(
    site: Site, dana: User, hers: Path, query: dict[str, str]
) -> None:
    service = add_pacs_service("pacs1", site=site, url="http://127.0.0.1:9/dicom-web", by_user=None)
    of_her = _fetch(service, todo=["1.2.3.4"], **query)
    of_others = _fetch(service, accession="ACC2", todo=["1.2.9"])
    broken_off = _fetch(service, first="2019-01-01", todo=["1.2.9", "1.2.3.4", "1.2.10"])
    _withdraw(site, dana)
    left = {fetch.pk: fetch for fetch in PacsFetch.objects.select_related("service__site")}
    assert not set(query.values()) & set(left[of_her.pk].query.values())
    assert left[of_her.pk].todo == []
    assert (left[of_others.pk].query["accession"], left[of_others.pk].todo) == ("ACC2", ["1.2.9"])
    assert left[broken_off.pk].todo == ["1.2.9", "1.2.10"]


def test_names_of_files_that_came_to_nothing_are_emptied_where_they_are_hers(
    site: Site, dana: User, hers: Path, tmp_path: Path
) -> None:
    names = (
        "QIAN_DUODUO_damaged.dcm", "钱多多.dcm", "H1234567.dcm", "studies/1.2.3.4/series/1.9.dcm", "WANG_LI.dcm",
    )  # fmt: skip
    broken = tmp_path / "broken"
    for number, name in enumerate(names):
        (broken / name).parent.mkdir(parents=True, exist_ok=True)
        (broken / name).write_bytes(b"no image %d" % number)
    # Another woman's, in a folder with her number.
    mammogram(broken / "H1234567" / "a.dcm", PatientID="Z9", StudyInstanceUID="1.9", Laterality="R")
    batch = import_studies([broken], site=site, by_user=None)
    assert (batch.counts["rejected"], batch.counts["quarantined"]) == (len(names), 1)
    _withdraw(site, dana)
    others = batch.items.select_related("batch__site").get(outcome="quarantined")
    assert others.source == "(erased)"
    assert storage.read_original(others.quarantine_file, site.key_id)
    assert others.details["patient"]
    left = sorted(item.source for item in batch.items.select_related("batch__site"))
    assert left == ["(erased)"] * 5 + ["broken/WANG_LI.dcm"]
    assert {item.reason for item in ImportItem.objects.exclude(image=None)} == {
        "this patient withdrew: her data was erased"
    }
