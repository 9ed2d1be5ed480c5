"""Pickled weights become safetensors in a limited child; what is no weights leaves nothing."""

import json
import os
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
import torch
from safetensors.torch import load_file
from transformers import BertConfig, BertForMaskedLM

from modeling.nn.experts import build_encoder
from modeling.nn.language import load_language_model
from modeling.nn.text_encoder import TextEncoder
from modeling.weights import converting
from modeling.weights.choosing import RefusedError
from modeling.weights.limits import limits
from tests.modeling.weights.conftest import fetch, put, put_pickled
from tests.modeling.weights.hub_server import HubServer
from tests.modeling.weights.test_fetching import nothing_left

# Each starts a child that imports torch.
pytestmark = pytest.mark.slow


@pytest.mark.parametrize("parts", [1, 3])
def test_a_pickled_model_loads_as_it_was(
    hub: HubServer, small_model_folder: Path, tmp_path: Path, parts: int
):
    state = put_pickled(hub, "owner/old", small_model_folder, parts=parts)
    note = fetch(hub, "owner/old", tmp_path / "old")
    model = load_language_model(tmp_path / "old").state_dict()
    assert set(model) == set(state)
    assert all(torch.equal(model[name], value) for name, value in state.items())
    assert not [path for path in (tmp_path / "old").iterdir() if path.name.startswith("pytorch_model")]
    assert len(note["converted"]) == parts
    assert len([name for name in note["files"] if name.endswith(".safetensors")]) == parts
    assert ("model.safetensors.index.json" in note["files"]) == (parts > 1)
    assert [path.name for path in tmp_path.iterdir() if "old" in path.name] == ["old"]


def test_files_of_older_torch_are_read_too(hub: HubServer, tmp_path: Path):
    put(hub, "owner/old", **{"config.json": "{}"})
    value = torch.randn(50, 3, dtype=torch.float16)
    torch.save({"a": value}, hub.root / "owner/old/pytorch_model.bin", _use_new_zipfile_serialization=False)
    fetch(hub, "owner/old", tmp_path / "old")
    assert torch.equal(load_file(tmp_path / "old" / "model.safetensors")["a"], value)


def test_shared_turned_and_partial_tensors_keep_every_name(hub: HubServer, tmp_path: Path):
    base = torch.arange(24.0).reshape(4, 6)
    state = {
        "embed": base, "head": base, "turned": base.T, "rows": base[1:3], "scalar": torch.tensor(3),
        "brain": torch.randn(5).to(torch.bfloat16), "none": torch.empty(0, 4), "mask": torch.tensor([True, False]),
    }  # fmt: skip
    put(hub, "owner/old", **{"config.json": "{}", "pytorch_model.bin": state})
    fetch(hub, "owner/old", tmp_path / "old")
    found = load_file(tmp_path / "old" / "model.safetensors")
    assert set(found) == set(state)
    assert all(
        found[name].dtype == value.dtype and torch.equal(found[name], value) for name, value in state.items()
    )


def test_a_checkpoint_of_a_trainer_gives_its_weights(hub: HubServer, tmp_path: Path):
    checkpoint = {
        "epoch": 7,
        "model": {"image_encoder.a": torch.ones(3)},
        "optimizer": {"state": {0: torch.ones(9)}},
    }
    put(hub, "owner/trained", **{"config.json": "{}"})
    (hub.root / "owner/trained/deep").mkdir()
    torch.save(checkpoint, hub.root / "owner/trained/deep/best.tar")
    torch.save(checkpoint, hub.root / "owner/trained/deep/last.tar")
    with pytest.raises(
        RefusedError, match=r"several pickled files, name one with --file: deep/best\.tar, deep/last"
    ):
        fetch(hub, "owner/trained", tmp_path / "trained")
    fetch(hub, "owner/trained", tmp_path / "trained", file="deep/best.tar")
    assert set(load_file(tmp_path / "trained" / "model.safetensors")) == {"image_encoder.a"}
    assert {path.name for path in (tmp_path / "trained").iterdir()} == {
        "config.json", "model.safetensors", "fetched.json",
    }  # fmt: skip


def test_an_encoder_of_timm_starts_from_what_came(hub: HubServer, tmp_path: Path):
    first = build_encoder("test_resnet", image_size=(64, 64)).backbone.state_dict()
    state = {name: value + 1 if value.is_floating_point() else value for name, value in first.items()}
    # timm adds up the three channels that files of weights have.
    name = next(name for name, value in state.items() if value.ndim == 4)
    state[name] = (state[name] / 3).repeat(1, 3, 1, 1)
    put(hub, "timm/small", **{"config.json": "{}", "pytorch_model.bin": state})
    fetch(hub, "timm/small", tmp_path / "small")
    encoder = build_encoder("test_resnet", image_size=(64, 64), pretrained_folder=tmp_path / "small")
    found = encoder.backbone.state_dict()
    assert all(torch.allclose(found[key], state[key], atol=1e-5) for key in state if key != name)


