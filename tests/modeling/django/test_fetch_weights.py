"""`manage.py fetch_weights`: what an administrator reads, where files end up, what goes on record. No torch here."""

import io
import json
import os
import pickle
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from huggingface_hub import constants
from safetensors.numpy import load_file, save_file

from mammo.accounts import audit
from mammo.accounts.models import AuditEvent
from modeling.data.exchange import BadRequestError
from modeling.data.model_folders import located, model_folder
from modeling.data.snapshot import file_sha256
from modeling.inference.model_folders import licence_of
from modeling.inference.spec_files import read_spec, ready_specs
from modeling.training.config_base import PAPER_EXPERTS
from tests.modeling.weights.hub_server import HubServer, serving

pytestmark = pytest.mark.django_db
LLAVA = "llava-hf/llava-1.5-7b-hf"


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[HubServer]:
    """A hub on this machine that holds a tiny `llava-hf/llava-1.5-7b-hf`; MAMMO_MODELS names an empty folder."""
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setenv("MAMMO_MODELS", str(tmp_path / "models"))
    folder = tmp_path / "hub" / LLAVA
    folder.mkdir(parents=True)
    (folder / "config.json").write_text("{}")
    save_file({"a": np.ones(1000, np.float32)}, folder / "model.safetensors")
    with serving(tmp_path / "hub") as server:
        server.licences[LLAVA] = "llama2"
        yield server


def said(*arguments: str) -> str:
    out = io.StringIO()
    call_command("fetch_weights", *arguments, stdout=out)
    return out.getvalue()


def answered(*arguments: str) -> dict[str, Any]:
    return json.loads(said(*arguments, "--json"))


def test_what_was_fetched_is_found_by_its_hub_name(hub: HubServer, tmp_path: Path):
    with pytest.raises(BadRequestError, match=f"fetch_weights {LLAVA}"):
        model_folder(LLAVA)
    said(LLAVA, "--from", hub.url)
    assert (model_folder(LLAVA) / "model.safetensors").is_file()
    assert licence_of({"kind": "vision_language", "path": LLAVA}) == "llama2"


def test_a_known_name_lands_where_its_ready_spec_looks_and_goes_on_record(hub: HubServer, tmp_path: Path):
    told = said("llava-1.5", "--from", hub.url)
    target = located(read_spec("llava-1.5")["path"])
    assert target.parent == tmp_path / "models"
    assert float(load_file(target / "model.safetensors")["a"].sum()) == 1000
    assert (
        f"llava-1.5: 2 files, 0.0 MB, revision {hub.commit(LLAVA)[:12]}, licence llama2 in {target}." in told
    )
    event = AuditEvent.objects.get(action="modeling.weights_fetched")
    assert event.details == {
        "repository": LLAVA,
        "revision": hub.commit(LLAVA),
        "source": hub.url,
        "folder": str(target),
        "files": {name: file_sha256(target / name) for name in ("config.json", "model.safetensors")},
        "converted": {},
    }
    assert audit.verify().ok


def test_a_second_time_it_says_that_it_is_here_and_asks_nobody(
    hub: HubServer, monkeypatch: pytest.MonkeyPatch
):
    first = answered("llava-1.5", "--from", hub.url)
    asked = len(hub.asked)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert "llava-1.5: is here, 2 files" in said("llava-1.5", "--from", hub.url)
    assert answered(LLAVA) == {**first, "fetched": False}
    assert len(hub.asked) == asked
    assert AuditEvent.objects.filter(action="modeling.weights_fetched").count() == 1


def test_any_repository_lands_below_its_own_name_or_where_one_says(hub: HubServer, tmp_path: Path):
    shutil.copytree(hub.root / LLAVA, hub.root / "some.one/some_model")
    assert answered("some.one/some_model", "--from", hub.url)["folder"] == str(
        tmp_path / "models" / "some_model"
    )
    empty = tmp_path / "made by hand"
    empty.mkdir()
    answer = answered("some.one/some_model", "--from", hub.url, "--into", str(empty), "--revision", "main")
    assert (answer["fetched"], answer["folder"], answer["asked"]) == (True, str(empty), "main")
    assert (empty / "model.safetensors").is_file()


