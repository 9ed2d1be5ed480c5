"""One attempt with a real child process: protocol, endings, and what is left on disk."""

import dataclasses
import os
import signal
import socket
import stat
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import psutil
import pytest
from django.db import OperationalError
from django.utils import timezone

from mammo.accounts.models import Site
from mammo.core.keys import key_store
from mammo.core.system_errors import NO_ROOM, REFUSED
from mammo.jobs import doorbell, kinds, runner, services
from mammo.jobs.attempt_files import AttemptFiles, shred
from mammo.jobs.child import command_line
from mammo.jobs.models import Beat, GpuHold, Job
from tests.mammo.jobs.counting import KEEPING_KIND, KIND, effects

pytestmark = pytest.mark.django_db
SPOKEN = "a lump in the left breast"


@pytest.fixture(autouse=True)
def _silent_doorbell(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doorbell, "_publish", lambda job: None)


def ran(mode: str, site: Site | None = None, **parameters: Any) -> Job:
    return runner.run_here(
        services.submit(KIND, by_user=None, site=site, parameters={"mode": mode, **parameters})
    )


def submitted(**changes: Any) -> Job:
    return services.submit(KIND, by_user=None, parameters={"mode": "count"}, **changes)


def test_a_child_that_answers_ends_its_job_with_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAMMO_MASTER_KEY", "withheld")
    job = ran("count", seconds=0.3)
    assert (job.state, job.result["total"], effects(job)) == ("succeeded", 6, 1)
    assert job.progress["total"] == 3
    environment = job.result["environment"]
    assert environment["CUDA_VISIBLE_DEVICES"] == ""
    assert environment["HF_HUB_OFFLINE"] == "1"
    assert int(environment["OMP_NUM_THREADS"]) >= 1
    assert environment["DATABASE_URL"] is None
    assert environment["MAMMO_MASTER_KEY"] is None


@pytest.mark.parametrize(
    ("mode", "state", "error"),
    [
        ("refuse", "failed", "request: field 'stage' is missing"),
        ("unbuildable", "failed", "question 7: has no text; write one"),
        ("uningestible", "failed", "storing the results: KeyError; the log tells more"),
        ("raise", "queued", "ValueError, exit status 1; the log tells more"),
        ("full", "queued", NO_ROOM),
        ("exit 73", "queued", NO_ROOM),
        ("exit 74", "queued", REFUSED),
        ("die", "queued", "it was ended by signal 9; the log tells more"),
        ("silent", "queued", "it ended without an answer file"),
    ],
)
def test_each_bad_ending_has_its_state_and_one_line(mode: str, state: str, error: str) -> None:
    job = ran(mode)
    assert (job.state, job.error, job.failed_attempts, effects(job)) == (state, error, 1, 0)


@pytest.mark.parametrize(
    ("mode", "state", "error"),
    [
        ("keep", "failed", "request: field 'stage' is missing"),
        ("keep and die", "queued", "it was ended by signal 9; the log tells more"),
    ],
)
def test_what_a_child_kept_before_it_failed_becomes_rows(mode: str, state: str, error: str) -> None:
    job = runner.run_here(services.submit(KEEPING_KIND, by_user=None, parameters={"mode": mode}))
    assert (job.state, job.error, job.failed_attempts, effects(job)) == (state, error, 1, 1)
    assert job.result["total"] == 4
    assert not AttemptFiles(job).kept.exists()
    assert effects(ran(mode)) == 0  # of a kind whose rows stand or fall together nothing stays


