"""A hub name leads to the folder that holds its files, and a model's licence is read beside it; nothing is fetched."""

import json
from pathlib import Path
from typing import Any

import pytest

from modeling.data.exchange import BadRequestError
from modeling.data.model_folders import model_folder
from modeling.inference.model_folders import licence_of

NAME = "THUDM/glm-4-9b-chat-hf"


@pytest.fixture
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of all weights."""
    folder = tmp_path / "models"
    folder.mkdir()
    monkeypatch.setenv("MAMMO_MODELS", str(folder))
    return folder


def stored(folder: Path, repository: str = "", licence: str = "", card: str = "") -> Path:
    """A model's folder, as `fetch_weights` leaves it or as a person put it there."""
    folder.mkdir(parents=True)
    if repository:
        note = {"repository": repository, "licence": licence, "files": {}}
        (folder / "fetched.json").write_text(json.dumps(note), "utf-8")
    if card:
        (folder / "README.md").write_text(card, "utf-8")
    return folder


def test_a_hub_name_leads_to_what_was_fetched_under_it(models: Path) -> None:
    folder = stored(models / "glm-4-9b-chat-hf", NAME)
    assert model_folder(NAME) == folder
    # A known name lies where the platform looks for it, which need not be the last part of the hub name.
    spec_folder = stored(models / "vit_base_patch16_clip_224", "timm/vit_base_patch16_clip_224.openai")
    assert model_folder("timm/vit_base_patch16_clip_224.openai") == spec_folder


def test_a_folder_put_there_by_hand_counts_under_its_name(models: Path) -> None:
    folder = stored(models / "glm-4-9b-chat-hf")
    assert model_folder(NAME) == folder
    assert model_folder("glm-4-9b-chat-hf") == folder


def test_the_model_of_another_owner_is_not_taken_for_it(models: Path) -> None:
    stored(models / "glm-4-9b-chat-hf", "somebody/glm-4-9b-chat-hf")
    with pytest.raises(BadRequestError, match=r"holds somebody/glm-4.*--into .*THUDM--glm-4-9b-chat-hf"):
        model_folder(NAME)
    elsewhere = stored(models / "THUDM--glm-4-9b-chat-hf", NAME)
    assert model_folder(NAME) == elsewhere


def test_a_folder_goes_before_a_hub_name_that_reads_the_same(models: Path) -> None:
    stored(models / "glm-4-9b-chat-hf", NAME)
    own = stored(models / "THUDM" / "glm-4-9b-chat-hf")
    assert model_folder(NAME) == own


def test_where_nothing_is_stored_the_mend_is_named(models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(BadRequestError, match=rf"fetch_weights {NAME}`.*nothing is downloaded"):
        model_folder(NAME)
    monkeypatch.delenv("MAMMO_MODELS")
    with pytest.raises(BadRequestError, match="MAMMO_MODELS is not set"):
        model_folder(NAME)
    # Not a hub name: said by who opens the folder.
    assert model_folder("/nowhere/at/all") == Path("/nowhere/at/all")


@pytest.mark.parametrize(
    ("about", "spec", "licence"),
    [
        ({"repository": NAME, "licence": "glm-4"}, {}, "glm-4"),
        ({"repository": NAME, "licence": "glm-4"}, {"licence": "by contract"}, "by contract"),
        ({}, {"about": {"licence": "MIT"}}, "MIT"),
        ({"card": "---\nlanguage: zh\nlicense: apache-2.0\n---\n# GLM\n"}, {}, "apache-2.0"),
        ({"card": "---\nlicense: other\nlicense_name: 'glm-4'\n---\n"}, {}, "glm-4"),
        ({"card": "---\r\nlicense: mit\r\n---\r\n"}, {}, "mit"),
        ({"card": "# GLM\nlicense: mit in the text is no statement\n"}, {}, ""),
        ({}, {}, ""),
    ],
)
def test_the_licence_is_the_specs_else_the_notes_else_the_cards(
    models: Path, about: dict[str, Any], spec: dict[str, Any], licence: str
) -> None:
    stored(models / "glm-4-9b-chat-hf", **about)
    assert licence_of({"kind": "transformers", "path": "glm-4-9b-chat-hf", **spec}) == licence


def test_an_endpoints_licence_is_what_its_spec_says() -> None:
    spec = {"kind": "openai", "base_url": "http://127.0.0.1:1/v1", "model": "m"}
    assert licence_of(spec) == ""
    assert licence_of({**spec, "licence": "Apache-2.0"}) == "Apache-2.0"