def test_a_pickled_bert_with_its_names_of_old_is_a_text_encoder(hub: HubServer, tmp_path: Path):
    """As MacBERT is kept: the whole masked model, its norms called gamma and beta."""
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=50, hidden_size=32, num_hidden_layers=1, num_attention_heads=2, intermediate_size=64
    )
    model = BertForMaskedLM(config).eval()
    for name, value in model.named_parameters():
        if "LayerNorm" in name:
            torch.nn.init.normal_(value)
    old = {
        name.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta"): value
        for name, value in model.state_dict().items()
    }
    put(hub, "owner/bert", **{"config.json": config.to_json_string(), "pytorch_model.bin": old})
    fetch(hub, "owner/bert", tmp_path / "bert")
    encoder = TextEncoder.from_folder(tmp_path / "bert", vector_size=8, pooling="cls").eval()
    ids = torch.tensor([[1, 2, 3]])
    assert torch.allclose(encoder.bert(ids).last_hidden_state, model.bert(ids).last_hidden_state)


class Code:
    """Unpickled without care, it writes a file."""

    def __init__(self, proof: Path) -> None:
        self.proof = proof

    def __reduce__(self) -> Any:
        return os.system, (f"touch {self.proof}",)


@pytest.mark.parametrize("new", [True, False], ids=["zip", "legacy"])
def test_a_pickle_with_code_runs_nothing_and_leaves_nothing(hub: HubServer, tmp_path: Path, new: bool):
    put(hub, "owner/evil", **{"config.json": "{}"})
    proof = tmp_path / "proof"
    file = hub.root / "owner/evil/pytorch_model.bin"
    torch.save({"a": torch.ones(3), "b": Code(proof)}, file, _use_new_zipfile_serialization=new)
    with pytest.raises(
        RefusedError, match=r"owner/evil: pytorch_model\.bin: asks for (posix|os)\.system"
    ) as told:
        fetch(hub, "owner/evil", tmp_path / "evil")
    assert "\n" not in str(told.value)
    assert not proof.exists()
    assert nothing_left(tmp_path / "evil")
    torch.load(file, weights_only=False)  # the trap works: without the guard it would have been sprung
    assert proof.exists()


def test_a_part_with_code_takes_the_others_with_it(hub: HubServer, small_model_folder: Path, tmp_path: Path):
    put_pickled(hub, "owner/evil", small_model_folder, parts=3)
    put(hub, "owner/evil", **{"pytorch_model-00002-of-00003.bin": {"a": Code(tmp_path / "proof")}})
    with pytest.raises(RefusedError, match=r"pytorch_model-00002-of-00003\.bin: asks for"):
        fetch(hub, "owner/evil", tmp_path / "evil")
    assert nothing_left(tmp_path / "evil")


def test_an_index_that_names_tensors_of_no_part_is_refused(
    hub: HubServer, small_model_folder: Path, tmp_path: Path
):
    put_pickled(hub, "owner/old", small_model_folder, parts=2)
    index = json.loads((hub.root / "owner/old/pytorch_model.bin.index.json").read_text())
    index["weight_map"]["lost.weight"] = "pytorch_model-00001-of-00002.bin"
    put(hub, "owner/old", **{"pytorch_model.bin.index.json": json.dumps(index)})
    with pytest.raises(RefusedError, match=r"lost\.weight: named by the index"):
        fetch(hub, "owner/old", tmp_path / "old")
    assert nothing_left(tmp_path / "old")


def vast() -> Any:
    """A few bytes that stand for a tensor of four terabytes."""
    return {"a": torch.zeros(1).expand(10**6, 10**6)}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"no pickle at all", "no checkpoint that torch reads"),
        (b"", "no checkpoint that torch reads"),
        (b"PK\x03\x04 cut", "not weights that can be converted"),
        ([torch.ones(1)], "holds no tensors by name"),
        ({"a": torch.ones(1), "epoch": 7}, "'epoch' is a int, not a tensor"),
        ({1: torch.ones(1)}, "1 is a Tensor, not a tensor of a name"),
        ({"a": np.ones(3)}, r"asks for numpy\.\w+"),
        (vast(), "needs more memory than its size allows"),
        ({"a": torch.eye(3).to_sparse()}, "not weights that can be converted"),
    ],
    ids=["bytes", "empty", "cut zip", "list", "number", "numbered", "numpy", "vast", "sparse"],
)
def test_what_is_no_weights_is_told_in_one_line(hub: HubServer, tmp_path: Path, content: Any, said: str):
    put(hub, "owner/odd", **{"config.json": "{}", "pytorch_model.bin": content})
    with pytest.raises(RefusedError, match=rf"owner/odd: pytorch_model\.bin: .*{said}") as told:
        fetch(hub, "owner/odd", tmp_path / "odd")
    assert "\n" not in str(told.value)
    assert nothing_left(tmp_path / "odd")


