"""A key that was made for a new patient and that no patient took does not stay; one that is in use always does."""

import hashlib
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.db import transaction

from mammo.accounts.models import Site
from mammo.archive import patients, storage
from mammo.archive.labels import Labels
from mammo.archive.models import ImportItem, Patient
from mammo.archive.parsing import ParsingPool
from mammo.archive.patients import patient_of_number
from mammo.archive.pseudonyms import installation
from mammo.archive.services import import_studies
from mammo.archive.sources import Source
from mammo.archive.studies_import import StudyImport, open_batch
from mammo.archive.study_rows import Found
from mammo.archive.written_files import WrittenFiles, remove_unnamed
from mammo.core.keys import KeyDestroyedError, KeyStore, key_store

from .files import mammogram, picture

pytestmark = pytest.mark.django_db(transaction=True)


def key_files() -> set[str]:
    return {path.stem for path in (Path(settings.MAMMO_KEYS) / "data").glob("*.key")}


@pytest.fixture
def made(site: Site) -> Callable[[], set[str]]:
    """Keys that were made since, and are there."""
    before = key_files()
    return lambda: key_files() - before


def read(site: Site, source: Path, staged: Path) -> Found:
    """A file of the site as an import has it before its rows are written."""
    asked = {"task": "import", "path": str(source), "target": str(staged), "site": site.code, "label": None}
    with ParsingPool[int](installation(), children=1) as pool:
        answer = next(iter(pool.answers([(0, asked)])))[1]
    digest = hashlib.sha256(source.read_bytes()).hexdigest()
    return Found(Source(str(source), source), sha256=digest, staged=staged, answer=answer)


def an_import(site: Site) -> StudyImport:
    batch = open_batch(site, "files", by_user=None, is_simulated=False, batch_id=None)
    return StudyImport(batch, Labels([], None), None)


class Overtaken(StudyImport):
    """An import that has made its patient's key when another one stores the same patient."""

    overtaker: Callable[[], Any] | None = None

    def _keys(self, waiting: list[Found]) -> dict[str, uuid.UUID]:
        keys = super()._keys(waiting)
        if self.overtaker is not None:
            overtaker, self.overtaker = self.overtaker, None
            overtaker()
        return keys


def test_the_key_of_an_import_that_was_overtaken_is_removed(
    site: Site, tmp_path: Path, made: Callable[[], set[str]]
) -> None:
    first = mammogram(tmp_path / "a.dcm", SOPInstanceUID="1.2.4.1", image=picture(seed=1))
    second = mammogram(tmp_path / "b.dcm", SOPInstanceUID="1.2.4.2", image=picture(seed=2))
    winner, loser = read(site, first, tmp_path / "a.view"), read(site, second, tmp_path / "b.view")
    run = Overtaken(an_import(site).batch, Labels([], None), None)
    run.overtaker = lambda: an_import(site).store([winner])
    run.store([loser])
    assert [winner.outcome, loser.outcome] == ["imported", "imported"]
    patient = Patient.objects.get()
    assert made() == {str(patient.key_id)}
    for found in (winner, loser):
        assert found.image is not None
        original = storage.read_original(found.image.original, patient.key_id)
        assert hashlib.sha256(original).hexdigest() == found.sha256
    assert patient.roster["names"]


def test_a_file_that_turns_out_to_be_kept_for_a_person_leaves_no_key(
    site: Site, tmp_path: Path, made: Callable[[], set[str]]
) -> None:
    mammogram(tmp_path / "one" / "a.dcm", SOPInstanceUID="1.2.4.1")
    import_studies([tmp_path / "one"], site=site, by_user=None)
    mammogram(
        tmp_path / "two" / "a.dcm", PatientID="ANOTHER", SOPInstanceUID="1.2.4.1", image=picture(seed=9)
    )
    import_studies([tmp_path / "two"], site=site, by_user=None)
    assert ImportItem.objects.filter(outcome="quarantined").count() == 1
    assert made() == {str(Patient.objects.get().key_id)}


def test_a_job_whose_transaction_fails_leaves_a_note_by_which_the_key_is_removed(
    site: Site, tmp_path: Path, made: Callable[[], set[str]]
) -> None:
    found = read(site, mammogram(tmp_path / "a.dcm"), tmp_path / "a.view")
    with transaction.atomic():
        an_import(site).store([found])
        (key,) = made()
        assert Patient.objects.get().key_id == uuid.UUID(key)
        transaction.set_rollback(True)
    assert (made(), Patient.objects.count()) == ({key}, 0)
    assert remove_unnamed() == 0, "no transaction is surely over yet"
    assert remove_unnamed(older_than_seconds=0) == 3, "key, original, viewing copy"
    assert made() == set()


def test_a_note_that_outlived_its_transaction_costs_no_patient_her_key(
    site: Site, made: Callable[[], set[str]]
) -> None:
    written = WrittenFiles()
    key = written.new_key()
    Patient.objects.create(site=site, number_hash="h", pseudonym="P-1", key_id=key)
    remove_unnamed(older_than_seconds=0)
    written.close()
    assert made() == {str(key)}
    assert key_store().cipher(key)


def test_a_question_of_a_patient_who_was_made_in_between_leaves_no_key(
    site: Site, monkeypatch: pytest.MonkeyPatch, made: Callable[[], set[str]]
) -> None:
    class OvertakenStore(KeyStore):
        def create(self, key_id: uuid.UUID | None = None) -> uuid.UUID:
            monkeypatch.undo()
            patient_of_number(site, "P77")
            return super().create(key_id)

    monkeypatch.setattr(patients, "key_store", lambda: OvertakenStore(Path(settings.MAMMO_KEYS)))
    patient = patient_of_number(site, "P77")
    assert made() == {str(patient.key_id)}
    assert patient_of_number(site, "P77") == patient


def test_a_tombstone_is_never_taken_away(tmp_path: Path) -> None:
    store = KeyStore(tmp_path)
    key, unused = store.create(), store.create()
    store.destroy(key)
    for each in (key, unused, unused, uuid.uuid4()):
        store.discard(each)
    with pytest.raises(KeyDestroyedError):
        store.cipher(key)
    assert [path.stem for path in (tmp_path / "data").iterdir()] == [str(key)]
