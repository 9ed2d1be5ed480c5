"""Real peers send and are asked: dcmtk's storescu, and Orthanc's DICOMweb both ways."""

import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from pynetdicom import AE
from pynetdicom.sop_class import Verification

from .conftest import ROOT, Home
from .files import mammogram, study
from .kept import left_in, planted_in
from .peers import free_port, orthanc, storescu, wait_for

pytestmark = [pytest.mark.services, pytest.mark.slow]


# Uncompressed mammograms; the others of the set are a secondary capture and a compressed file.
PHI_THAT_STORESCU_SENDS = ("01_mg_basic.dcm", "03_mg_private.dcm", "05_mg_implicit_meta.dcm")
SECOND_SITE = (
    "from mammo.accounts.services import create_site; create_site('south', 'South Hospital', by_user=None)"
)


def rows(home: Home, query: str) -> list[tuple[Any, ...]]:
    with sqlite3.connect(home.folder / "db.sqlite3") as connection:
        return connection.execute(query).fetchall()


def images(home: Home) -> int:
    return int(rows(home, "SELECT count(*) FROM archive_image")[0][0])


def waiting(home: Home) -> list[Path]:
    return list((home.folder / "inbox").rglob("*.enc"))


class Receiving:
    """A running `manage.py receive`."""

    def __init__(self, home: Home, *more: str, **environment: str) -> None:
        self.home, self.port = home, free_port()
        said = (home.folder / "receiver.log").open("a")
        self.process = subprocess.Popen(
            [sys.executable, str(ROOT / "manage.py"), "receive", "--port", str(self.port), "--aet", "MAMMO",
             "--site", "north", "--allow", "PACS1", *more],
            env={**home.environment, "PYTHONUNBUFFERED": "1", **environment}, cwd=ROOT, stdout=said, stderr=said,
            start_new_session=True,
        )  # fmt: skip
        wait_for(self._answers, "the receiver")

    def _answers(self) -> bool:
        with socket.create_connection(("127.0.0.1", self.port), timeout=1):
            return True

    def stop(self, number: int = signal.SIGTERM) -> None:
        os.killpg(self.process.pid, number)
        self.process.wait(timeout=60)


def test_storescu_sends_every_kind_and_what_was_acknowledged_is_imported(
    home: Home, shared_data: Path, tmp_path: Path
) -> None:
    plain = study(tmp_path / "in")
    receiving = Receiving(home)
    try:
        assert storescu(receiving.port, *plain).startswith("0\n")
        derived = shared_data / "real" / "derived"
        for syntax, name in (
            ("-xv", "d06_giotto_rmlo_j2kr.dcm"), ("-xt", "d07_hologic_lmlo_jls_mono1.dcm"),
            ("-xr", "d08_hologic_rcc_rle_mono1.dcm"), ("-xs", "../fo_dicom/GH133.dcm"),
        ):  # fmt: skip
            assert storescu(receiving.port, derived / name, syntax=syntax).startswith("0\n"), name
        wait_for(lambda: images(home) == 8 and not waiting(home), "eight images", 120)
        # A stranger, and a wrong name of ours, are refused before they send a byte.
        assert not storescu(receiving.port, plain[0], calling="STRANGER").startswith("0\n")
        assert not storescu(receiving.port, plain[0], called="OTHER").startswith("0\n")
    finally:
        receiving.stop()
    assert rows(home, "SELECT DISTINCT origin FROM archive_importbatch") == [("c_store",)]
    held = [path.read_bytes() for path in home.folder.rglob("*") if path.is_file()]
    assert not any(b"Xiuying" in data for data in held)


def test_no_planted_string_of_what_is_sent_is_left_in_the_receivers_log_or_anywhere(
    home: Home, shared_data: Path
) -> None:
    before = [path for path in home.folder.rglob("*") if path.is_file() and path.name != "db.sqlite3"]
    planted = planted_in(shared_data / "phi" / "manifest.json")
    sent = [shared_data / "phi" / name for name in PHI_THAT_STORESCU_SENDS]
    receiving = Receiving(home)
    try:
        assert storescu(receiving.port, *sent).startswith("0\n")
        # Another peer's name is refused, and said in the log.
        assert not storescu(receiving.port, sent[0], calling="STRANGER").startswith("0\n")
        wait_for(lambda: images(home) == 3 and not waiting(home), "three images", 120)
    finally:
        receiving.stop()
    assert (home.folder / "receiver.log").stat().st_size > 0
    assert left_in(home.folder, planted, but=before) == []


def test_a_killed_receiver_loses_nothing_that_it_acknowledged(home: Home, tmp_path: Path) -> None:
    sent = [
        mammogram(tmp_path / f"{number}.dcm", PatientID=f"P{number}", StudyInstanceUID=f"1.2.3.{number}")
        for number in range(6)
    ]
    receiving = Receiving(home)
    try:
        acknowledged = 0
        for file in sent[:4]:
            acknowledged += storescu(receiving.port, file).startswith("0\n")
    finally:
        receiving.stop(signal.SIGKILL)
    assert acknowledged == 4
    assert images(home) < 4 or not waiting(home)
    receiving = Receiving(home)
    try:
        assert storescu(receiving.port, *sent[4:]).startswith("0\n")
        wait_for(lambda: images(home) == 6 and not waiting(home), "six images", 120)
    finally:
        receiving.stop()
    named = {f"originals/{o}" for (o,) in rows(home, "SELECT original FROM archive_image")}
    named |= {f"viewing_copies/{c}" for (c,) in rows(home, "SELECT viewing_copy FROM archive_image")}
    assert named <= {str(path.relative_to(home.folder)) for path in home.files()}


