"""A hub of models of one's own, with tiny real models on it."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from huggingface_hub import constants

from modeling.weights.fetching import Wanted, prepared
from modeling.weights.sources import Hub
from tests.modeling.small_models import small_language_model, small_tokenizer
from tests.modeling.weights.hub_server import HubServer, serving


@pytest.fixture(scope="session")
def small_model_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Llama of two layers as `save_pretrained` writes it, with its tokenizer; read only."""
    folder = tmp_path_factory.mktemp("model") / "llama"
    tokenizer = small_tokenizer()
    small_language_model(tokenizer, "llama").save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[HubServer]:
    """An empty hub on this machine; for this test alone, huggingface_hub may ask."""
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    with serving(tmp_path / "hub") as server:
        yield server


def fetch(hub: HubServer, repository: str, target: Path, **wanted: Any) -> dict[str, Any]:
    """Fetch from the test's hub and let the folder appear; the note beside it."""
    asked = Wanted(repository=repository, target=target, **wanted)
    with prepared(asked, Hub(repository, address=hub.url)) as ready:
        ready.publish()
    return ready.note


def put(hub: HubServer, repository: str, **files: Any) -> Path:
    """A repository's folder with these files: bytes, text, or what torch pickles."""
    folder = hub.root / repository
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        if isinstance(content, bytes):
            (folder / name).write_bytes(content)
        elif isinstance(content, str):
            (folder / name).write_text(content, "utf-8")
        else:
            torch.save(content, folder / name)
    return folder


def put_pickled(
    hub: HubServer, repository: str, model_folder: Path, *, parts: int = 1
) -> dict[str, torch.Tensor]:
    """The model of a folder as repositories of old have it: pickled, in one file or in parts; its tensors."""
    from safetensors.torch import load_file

    state = load_file(model_folder / "model.safetensors")
    texts = {path.name: path.read_text("utf-8") for path in model_folder.glob("*.json")}
    put(hub, repository, **texts)
    names = sorted(state)
    if parts == 1:
        put(hub, repository, **{"pytorch_model.bin": state})
        return state
    table = {}
    for part in range(parts):
        file = f"pytorch_model-{part + 1:05d}-of-{parts:05d}.bin"
        mine = names[part::parts]
        put(hub, repository, **{file: {name: state[name] for name in mine}})
        table |= dict.fromkeys(mine, file)
    put(hub, repository, **{"pytorch_model.bin.index.json": json.dumps({"weight_map": table})})
    return state