def test_kept_rows_that_cannot_be_stored_do_not_hide_why_the_attempt_ended(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(job: Job, rows: Any) -> dict[str, Any]:
        raise KeyError("a column that is not there")

    kind = dataclasses.replace(kinds.get(KEEPING_KIND), ingest=refuse)
    monkeypatch.setitem(kinds._KINDS, KEEPING_KIND, kind)
    job = runner.run_here(services.submit(KEEPING_KIND, by_user=None, parameters={"mode": "keep"}))
    assert (job.state, job.error, effects(job)) == ("failed", "request: field 'stage' is missing", 0)


def test_a_module_that_is_not_there_is_no_mystery(monkeypatch: pytest.MonkeyPatch) -> None:
    from mammo.jobs import kinds

    kinds.register(
        kinds.JobKind("tests.gone", "tests.mammo.jobs.gone", lambda job: {}, lambda job, rows: None)
    )
    job = runner.run_here(services.submit("tests.gone", by_user=None, parameters={}))
    assert job.state == "queued"
    assert "No module named" in AttemptFiles(job).tail(5)


def test_afterwards_the_disk_holds_nothing_readable_of_a_patient(site: Site) -> None:
    job = ran("count", site, question=SPOKEN)
    left = [path for path in job.folder.rglob("*") if path.is_file()]
    assert [path.name for path in left] == ["log.sealed"]
    assert all(SPOKEN.encode() not in path.read_bytes() for path in left)
    assert SPOKEN in AttemptFiles(job).tail(10)


def test_an_error_that_quotes_a_patient_stays_in_the_log(site: Site) -> None:
    job = ran("raise", site)
    assert "Mrs Example" not in job.error
    assert "Mrs Example" in AttemptFiles(job).tail(10)


def test_the_log_of_a_site_is_gone_with_the_sites_key(site: Site) -> None:
    from mammo.core.keys import KeyDestroyedError

    job = ran("count", site)
    key_store().destroy(site.key_id)
    with pytest.raises(KeyDestroyedError):
        AttemptFiles(job).tail(10)


def test_a_job_of_no_site_has_a_key_of_its_own() -> None:
    first, second = ran("count"), ran("count")
    assert first.key_id is not None
    assert first.key_id != second.key_id
    assert SPOKEN in AttemptFiles(first).tail(10)


def test_request_and_log_are_closed_to_other_accounts() -> None:
    job = services.submit(KIND, by_user=None, parameters={})
    files = AttemptFiles(job)
    before = os.umask(0)
    try:
        files.make()
        files.write_request({"question": SPOKEN})
    finally:
        os.umask(before)
    assert stat.S_IMODE(files.folder.stat().st_mode) == 0o700
    assert stat.S_IMODE(files.request.stat().st_mode) == 0o600
    assert stat.S_IMODE(files.log.stat().st_mode) == 0o600


def test_shredding_follows_no_link(tmp_path: Path) -> None:
    kept = tmp_path / "kept.txt"
    kept.write_text("stays")
    folder = tmp_path / "attempt"
    folder.mkdir()
    (folder / "link").symlink_to(kept)
    (folder / "inner").mkdir()
    (folder / "inner" / "request.json").write_text(SPOKEN)
    shred(folder)
    assert kept.read_text() == "stays"
    assert not folder.exists()


def test_a_kind_that_spreads_runs_on_several_gpus_under_torchrun_any_other_in_one_process() -> None:
    files = AttemptFiles(Job(attempt=1))
    answering = kinds.get(KIND)
    training = dataclasses.replace(answering, module="modeling.training.sft", spreads=True)
    one, four = command_line(training, files, 1), command_line(training, files, 4)
    assert one[1:3] == ["-m", "modeling.training.sft"]
    assert four[1:5] == ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node=4"]
    assert four[5:7] == ["-m", "modeling.training.sft"]
    assert command_line(answering, files, 4)[1:3] == ["-m", answering.module]


def test_a_job_that_asks_for_more_gpus_than_there_are_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "2,3,5")
    job = runner.run_here(services.submit(KIND, by_user=None, parameters={"mode": "count"}, gpus=4))
    assert job.state == "failed"
    assert "4 GPUs and its worker has 3" in job.error


def test_a_child_sees_the_gpus_its_job_holds_and_they_are_free_afterwards(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "2,3,5")
    other = services.claim(submitted(gpus=1).pk, "w:1")
    assert other is not None
    job = runner.run_here(submitted(gpus=2))
    assert job.result["environment"]["CUDA_VISIBLE_DEVICES"] == "3,5"
    assert list(GpuHold.objects.values_list("device", "job")) == [("2", other.pk)]
    assert runner.run_here(submitted()).result["environment"]["CUDA_VISIBLE_DEVICES"] == ""


