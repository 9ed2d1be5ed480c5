"""Reporting doctors: keyed hashes that a data manager assigns to accounts; they never rate what they reported."""

import uuid
from pathlib import Path

import pytest
from django.test import Client

from mammo.accounts.models import AuditEvent, Site, User
from mammo.archive.models import Study
from mammo.archive.reporting_doctors import assign, hashes_of, names_of, reported_by, reporters_of
from mammo.archive.reports_import import import_reports
from mammo.archive.services import import_studies
from mammo.archive.tables import Row
from mammo.core.errors import NotAllowedError, UserError

from .files import mammogram, picture


@pytest.fixture
def reported(tmp_path: Path, site: Site) -> Study:
    """A study that Dr Zhou read; the header says so."""
    file = mammogram(tmp_path / "in" / "a.dcm", NameOfPhysiciansReadingStudy="ZHOU^MIN=周^敏")
    import_studies([file], site=site, by_user=None)
    return Study.objects.get()


def test_the_study_keeps_a_hash_and_the_data_manager_finds_the_name_in_the_roster(
    reported: Study, site: Site
) -> None:
    (only,) = reporters_of(site)
    assert (only.studies, only.row, len(only.name_hash)) == (1, None, 64)
    assert names_of(site, [only.name_hash]) == {only.name_hash: "ZHOU^MIN=周^敏"}


def test_every_doctor_that_any_file_of_the_study_names_is_kept_once(
    reported: Study, site: Site, tmp_path: Path
) -> None:
    for number, name in enumerate(("WANG^LI", "ZHOU^MIN=周^敏")):
        image = picture(seed=number + 5)
        file = mammogram(
            tmp_path / f"{number}.dcm", image=image, view="MLO", NameOfPhysiciansReadingStudy=name
        )
        import_studies([file], site=site, by_user=None)
    reported.refresh_from_db()
    assert len(reported.reporting_doctors) == len(set(reported.reporting_doctors)) == 2
    assert set(names_of(site, reported.reporting_doctors).values()) == {"WANG^LI", "ZHOU^MIN=周^敏"}


@pytest.mark.parametrize("is_known_report", [False, True])
def test_a_doctor_of_the_ris_column_is_found_in_the_roster_and_assigned(
    site: Site, sena: User, dana: User, tmp_path: Path, *, is_known_report: bool
) -> None:
    import_studies([mammogram(tmp_path / "in" / "a.dcm")], site=site, by_user=None)
    cells = {"patient": "H1234567", "accession": "ACC1", "text": "双乳BI-RADS 2类，报告医师周敏"}
    if is_known_report:  # the table came without its column of doctors at first
        import_reports([Row(2, cells)], Path("ris.csv"), site=site, by_user=None, is_simulated=False)
        assert reporters_of(site) == []
    rows = [Row(2, {**cells, "doctor": "周敏"})]
    for _ in range(2):
        import_reports(rows, Path("ris.csv"), site=site, by_user=None, is_simulated=False)
    (only,) = reporters_of(site)
    assert names_of(site, [only.name_hash]) == {only.name_hash: "周敏"}
    study = Study.objects.get()
    assert study.patient.roster["doctors"] == ["周敏"]
    assert study.patient.roster["names"] == ["Li^Xiuying=李^秀英"]
    assign(only.name_hash, sena, site=site, by_user=dana)
    assert reported_by(study, sena)


def test_an_assigned_account_stands_for_its_doctor(
    reported: Study, site: Site, dana: User, sena: User
) -> None:
    (only,) = reporters_of(site)
    assert not reported_by(reported, sena)
    assign(only.name_hash, sena, site=site, by_user=dana)
    assert reported_by(reported, sena)
    assign(only.name_hash, None, site=site, by_user=dana)  # it was a namesake
    assert not reported_by(reported, sena)
    assert AuditEvent.objects.filter(action="archive.reporting_doctor_assigned", actor=dana).count() == 2


def test_an_accounts_own_name_counts_until_it_is_assigned_to_another(
    reported: Study, site: Site, dana: User, sena: User, sol: User
) -> None:
    from mammo.archive.pseudonyms import installation

    (only,) = reporters_of(site)
    User.objects.filter(pk=sol.pk).update(display_name="Zhou^Min=周^敏")
    sol.refresh_from_db()
    assert installation().person_hash(site.code, sol.display_name) == only.name_hash
    assert reported_by(reported, sol)
    assign(only.name_hash, sena, site=site, by_user=dana)
    assert not reported_by(reported, sol)
    assert only.name_hash in hashes_of(sena, site)


def test_what_makes_no_sense_is_refused(
    reported: Study, site: Site, dana: User, rita: User, otto: User
) -> None:
    (only,) = reporters_of(site)
    with pytest.raises(NotAllowedError):
        assign(only.name_hash, rita, site=site, by_user=rita)
    with pytest.raises(UserError, match="no role at this site"):
        assign(only.name_hash, otto, site=site, by_user=dana)
    for unknown in ("f" * 64, only.name_hash[:8], ""):
        with pytest.raises(UserError, match="no study"):
            assign(unknown, None, site=site, by_user=dana)


def test_the_page_assigns_and_seeing_names_is_audited(
    reported: Study, site: Site, dana: User, sena: User, rita: User, client: Client
) -> None:
    client.force_login(dana)
    page = client.get("/archive/imports/doctors/").content.decode()
    assert "ZHOU" in page
    assert AuditEvent.objects.filter(action="archive.reporting_doctors_seen", actor=dana).count() == 1
    (only,) = reporters_of(site)
    posted = {"site": "north", "doctor": only.name_hash, "account": sena.username}
    answer = client.post("/archive/imports/doctors/assign/", {**posted, "idempotency_key": str(uuid.uuid4())})
    assert answer.status_code == 302
    assert reported_by(reported, sena)
    client.force_login(rita)
    assert client.get("/archive/imports/doctors/").status_code == 404
