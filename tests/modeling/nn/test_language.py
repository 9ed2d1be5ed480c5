"""Model folders: what loads, and what each broken folder is told."""

import json

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from modeling.nn.language import (
    GLM_SPECIAL_TOKENS,
    ModelFolderError,
    check_model_folder,
    load_language_model,
    save_language_model,
    weights_sha256,
)
from tests.modeling.small_models import small_language_model, small_tokenizer


@pytest.fixture
def folder(tmp_path):
    tokenizer = small_tokenizer()
    save_language_model(tmp_path / "glm", small_language_model(tokenizer), tokenizer)
    return tmp_path / "glm"


def test_a_saved_folder_loads_with_the_auto_classes(folder):
    tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    model = AutoModelForCausalLM.from_pretrained(folder, local_files_only=True)
    assert model.config.model_type == "glm"
    prompt = tokenizer.apply_chat_template(
        [{"role": "user", "content": "问"}], tokenize=False, add_generation_prompt=True
    )
    assert prompt == "[gMASK]<sop><|user|>\n问<|assistant|>\n"
    assert all(len(tokenizer.encode(token)) == 1 for token in GLM_SPECIAL_TOKENS)
    assert tokenizer.convert_tokens_to_ids("<|user|>") in model.generation_config.eos_token_id


def test_every_byte_can_be_written(folder):
    tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    text = "naïve 乳腺癌 🙂 \x00\x7f ́"
    assert tokenizer.decode(tokenizer.encode(text)) == text


def test_saving_replaces_a_folder_whole(folder):
    (folder / "left over").write_text("x")
    before = weights_sha256(folder)
    tokenizer = small_tokenizer()
    digest = save_language_model(folder, small_language_model(tokenizer, seed=1), tokenizer)
    assert not (folder / "left over").exists()
    assert digest == weights_sha256(folder) != before
    assert [path.name for path in folder.parent.iterdir()] == ["glm"]


def test_a_folder_that_is_not_there_is_named(tmp_path):
    with pytest.raises(ModelFolderError, match="nowhere does not exist: put the model's files there"):
        load_language_model(tmp_path / "nowhere")


@pytest.mark.parametrize("name", ["config.json", "model.safetensors", "tokenizer.json"])
def test_a_missing_file_is_named_with_its_folder(folder, name):
    (folder / name).unlink()
    with pytest.raises(ModelFolderError, match=rf"{name} is missing in .*glm"):
        load_language_model(folder)


def test_code_in_the_folder_is_refused(folder):
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "auto_map": {"AutoModel": "modeling_x.X"}}))
    with pytest.raises(ModelFolderError, match=r"auto_map.*glm-4-9b-chat-hf"):
        load_language_model(folder)


def test_pickled_weights_are_not_read(folder):
    (folder / "model.safetensors").unlink()
    torch.save({"x": torch.zeros(1)}, folder / "pytorch_model.bin")
    with pytest.raises(ModelFolderError, match=r"pytorch_model\.bin can hold code"):
        load_language_model(folder)


def test_a_missing_part_of_a_large_model_is_named(folder):
    (folder / "model.safetensors").rename(folder / "model-00001-of-00002.safetensors")
    index = {"weight_map": {"a": "model-00001-of-00002.safetensors", "b": "model-00002-of-00002.safetensors"}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    with pytest.raises(
        ModelFolderError, match=r"model-00002-of-00002\.safetensors is missing .*1 of 2 parts"
    ):
        check_model_folder(folder)


@pytest.mark.parametrize("broken", ["{", "[]", '{"model_type": "no such thing"}'])
def test_a_broken_config_is_one_clear_error(folder, broken):
    (folder / "config.json").write_text(broken)
    with pytest.raises(ModelFolderError, match="glm"):
        load_language_model(folder)


def test_a_truncated_weights_file_is_one_clear_error(folder):
    weights = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(weights[: len(weights) // 2])
    with pytest.raises(ModelFolderError, match="can't be loaded"):
        load_language_model(folder)


def test_weights_of_another_model_are_refused_not_filled_with_random_numbers(folder):
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "num_hidden_layers": 3}))
    with pytest.raises(ModelFolderError, match=r"lack .* of different models"):
        load_language_model(folder)
