"""Logs may hold patients' texts: who reads them, that it is on record, and when they are destroyed."""

import os
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from mammo.accounts.models import AuditEvent, Site, User
from mammo.accounts.services import create_account
from mammo.core.errors import NotAllowedError
from mammo.jobs import chores, doorbell, logs, reaper, runner, services
from mammo.jobs.attempt_files import AttemptFiles
from mammo.jobs.models import Job
from tests.mammo.jobs.counting import KIND

pytestmark = pytest.mark.django_db
SPOKEN = "a lump in the left breast"


@pytest.fixture(autouse=True)
def _silent_doorbell(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doorbell, "_publish", lambda job: None)


def ended(user: User | None, site: Site | None, kind: str = KIND) -> Job:
    """A job that has run and whose log quotes a patient."""
    job = runner.run_here(services.submit(KIND, by_user=user, site=site, parameters={"mode": "count"}))
    assert SPOKEN in AttemptFiles(job).tail(50)
    Job.objects.filter(pk=job.pk).update(kind=kind)
    return Job.objects.select_related("site", "by_user").get(pk=job.pk)


def person(site: Site, role: str) -> User:
    return create_account(f"a-{role}", password="correct horse battery", roles={role: [site]}, by_user=None)


def client_of(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def log_over(client: Client, job: Job) -> tuple[int, str]:
    answer = client.get(f"/api/v1/jobs/{job.pk}/log/")
    return answer.status_code, answer.content.decode()


def read_events() -> list[tuple[str, str]]:
    events = AuditEvent.objects.filter(action="jobs.log_read").order_by("sequence")
    return [(str(event.actor.username), event.object_id) for event in events if event.actor]


@pytest.mark.parametrize(
    ("role", "reads"), [("data_manager", True), ("researcher", False), ("admin", False), ("junior", False)]
)
def test_the_log_of_an_import_is_for_data_managers(site: Site, role: str, reads: bool) -> None:
    user = person(site, role)
    job = ended(user, site, "archive.import_studies")
    client = client_of(user)
    page = client.get(reverse("jobs:job", args=[job.pk]))
    assert page.status_code == 200, "whoever asked for it still sees how far it is"
    assert (SPOKEN in page.content.decode()) is reads
    status, body = log_over(client, job)
    assert (status, SPOKEN in body) == ((200, True) if reads else (404, False))
    assert read_events() == ([(user.username, str(job.pk))] if reads else [])


def test_an_imports_log_of_no_site_is_for_a_data_manager_who_asked_for_it(site: Site) -> None:
    dana, adam = person(site, "data_manager"), person(site, "admin")
    job = ended(dana, None, "archive.import_studies")
    assert job.log_is_readable_by(dana)
    assert not job.log_is_readable_by(adam)
    with pytest.raises(NotAllowedError):
        logs.read_log(job, by_user=adam, lines=10)


@pytest.mark.parametrize("role", ["data_manager", "researcher", "admin"])
def test_other_logs_are_read_by_those_who_steer_jobs(site: Site, role: str) -> None:
    user = person(site, role)
    assert SPOKEN in client_of(user).get(reverse("jobs:job", args=[ended(None, site).pk])).content.decode()


def test_reading_a_log_is_on_record_once_for_each_person_and_job(site: Site) -> None:
    rita, adam = person(site, "researcher"), person(site, "admin")
    first, second = ended(rita, site), ended(rita, site)
    client = client_of(rita)
    for _poll in range(3):
        client.get(reverse("jobs:job", args=[first.pk]), headers={"HX-Request": "true"})
        log_over(client, first)
    client.get(reverse("jobs:job", args=[second.pk]))
    log_over(client_of(adam), first)
    assert read_events() == [
        (rita.username, str(first.pk)),
        (rita.username, str(second.pk)),
        (adam.username, str(first.pk)),
    ]
    event = AuditEvent.objects.filter(action="jobs.log_read").first()
    assert event is not None
    assert (event.site, event.object_type, event.details) == (site, "jobs.job", {"kind": KIND})


def test_a_log_that_says_nothing_yet_is_no_reading(site: Site) -> None:
    rita = person(site, "researcher")
    job = services.submit(KIND, by_user=rita, site=site, parameters={"mode": "count"})
    assert client_of(rita).get(reverse("jobs:job", args=[job.pk])).status_code == 200
    assert read_events() == []


def test_logs_are_destroyed_when_their_days_are_over(site: Site, settings: Any) -> None:
    settings.MAMMO_JOB_LOG_DAYS = 30
    rita = person(site, "researcher")
    old, fresh = ended(rita, site), ended(rita, site)
    now = timezone.now()
    Job.objects.filter(pk=old.pk).update(finished_at=now - timedelta(days=30, minutes=1))
    Job.objects.filter(pk=fresh.pk).update(finished_at=now - timedelta(days=30) + timedelta(minutes=1))
    assert chores.do_chores()["jobs.logs"] == 1
    assert not list(old.folder.rglob("*.sealed"))
    assert SPOKEN in AttemptFiles(fresh).tail(50)
    event = AuditEvent.objects.get(action="jobs.logs_destroyed")
    assert event.details == {"logs": 1, "days": 30}
    page = client_of(rita).get(reverse("jobs:job", args=[old.pk])).content.decode()
    assert "The log was destroyed 30 days after the job&#x27;s end." in page
    assert read_events() == []
    assert chores.do_chores()["jobs.logs"] == 0
    assert AuditEvent.objects.filter(action="jobs.logs_destroyed").count() == 1


def test_the_log_of_an_unknown_job_goes_with_its_age(site: Site, settings: Any) -> None:
    settings.MAMMO_JOB_LOG_DAYS = 1
    job = ended(None, site)
    (sealed,) = job.folder.rglob("log.sealed")
    job.delete()
    assert chores.do_chores()["jobs.logs"] == 0
    two_days_ago = sealed.stat().st_mtime - 2 * 86_400
    os.utime(sealed, (two_days_ago, two_days_ago))
    assert chores.do_chores()["jobs.logs"] == 1
    assert not sealed.exists()


def test_no_days_keep_logs_for_ever(site: Site, settings: Any) -> None:
    settings.MAMMO_JOB_LOG_DAYS = 0
    job = ended(None, site)
    Job.objects.filter(pk=job.pk).update(finished_at=timezone.now() - timedelta(days=4000))
    assert chores.do_chores()["jobs.logs"] == 0
    assert SPOKEN in AttemptFiles(job).tail(50)


def test_an_erasure_destroys_the_logs_that_may_quote_her(site: Site, other_site: Site, rita: User) -> None:
    """Ended before her first row and no import: it stays. Jobs of no site may have worked for hers."""
    came = timezone.now()
    gone = [ended(rita, site), ended(rita, None), ended(None, site, kind="archive.import_table")]
    kept = [ended(rita, site), ended(None, other_site)]
    Job.objects.filter(pk__in=[kept[0].pk, gone[2].pk]).update(finished_at=came - timedelta(days=1))
    assert logs.erase_logs(site, since=came) == 3
    for job in gone:
        assert [path.name for path in job.folder.rglob("*") if path.is_file()] == ["log.erased"]
    for job in kept:
        assert SPOKEN in AttemptFiles(job).tail(50)
    assert logs.read_log(gone[0], by_user=rita, lines=50) == "The log was erased."
    assert read_events() == []
    reaper.keep_house()
    assert logs.read_log(gone[0], by_user=rita, lines=50) == "The log was erased."
    assert logs.erase_logs(site, since=came) == 0


def test_the_log_of_a_job_at_work_goes_when_its_attempt_is_closed(site: Site, rita: User) -> None:
    job = services.claim(services.submit(KIND, by_user=rita, site=site, parameters={}).pk, "worker")
    assert job is not None
    files = AttemptFiles(job)
    files.make()
    files.note(SPOKEN)
    files.request.write_text("{}")
    assert logs.erase_logs(site, since=timezone.now()) == 1
    assert logs.read_log(job, by_user=rita, lines=50) == "The log was erased."
    assert files.request.exists(), "its child works on"
    assert files.last_line() == SPOKEN, "and the row says why it failed, if it does"
    files.close()
    assert [path.name for path in files.folder.iterdir()] == ["log.erased"]


def test_a_log_that_is_sealed_while_logs_are_erased_does_not_stay(
    site: Site, rita: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The worker looked for the mark, then sealed; the erasure passed in between."""
    job = services.claim(services.submit(KIND, by_user=rita, site=site, parameters={}).pk, "worker")
    assert job is not None
    files = AttemptFiles(job)
    files.make()
    files.note(SPOKEN)
    seal = AttemptFiles._seal_log

    def overtaken(self: AttemptFiles) -> None:
        assert logs.erase_logs(site, since=timezone.now()) == 1
        seal(self)

    monkeypatch.setattr(AttemptFiles, "_seal_log", overtaken)
    files.close()
    assert [path.name for path in files.folder.iterdir()] == ["log.erased"]


def test_a_job_that_is_tried_again_after_an_erasure_has_a_log(site: Site, rita: User) -> None:
    job = ended(rita, site)
    logs.erase_logs(site, since=timezone.now() - timedelta(days=1))
    Job.objects.filter(pk=job.pk).update(state="failed")
    again = runner.run_here(services.retry(Job.objects.get(pk=job.pk), by_user=rita))
    assert SPOKEN in logs.read_log(again, by_user=rita, lines=50)
