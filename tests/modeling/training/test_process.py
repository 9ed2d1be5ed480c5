"""A stage as a real child process: progress on standard output, a clean stop on SIGTERM."""

import json
import signal
import subprocess
import sys

import pytest

from modeling.training.resuming import last_checkpoint
from tests.modeling.training.conftest import SMALL


@pytest.mark.slow
def test_sigterm_saves_a_checkpoint_and_ends_with_75(tmp_path, tiny_folder):
    request = {
        "snapshot": str(tiny_folder), "output": str(tmp_path / "out"), "config": {**SMALL, "epochs": 500},
        "seed": 1, "resume": False,
    }  # fmt: skip
    (tmp_path / "request.json").write_text(json.dumps(request))
    command = [sys.executable, "-m", "modeling.training.density", "request.json", "answer.jsonl"]
    command[3:] = [str(tmp_path / name) for name in command[3:]]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as child:
        first = json.loads(child.stdout.readline())
        child.send_signal(signal.SIGTERM)
        rest, log = child.communicate(timeout=120)
    assert child.returncode == 75, log
    assert set(first) == {"progress"}
    assert first["progress"]["message"] == "density"
    assert all(set(json.loads(line)) == {"progress"} for line in rest.splitlines())
    assert last_checkpoint(tmp_path / "out") is not None
    assert not (tmp_path / "answer.jsonl").exists()
    assert log.strip().splitlines()[-1] == "stopped on request; a checkpoint is saved"
