"""Texts of a patient in the rows: encrypted under her key, saved by version, gone with her key."""

import threading
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection, connections, transaction

from mammo.accounts.models import Site
from mammo.archive.models import Patient, Study
from mammo.core.encryption import ERASED
from mammo.core.errors import StaleVersionError, UserError
from mammo.core.keys import key_store
from mammo.core.versions import save_versioned

pytestmark = pytest.mark.django_db
TEXT = "左乳外上象限肿块 lump"
Admit = Callable[..., Study]


@pytest.fixture
def admit(site: Site) -> Admit:
    """Make a study of a new patient."""

    def make(**changes: Any) -> Study:
        name = uuid.uuid4().hex
        patient = Patient.objects.create(
            site=site, pseudonym=name, number_hash=name, key_id=key_store().create(), roster={"names": ["王"]}
        )
        return Study.objects.create(
            site=site, patient=patient, study_uid=name, study_uid_hash=name, **{"symptom": TEXT, **changes}
        )

    return make


def stored(study: Study, column: str = "symptom") -> str:
    """The column as it stands in the table."""
    study_id = study.pk.hex if connection.vendor == "sqlite" else str(study.pk)
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {column} FROM archive_study WHERE id = %s", [study_id])
        return str(cursor.fetchone()[0])


def test_the_table_holds_no_readable_text_and_the_row_reads_as_written(admit: Admit) -> None:
    study = admit()
    assert "lump" not in stored(study)
    assert "肿块" not in stored(study)
    assert Study.objects.get(pk=study.pk).symptom == TEXT
    assert Patient.objects.get(pk=study.patient_id).roster == {"names": ["王"]}


def test_an_empty_text_stays_empty(admit: Admit) -> None:
    assert stored(admit(symptom="")) == ""


def test_bulk_creation_encrypts_too(admit: Admit) -> None:
    first = admit()
    fresh = [
        Study(site=first.site, patient=first.patient, study_uid=n, study_uid_hash=n, symptom=TEXT)
        for n in ("a", "b")
    ]
    Study.objects.bulk_create(fresh)
    assert all("lump" not in stored(study) for study in fresh)
    assert {Study.objects.get(pk=study.pk).symptom for study in fresh} == {TEXT}


def test_two_patients_with_one_text_do_not_look_alike(admit: Admit) -> None:
    assert stored(admit()) != stored(admit())


def test_an_update_that_would_write_plain_text_is_refused(admit: Admit) -> None:
    study = admit()
    with pytest.raises(TypeError, match="encrypted per patient"), transaction.atomic():
        Study.objects.filter(pk=study.pk).update(symptom="plain")
    assert Study.objects.get(pk=study.pk).symptom == TEXT


def test_a_text_moved_to_another_column_or_patient_is_refused(admit: Admit) -> None:
    study, other = admit(), admit()
    with connection.cursor() as cursor:
        cursor.execute("UPDATE archive_study SET history = %s", [stored(study)])
    with pytest.raises(UserError, match="misplaced"):
        Study.objects.get(pk=study.pk)
    assert other.patient_id != study.patient_id


def test_with_her_key_her_texts_are_gone_and_the_row_stays(admit: Admit) -> None:
    study, other = admit(), admit()
    key_store().destroy(study.patient.key_id)
    erased = Study.objects.get(pk=study.pk)
    assert erased.symptom == ERASED
    assert Study.objects.get(pk=other.pk).symptom == TEXT
    with pytest.raises(ValueError, match="tombstone"), transaction.atomic():
        erased.save()
    erased.density = "C"
    erased.save(update_fields=["density"])
    assert stored(erased, "density") == "C"


def test_a_save_with_the_version_one_saw_moves_it_on(admit: Admit) -> None:
    study = admit()
    save_versioned(study, expected_version=1, changes={"symptom": "changed", "density": "B"})
    fresh = Study.objects.get(pk=study.pk)
    assert (fresh.symptom, fresh.density, fresh.version, study.version) == ("changed", "B", 2, 2)
    assert "changed" not in stored(study)


def test_a_stale_save_changes_nothing_and_brings_both_texts(admit: Admit) -> None:
    study = admit()
    mine, hers = Study.objects.get(pk=study.pk), Study.objects.get(pk=study.pk)
    save_versioned(hers, expected_version=1, changes={"symptom": "hers"})
    with pytest.raises(StaleVersionError) as caught:
        save_versioned(mine, expected_version=1, changes={"symptom": "mine"})
    current = caught.value.current
    assert isinstance(current, Study)
    assert (current.symptom, caught.value.current_version, mine.symptom) == ("hers", 2, "mine")
    assert Study.objects.get(pk=study.pk).symptom == "hers"


@pytest.mark.django_db(transaction=True)
def test_of_twenty_writers_at_once_none_is_lost_in_silence(admit: Admit) -> None:
    study, told = admit(), []

    def save(number: int) -> None:
        mine = Study.objects.get(pk=study.pk)
        try:
            save_versioned(mine, expected_version=1, changes={"symptom": f"writer {number}"})
            told.append("saved")
        except StaleVersionError:
            told.append("stale")
        finally:
            connections.close_all()

    writers = [threading.Thread(target=save, args=(n,)) for n in range(20)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert sorted(told) == ["saved"] + ["stale"] * 19
    assert Study.objects.get(pk=study.pk).version == 2