def test_a_folder_from_another_machine_needs_no_network(
    hub: HubServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    said("llava-1.5", "--from", hub.url, "--into", str(tmp_path / "stick"))
    asked = len(hub.asked)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    answer = answered("llava-1.5", "--from", str(tmp_path / "stick"))
    assert (answer["revision"], answer["source"]) == (hub.commit(LLAVA), str(tmp_path / "stick"))
    assert len(hub.asked) == asked


def test_the_list_names_repository_licence_use_and_what_is_here(hub: HubServer):
    before = {row["name"]: row for row in answered("--list")["weights"]}
    assert {name for name, row in before.items() if row["here"]} == set()
    said("llava-1.5", "--from", hub.url)
    by_hand = Path(before["qwen2"]["folder"])
    by_hand.mkdir(parents=True)
    after = {row["name"]: row for row in answered("--list")["weights"]}
    assert after["llava-1.5"]["here"] == f"revision {hub.commit(LLAVA)[:12]}"
    assert after["qwen2"]["here"] == "put there by hand"
    assert after["llava-1.5"] | {"here": ""} == before["llava-1.5"]
    (line,) = [line for line in said("--list").splitlines() if line.startswith("llava-1.5 ")]
    assert LLAVA in line
    assert "Llama 2 community licence" in line
    assert "here: revision" in line


def test_every_spec_with_weights_and_every_expert_of_the_paper_has_a_name(hub: HubServer):
    rows = {row["name"]: row for row in answered("--list")["weights"]}
    assert {name for name in ready_specs() if "weights" in read_spec(name)["about"]} <= set(rows)
    folders = {Path(row["folder"]).name for row in rows.values()}
    assert set(PAPER_EXPERTS.values()) | {"convnext_base", "resnet50", "chinese-macbert-base"} <= folders
    assert all(row["licence"] and row["use"] for row in rows.values())
    assert len(folders) == len(rows)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ([], "no name; give one of `fetch_weights --list`"),
        (["nonsense"], "nonsense: no known name; give owner/name or one of: bio-clinical-bert"),
        (["../etc"], "no known name"),
        (["owner/.."], "no known name"),
        (["llava-1.5", "--from", "/nowhere"], "--from /nowhere: no such folder"),
        (["llava-1.5", "--from", "ftp://mirror"], "--from ftp://mirror: give a folder, or an address"),
        (["llava-1.5", "--from", "http://a:b@mirror"], "--from: give the address without name and password"),
        (["qwen2", "--from", "HUB"], "Qwen/Qwen2-7B-Instruct: no such repository at http"),
        (["llava-1.5", "--from", "HUB", "--revision", "v7"], "no revision 'v7'"),
        (
            ["llava-1.5", "--from", "HUB", "--file", "x.bin"],
            "--file x.bin: no such pickled file; there are: none",
        ),
    ],
)
def test_bad_input_is_one_line_and_changes_nothing(
    hub: HubServer, tmp_path: Path, arguments: list[str], told: str
):
    with pytest.raises(CommandError) as error:
        call_command("fetch_weights", *[hub.url if word == "HUB" else word for word in arguments])
    assert told in str(error.value)
    assert "\n" not in str(error.value)
    assert not AuditEvent.objects.exists()
    models = tmp_path / "models"
    assert not models.exists() or not list(models.iterdir())


def test_without_a_place_it_says_how_to_name_one(hub: HubServer, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("MAMMO_MODELS")
    with pytest.raises(
        CommandError, match="set MAMMO_MODELS to the folder of all weights, or give --into FOLDER"
    ):
        said("llava-1.5", "--from", hub.url)
    assert {row["folder"] for row in answered("--list")["weights"]} == {None}


def test_nothing_is_downloaded_where_that_is_forbidden(hub: HubServer, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(
        CommandError, match=r"HF_HUB_OFFLINE is set, so nothing is downloaded: set HF_HUB_OFFLINE=0"
    ):
        said("llava-1.5", "--from", hub.url)
    assert hub.asked == []


class Code:
    """Unpickled without care, it writes a file."""

    def __init__(self, proof: Path) -> None:
        self.proof = proof

    def __reduce__(self) -> Any:
        return os.system, (f"touch {self.proof}",)


def test_a_pickle_with_code_is_one_line_and_leaves_no_folder_and_no_event(hub: HubServer, tmp_path: Path):
    folder = hub.root / LLAVA
    (folder / "model.safetensors").unlink()
    (folder / "pytorch_model.bin").write_bytes(pickle.dumps(Code(tmp_path / "proof"), protocol=2))
    with pytest.raises(CommandError, match=r"asks for posix\.system, which is code") as error:
        said("llava-1.5", "--from", hub.url)
    assert "\n" not in str(error.value)
    assert not (tmp_path / "proof").exists()
    assert list((tmp_path / "models").iterdir()) == []
    assert not AuditEvent.objects.exists()


def test_what_could_not_be_put_on_record_does_not_appear(
    hub: HubServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    def fails(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device", "db")

    with monkeypatch.context() as broken:
        broken.setattr(audit, "record", fails)
        with pytest.raises(CommandError, match="disk full"):
            said("llava-1.5", "--from", hub.url)
    assert not [path for path in (tmp_path / "models").iterdir() if not path.name.startswith(".")]
    assert answered("llava-1.5", "--from", hub.url)["fetched"]


def test_without_a_database_it_ends_before_the_download(hub: HubServer, tmp_path: Path):
    known = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"}
    done = subprocess.run(
        [sys.executable, "manage.py", "fetch_weights", "llava-1.5", "--from", hub.url],
        cwd=settings.BASE_DIR, capture_output=True, text=True, check=False,
        env={**known, "MAMMO_HOME": str(tmp_path / "new"), "HF_HUB_OFFLINE": "0"},
    )  # fmt: skip
    assert done.returncode == 1
    assert "python manage.py migrate" in done.stderr
    assert hub.asked == []


def test_a_program_beside_the_weights_stays_away(hub: HubServer):
    (hub.root / LLAVA / "modeling_llava.py").write_text("raise SystemExit")
    folder = Path(answered("llava-1.5", "--from", hub.url)["folder"])
    assert {path.name for path in folder.rglob("*")} == {"config.json", "model.safetensors", "fetched.json"}