@pytest.mark.slow
def test_a_packed_bomb_ends_at_the_limit_of_memory(hub: HubServer, tmp_path: Path):
    """A checkpoint of 7 MB whose pickle is packed from 1.6 GB."""
    put(hub, "owner/bomb", **{"config.json": "{}"})
    plain, bomb = tmp_path / "plain.bin", hub.root / "owner/bomb/pytorch_model.bin"
    torch.save({"a": torch.zeros(4)}, plain)
    with (
        zipfile.ZipFile(plain) as source,
        zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as packed,
    ):
        for entry in source.infolist():
            with packed.open(entry.filename, "w") as stream:
                stream.write(source.read(entry))
                if entry.filename.endswith("/data.pkl"):
                    for _ in range(24):
                        stream.write(bytes(1 << 26))
    assert bomb.stat().st_size < 10_000_000
    with pytest.raises(RefusedError, match=r"owner/bomb: pytorch_model\.bin: .*needs more memory"):
        fetch(hub, "owner/bomb", tmp_path / "bomb")
    assert nothing_left(tmp_path / "bomb")


def test_the_child_gets_no_token_key_or_address(
    hub: HubServer, small_model_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """What it starts with, seen from outside while it runs on the true request."""
    seen: list[dict[str, str]] = []
    run = subprocess.run

    def watched(*arguments: Any, **options: Any) -> Any:
        seen.append(options["env"])
        return run(*arguments, **options)

    for name in ("HF_TOKEN", "DATABASE_URL", "MAMMO_MASTER_KEY", "MAMMO_SECRET_KEY"):
        monkeypatch.setenv(name, "secret")
    monkeypatch.setattr(converting.subprocess, "run", watched)
    put_pickled(hub, "owner/old", small_model_folder)
    fetch(hub, "owner/old", tmp_path / "old")
    assert len(seen) == 1
    assert "secret" not in seen[0].values()


def test_a_child_that_takes_too_long_is_ended(
    hub: HubServer, small_model_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    put_pickled(hub, "owner/old", small_model_folder)
    short = limits([1])
    monkeypatch.setattr(converting, "limits", lambda sizes: type(short)(**{**vars(short), "seconds": 0.05}))
    with pytest.raises(RefusedError, match="took longer than"):
        fetch(hub, "owner/old", tmp_path / "old")
    assert nothing_left(tmp_path / "old")


def test_a_full_disk_while_converting_is_an_error_of_the_disk(tmp_path: Path):
    torch.save({"a": torch.arange(1_000_000)}, tmp_path / "a.bin")
    program = (
        "import os, resource, sys\n"
        "from pathlib import Path\n"
        "from modeling.weights.converting import convert\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))\n"
        "folder = Path(sys.argv[1])\n"
        "convert([folder / 'a.bin'], [folder / 'model.safetensors'], index=None, lock=os.open(folder, os.O_RDONLY))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert done.stderr.strip().splitlines()[-1].startswith("OSError: [Errno 27] File too large"), done.stderr


def test_the_child_ends_with_its_parent():
    program = (
        "import subprocess, sys, time\n"
        "child = subprocess.Popen([sys.executable, '-m', 'modeling.weights.pickle_child'])\n"
        "print(child.pid, flush=True)\n"
        "time.sleep(600)\n"
    )
    # The child waits for a request that this process could still send: nothing but its parent's end can end it.
    reading, writing = os.pipe()
    with subprocess.Popen(
        [sys.executable, "-c", program], stdin=reading, stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        child = psutil.Process(int(parent.stdout.readline()))
        _until(lambda: _waits_with_torch(child))
        parent.kill()
        parent.stdout.close()
    _until(lambda: not child.is_running() or child.status() == psutil.STATUS_ZOMBIE)
    os.close(writing)
    os.close(reading)


def _waits_with_torch(child: psutil.Process) -> bool:
    if not any("libtorch" in found.path for found in child.memory_maps()):
        return False
    used = child.cpu_times().user
    time.sleep(1)
    return child.cpu_times().user == used


def _until(holds: Callable[[], bool], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "did not come about"
        time.sleep(0.1)