def test_a_job_waits_while_its_gpus_are_in_use(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1")
    first, second, small = submitted(gpus=1), submitted(gpus=2), submitted()
    held = services.claim(first.pk, "w:1")
    assert held is not None
    assert services.claim(second.pk, "w:2") is None
    second.refresh_from_db()
    assert (second.state, second.attempt, GpuHold.objects.count()) == ("queued", 0, 1)
    assert services.claim_next("cpu", "w:2") == small, "one that needs no GPU goes first"
    services.requeue(held, "its worker was lost", where=None)
    assert services.claim(second.pk, "w:2") is not None
    assert sorted(GpuHold.objects.values_list("device", flat=True)) == ["0", "1"]


@pytest.mark.parametrize("end", [services.confirm_cancelled, lambda job: services.fail(job, "broken")])
def test_every_end_gives_the_gpus_back(end: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    job = services.claim(submitted(gpus=1).pk, "w:1")
    assert job is not None
    assert GpuHold.objects.count() == 1
    end(job)
    assert not GpuHold.objects.exists()


def test_a_child_left_on_a_gpu_is_ended_before_the_next_one_starts(
    monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "7")
    environment = {
        **os.environ, "MAMMO_JOB": "another", "CUDA_VISIBLE_DEVICES": "6,7", "MAMMO_HOME": str(settings.MAMMO_HOME)
    }  # fmt: skip
    beside = {**environment, "CUDA_VISIBLE_DEVICES": "70"}
    elsewhere = {**environment, "MAMMO_HOME": "/another/installation"}
    command = [sys.executable, "-c", "import time; print(flush=True); time.sleep(600)"]
    with (
        subprocess.Popen(command, env=environment, stdout=subprocess.PIPE) as left,
        subprocess.Popen(command, env=beside, stdout=subprocess.PIPE) as harmless,
        subprocess.Popen(command, env=elsewhere, stdout=subprocess.PIPE) as another,
    ):
        for process in (left, harmless, another):
            assert process.stdout is not None
            process.stdout.readline()  # it runs under its environment
        assert runner.run_here(submitted(gpus=1)).state == "succeeded"
        assert left.wait(10) == -signal.SIGKILL
        for process in (harmless, another):
            assert process.poll() is None
            process.kill()


def test_a_job_waits_for_the_host_that_has_enough_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    other = Beat.objects.create(name="gpus of big", at=timezone.now(), details={"gpus": 4})
    job = submitted(gpus=4)
    assert services.claim(job.pk, "w:1") is None
    job.refresh_from_db()
    assert job.state == "queued"
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1,2,3")
    monkeypatch.setattr(socket, "gethostname", lambda: "big")
    claimed = services.claim(job.pk, "big:1")
    assert claimed is not None
    assert set(GpuHold.objects.values_list("host", flat=True)) == {"big"}
    other.refresh_from_db()
    assert other.details == {"gpus": 4}


def test_a_host_that_is_gone_for_long_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    Beat.objects.create(name="gpus of big", at=timezone.now() - timedelta(hours=2), details={"gpus": 4})
    assert runner.run_here(submitted(gpus=4)).state == "failed"


def test_a_job_waits_while_the_driver_gives_no_answer(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    driver = tmp_path / "nvidia-smi"
    driver.touch(mode=0o755)  # an empty program can't be executed: as silent as a stuck driver
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    job = submitted(gpus=1)
    assert services.claim(job.pk, "w:1") is None
    driver.write_text("#!/bin/sh\necho 'GPU 0: H200 (UUID: GPU-1)'\n")
    assert services.claim(job.pk, "w:1") is not None


def test_no_child_outlives_an_attempt_that_could_not_note_its_number(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    real = services.heartbeat

    def fails(job: Job, *, child_pid: int | None = None) -> bool:
        if child_pid is not None:
            while not pids.exists():
                time.sleep(0.05)
            raise OperationalError("the database is away")
        return real(job)

    pids = tmp_path / "pids"
    monkeypatch.setattr(services, "heartbeat", fails)
    job = ran("count", seconds=60, pid_file=str(pids))
    assert (job.state, job.child_pid) == ("queued", None)
    assert not psutil.pid_exists(int(pids.read_text()))
