"""The life of a job's row: who may move it, when, and what a worker of an earlier attempt may still do."""

import itertools
import threading
import uuid
from collections import Counter
from datetime import timedelta
from typing import Any

import pytest
from django.db import connections, transaction
from django.utils import timezone

from mammo.accounts.models import AuditEvent, Membership, Role, Site, User
from mammo.accounts.services import grant_role, revoke_role
from mammo.core.errors import NotAllowedError, UserError, WrongStateError
from mammo.jobs import doorbell, reaper, runner, services, tasks
from mammo.jobs.models import ENDED, TRANSITIONS, Beat, Job, JobState
from mammo.jobs.timing import Timing, timing
from mammo.jobs.transitions import StaleAttemptError, move
from tests.mammo.jobs.counting import KIND, effects

pytestmark = pytest.mark.django_db

LEGAL = {
    ("queued", "running"), ("queued", "cancelled"), ("queued", "failed"),
    ("running", "ingesting"), ("running", "queued"), ("running", "failed"), ("running", "cancelled"),
    ("ingesting", "succeeded"), ("ingesting", "queued"), ("ingesting", "failed"), ("ingesting", "cancelled"),
    ("failed", "queued"), ("cancelled", "queued"),
}  # fmt: skip
ROWS = [{"value": 1, "environment": {}}, {"value": 2, "environment": {}}]