def test_a_full_inbox_answers_out_of_resources_and_keeps_nothing(home: Home, tmp_path: Path) -> None:
    receiving = Receiving(home, MAMMO_INBOX_RESERVE_BYTES=str(1 << 60))
    try:
        said = storescu(receiving.port, mammogram(tmp_path / "a.dcm"))
    finally:
        receiving.stop()
    assert "A700" in said or "OutOfResources" in said.replace(" ", "")
    assert waiting(home) == []
    assert images(home) == 0


def test_a_revoked_system_sends_no_more_to_a_receiver_that_runs_and_a_new_one_may(home: Home) -> None:
    def is_let_in(title: str) -> bool:
        caller = AE(ae_title=title)
        caller.add_requested_context(Verification)
        asked = caller.associate("127.0.0.1", receiving.port, ae_title="MAMMO")
        established = asked.is_established
        if established:
            asked.release()
        return established

    receiving = Receiving(home)
    try:
        assert [is_let_in(title) for title in ("PACS1", "PACS2")] == [True, False]
        home.json("sending_system", "add", "second", "--site", "north", "--aet", "PACS2")
        assert is_let_in("PACS2")
        home.json("sending_system", "revoke", "second")
        assert [is_let_in(title) for title in ("PACS1", "PACS2")] == [True, False]
    finally:
        receiving.stop()


def test_studies_are_fetched_from_orthanc_once(home: Home, tmp_path: Path) -> None:
    with orthanc(tmp_path / "orthanc") as pacs:
        pacs.keep(*study(tmp_path / "in"))
        pacs.keep(
            mammogram(tmp_path / "later.dcm", StudyDate="20210101", StudyInstanceUID="1.2.9", PatientID="Q")
        )
        address = f"{pacs.url}/dicom-web"
        first = home.json(
            "fetch_studies", address, "--site", "north", "--from", "2019-01-01", "--to", "2019-12-31"
        )
        assert first["counts"]["imported"] == 4
        again = home.json("fetch_studies", address, "--site", "north", "--all")
        assert again["counts"] == {"imported": 1, "duplicate": 0, "quarantined": 0, "rejected": 0}
        home.run("shell", "-v0", "-c", SECOND_SITE)
        other = home.json("fetch_studies", address, "--site", "south", "--study", "1.2.9")
        assert other["counts"]["imported"] == 1  # what one hospital has, another still gets
        wrong = home.run("fetch_studies", f"{pacs.url}/nowhere", "--site", "north", "--all")
        assert wrong.returncode == 1
        assert len(wrong.stderr.strip().splitlines()) == 1
    assert rows(home, "SELECT DISTINCT origin FROM archive_importbatch") == [("dicomweb",)]
    assert images(home) == 6


def test_orthanc_pushes_with_a_token_and_the_job_imports(home: Home, tmp_path: Path) -> None:
    token = home.json("sending_system", "add", "pacs1", "--site", "north")["token"]
    port = free_port()
    web = subprocess.Popen(
        [sys.executable, "-m", "uvicorn", "mammo.asgi:application", "--port", str(port), "--log-level", "warning"],
        env={**home.environment, "PYTHONPATH": f"{ROOT}:{ROOT / 'platform'}"}, cwd=ROOT,
    )  # fmt: skip
    ours = {"Url": f"http://127.0.0.1:{port}/archive/dicomweb/", "Username": "pacs1", "Password": token}
    theirs = {**ours, "Password": "wrong"}
    try:
        with orthanc(tmp_path / "orthanc", {"ours": ours, "wrong": theirs}) as pacs:
            names = pacs.keep(*study(tmp_path / "in"))
            push = json.dumps({"Resources": names, "Synchronous": True}).encode()
            with pytest.raises(OSError, match=r"500|400|401"):
                pacs.ask("/dicom-web/servers/wrong/stow", push)
            assert waiting(home) == []
            wait_for(lambda: pacs.ask("/dicom-web/servers/ours/stow", push) is not None, "the push")
    finally:
        web.terminate()
        web.wait(timeout=20)
    assert len(waiting(home)) == 4
    ran = home.run(
        "shell", "-v0", "-c",
        "from mammo.jobs.models import Job; from mammo.jobs.runner import run_here; "
        "print([run_here(job).state for job in Job.objects.filter(state='queued')])",
    )  # fmt: skip
    assert "succeeded" in ran.stdout or "done" in ran.stdout, ran.stdout + ran.stderr
    assert images(home) == 4
    assert waiting(home) == []
    assert rows(home, "SELECT origin, count(*) FROM archive_importbatch GROUP BY origin") == [("stow_rs", 1)]