@pytest.fixture(autouse=True)
def rung(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Doorbells go into a list; the real broker is in test_processes.py."""
    sent: list[str] = []
    monkeypatch.setattr(doorbell, "_publish", lambda job: sent.append(str(job.pk)))
    return sent


def queued(by_user: User | None = None, **changes: Any) -> Job:
    return services.submit(KIND, by_user=by_user, parameters={"mode": "count"}, **changes)


def running(by_user: User | None = None, **changes: Any) -> Job:
    job = services.claim(queued(by_user, **changes).pk, "host:1")
    assert job is not None
    return job


def in_state(state: str) -> Job:
    job = queued()
    now = timezone.now()
    lease = now + timedelta(minutes=1) if state in ("running", "ingesting") else None
    finished = now if state in ENDED else None
    Job.objects.filter(pk=job.pk).update(state=state, lease_until=lease, finished_at=finished, attempt=1)
    job.refresh_from_db()
    return job


def actions(job: Job) -> list[str]:
    found = AuditEvent.objects.filter(object_id=str(job.pk)).order_by("sequence")
    return list(found.values_list("action", flat=True))


@pytest.mark.parametrize(("source", "target"), list(itertools.product(JobState.values, repeat=2)))
def test_only_the_listed_moves_are_made(source: str, target: str) -> None:
    job = in_state(source)
    lease = {"lease_until": timezone.now()} if target in ("running", "ingesting") else {}
    if (source, target) in LEGAL:
        assert move(job, target, **lease).state == target
    else:
        with pytest.raises(WrongStateError):
            move(job, target, **lease)
        assert Job.objects.get(pk=job.pk).state == source


def test_the_table_of_moves_is_the_one_above() -> None:
    assert {(str(s), str(t)) for s, targets in TRANSITIONS.items() for t in targets} == LEGAL


def test_submitting_rings_after_the_commit(rung: list[str], django_capture_on_commit_callbacks: Any) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        job = queued()
        assert rung == []
    assert rung == [str(job.pk)]
    job.refresh_from_db()
    assert (job.rings, job.state) == (1, "queued")
    assert actions(job) == ["jobs.submitted"]


@pytest.mark.django_db(transaction=True)
def test_a_submission_that_is_rolled_back_rings_nobody(rung: list[str]) -> None:
    with transaction.atomic():
        queued()
        transaction.set_rollback(True)
    assert rung == []
    assert not Job.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_a_broker_that_is_away_breaks_no_request_and_loses_no_job(monkeypatch: pytest.MonkeyPatch) -> None:
    def away(job: Job) -> None:
        raise ConnectionRefusedError("no broker")

    monkeypatch.setattr(doorbell, "_publish", away)
    job = queued()
    sent: list[Job] = []
    monkeypatch.setattr(doorbell, "_publish", sent.append)
    later = timezone.now() + timedelta(seconds=timing().ring_again + 1)
    monkeypatch.setattr(timezone, "now", lambda: later)
    assert doorbell.ring_overdue() == 1
    assert sent == [job]


def test_the_same_key_of_the_same_account_is_the_same_job(rita: User, dana: User) -> None:
    key = uuid.uuid4()
    first = queued(rita, idempotency_key=key)
    assert queued(rita, idempotency_key=key) == first
    assert queued(dana, idempotency_key=key) != first


def test_an_unknown_kind_is_refused_by_name() -> None:
    with pytest.raises(UserError, match=r"tests\.nobody"):
        services.submit("tests.nobody", by_user=None, parameters={})
    assert not Job.objects.exists()


def test_a_queued_job_is_claimed_once() -> None:
    job = queued()
    first = services.claim(job.pk, "a:1")
    assert first is not None
    assert (first.state, first.attempt, first.worker) == ("running", 1, "a:1")
    assert services.claim(job.pk, "b:2") is None
    assert services.claim(uuid.uuid4(), "b:2") is None


@pytest.mark.django_db(transaction=True)
def test_of_ten_workers_at_once_one_gets_the_job() -> None:
    job, winners = queued(), []

    def try_it(number: int) -> None:
        if services.claim(job.pk, f"w:{number}") is not None:
            winners.append(number)
        connections.close_all()

    workers = [threading.Thread(target=try_it, args=(n,)) for n in range(10)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert len(winners) == 1


def test_the_answer_becomes_rows_in_the_move_that_ends_the_job() -> None:
    job = services.finish(running(), ROWS)
    assert (job.state, job.result["total"], effects(job)) == ("succeeded", 3, 1)
    assert job.finished_at is not None
    assert job.lease_until is None
    assert actions(job)[-1] == "jobs.succeeded"


def test_a_failing_ingest_leaves_no_rows() -> None:
    job = services.submit(KIND, by_user=None, parameters={"mode": "uningestible"})
    claimed = services.claim(job.pk, "w:1")
    assert claimed is not None
    with pytest.raises(KeyError):
        services.finish(claimed, ROWS)
    assert effects(job) == 0
    assert Job.objects.get(pk=job.pk).state == "ingesting"


@pytest.fixture
def stale() -> Job:
    """What an earlier attempt's worker still holds after the job went to a second one."""
    held = running()
    services.requeue(Job.objects.get(pk=held.pk), "its worker was lost")
    assert services.claim(held.pk, "other:2") is not None
    return held


@pytest.mark.parametrize(
    "write",
    [
        services.heartbeat,
        services.is_cancel_requested,
        lambda job: services.report_progress(job, {"done": 9, "total": 9}),
        lambda job: services.finish(job, ROWS),
        lambda job: services.fail(job, "late"),
        lambda job: services.requeue(job, "late"),
        services.confirm_cancelled,
    ],
)
def test_an_earlier_attempt_writes_nothing(stale: Job, write: Any) -> None:
    before = Job.objects.filter(pk=stale.pk).values().get()
    with pytest.raises(StaleAttemptError):
        write(stale)
    assert Job.objects.filter(pk=stale.pk).values().get() == before
    assert effects(stale) == 0


def test_an_attempt_that_failed_goes_back_to_the_queue_until_the_last_one(
    rung: list[str], django_capture_on_commit_callbacks: Any
) -> None:
    job = queued()
    for attempt in (1, 2, 3):
        claimed = services.claim(job.pk, "w:1")
        assert claimed is not None
        assert claimed.attempt == attempt
        with django_capture_on_commit_callbacks(execute=True):
            ended = services.requeue(claimed, "it broke")
        assert ended.state == ("queued" if attempt < 3 else "failed")
    assert len(rung) == 2
    assert (ended.error, ended.failed_attempts) == ("it broke", 3)


def test_a_stop_of_the_machine_is_no_failed_attempt() -> None:
    job = services.requeue(running(), "its worker was stopped", counts=False)
    assert (job.state, job.failed_attempts) == ("queued", 0)


def test_a_queued_job_is_cancelled_at_once(rita: User, site: Site) -> None:
    job = services.cancel(queued(rita, site=site), by_user=rita)
    assert job.state == "cancelled"
    assert services.claim(job.pk, "w:1") is None
    assert services.cancel(job, by_user=rita).state == "cancelled"
    assert actions(job).count("jobs.cancel_requested") == 1


def test_a_running_job_is_asked_to_stop_and_never_queued_again(rita: User, site: Site) -> None:
    job = running(rita, site=site)
    services.cancel(job, by_user=rita)
    assert services.heartbeat(job) is True
    assert services.requeue(job, "it stopped").state == "cancelled"


def test_by_default_a_cancelled_job_has_stopped_and_freed_its_gpu_within_ninety_seconds() -> None:
    given = Timing()
    assert given.poll + given.grace < 90
    assert given.reap + given.lease < 120, "also when its worker was killed while it was asked to stop"


def test_what_has_ended_cannot_be_cancelled(rita: User, site: Site) -> None:
    job = services.finish(running(rita, site=site), ROWS)
    with pytest.raises(WrongStateError):
        services.cancel(job, by_user=rita)


def test_a_person_gives_a_failed_job_all_its_attempts_again(rita: User, site: Site) -> None:
    failed = services.fail(running(rita, site=site), "question 7 has no text")
    job = services.retry(failed, by_user=rita)
    assert (job.state, job.failed_attempts, job.error, job.finished_at) == ("queued", 0, "", None)
    claimed = services.claim(job.pk, "w:2")
    assert claimed is not None
    assert claimed.attempt == 2
    with pytest.raises(WrongStateError):
        services.retry(claimed, by_user=rita)


def test_strangers_steer_nothing(rita: User, otto: User, june: User, site: Site) -> None:
    job = running(rita, site=site)
    for stranger in (otto, june):
        with pytest.raises(NotAllowedError):
            services.cancel(job, by_user=stranger)
    services.fail(job, "broken")
    with pytest.raises(NotAllowedError):
        services.retry(job, by_user=otto)


def test_the_reaper_queues_what_a_silent_worker_held() -> None:
    silent, alive = running(), running()
    Job.objects.filter(pk=silent.pk).update(lease_until=timezone.now() - timedelta(seconds=1))
    assert reaper.reap().lapsed == 1
    silent.refresh_from_db()
    alive.refresh_from_db()
    assert (silent.state, silent.failed_attempts, alive.state) == ("queued", 1, "running")
    assert Beat.objects.get(pk="reaper").at <= timezone.now()


def test_the_reaper_ends_what_was_cancelled_and_then_lost(rita: User, site: Site) -> None:
    job = running(rita, site=site)
    services.cancel(job, by_user=rita)
    Job.objects.filter(pk=job.pk).update(lease_until=timezone.now() - timedelta(seconds=1))
    reaper.reap()
    assert Job.objects.get(pk=job.pk).state == "cancelled"


def test_the_reaper_rings_for_what_nobody_claimed_ever_more_seldom(
    rung: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    running()  # the queue's worker is busy; the other job can only wait
    queued()
    now, pauses = timezone.now(), []
    monkeypatch.setattr(timezone, "now", lambda: now)
    for second in range(0, 1000, 5):
        now = now + timedelta(seconds=5)
        if doorbell.ring_overdue():
            pauses.append(second)
    waits = [b - a for a, b in itertools.pairwise(pauses)]
    assert waits[:4] == [30, 60, 120, 240]
    assert set(waits[4:]) == {300}


def test_where_nobody_works_the_oldest_job_is_rung_for_steadily(
    rung: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    oldest, _second, _third = queued(), queued(), queued()
    now = timezone.now()
    monkeypatch.setattr(timezone, "now", lambda: now)
    for _ in range(200):
        now = now + timedelta(seconds=5)
        doorbell.ring_overdue()
    times = Counter(rung)
    assert times.pop(str(oldest.pk)) == 1 + 990 // 30
    assert max(times.values()) < 10, "the others' messages would fill the queue"


def test_a_ring_that_no_broker_took_does_not_count(rung: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Job] = []

    def away(job: Job) -> None:
        asked.append(job)
        raise ConnectionRefusedError("no broker")

    queued()
    queued()
    with monkeypatch.context() as broken:
        broken.setattr(doorbell, "_publish", away)
        for _ in range(50):  # a long outage
            assert doorbell.ring_overdue() == 0
    assert len(asked) == 50, "one question each time, not one for each job"
    assert doorbell.ring_overdue() == 2, "back at the next pass"


def test_a_worker_goes_on_with_what_waited_longest_in_its_queue() -> None:
    first, second = queued(), queued()
    Job.objects.filter(pk=queued().pk).update(queue="gpu")
    claimed = [services.claim_next("cpu", "w:1") for _ in range(3)]
    assert [job and job.pk for job in claimed] == [first.pk, second.pk, None]


@pytest.mark.django_db(transaction=True)  # the task lets connections go between jobs, as a worker must
def test_one_message_empties_a_queue_that_lost_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    jobs = [queued() for _ in range(3)]
    monkeypatch.setattr(runner, "run", lambda job: services.finish(job, ROWS))
    tasks.run_job(job_id=str(jobs[1].pk))
    assert [Job.objects.get(pk=job.pk).state for job in jobs] == ["succeeded"] * 3
    assert [effects(job) for job in jobs] == [1, 1, 1]


def test_waiting_returns_the_ended_job_or_gives_up_in_time() -> None:
    assert services.wait(services.finish(running(), ROWS), timeout=1).is_ended
    assert not services.wait(queued(), timeout=0.1).is_ended


@pytest.mark.parametrize(
    ("state", "lease", "finished"),
    [
        ("running", False, False),
        ("succeeded", False, False),
        ("queued", False, True),
        ("nowhere", False, False),
    ],
)
def test_the_database_itself_refuses_impossible_rows(state: str, lease: bool, finished: bool) -> None:
    from django.db import IntegrityError

    job, now = queued(), timezone.now()
    with pytest.raises(IntegrityError), transaction.atomic():
        Job.objects.filter(pk=job.pk).update(
            state=state, lease_until=now if lease else None, finished_at=now if finished else None
        )


def test_who_lost_every_role_at_a_site_steers_no_job_there(rita: User, site: Site, other_site: Site) -> None:
    """Also their own; a role of whatever kind is enough, and a job of no site stays its submitter's."""
    job, siteless = queued(rita, site=site), queued(rita)
    held = Membership.objects.get(user=rita)
    grant_role(rita, Role.AUTHOR, site, by_user=None)
    grant_role(rita, Role.JUNIOR, other_site, by_user=None)
    revoke_role(held, by_user=None)
    assert set(Job.objects.visible_to(rita)) == {job, siteless}
    revoke_role(Membership.objects.get(user=rita, site=site), by_user=None)
    assert set(Job.objects.visible_to(rita)) == {siteless}
    with pytest.raises(NotAllowedError):
        services.cancel(job, by_user=rita)
