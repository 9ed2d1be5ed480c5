"""The report encoder from a folder: whole, or refused by the name of what it lacks."""

import json

import pytest
from safetensors.torch import load_file, save_file
from transformers import BertConfig, BertModel

from modeling.nn.experts import EncoderError
from modeling.nn.text_encoder import TextEncoder


@pytest.fixture
def folder(tmp_path):
    config = BertConfig(vocab_size=60, hidden_size=32, num_hidden_layers=2, num_attention_heads=2)
    BertModel(config, add_pooling_layer=False).save_pretrained(tmp_path)
    return tmp_path


def load(folder):
    return TextEncoder.from_folder(folder, vector_size=8, pooling="cls")


def test_a_whole_folder_gives_its_own_weights(folder):
    own = load_file(folder / "model.safetensors")
    loaded = load(folder).bert.state_dict()
    assert own
    assert all(loaded[name].equal(value) for name, value in own.items())


def test_weights_that_lack_a_layer_are_refused_not_filled_at_random(folder):
    weights = load_file(folder / "model.safetensors")
    name = "encoder.layer.1.output.dense.weight"
    weights.pop(name)
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(
        EncoderError, match=rf"lack 1 parts .*{name}.* copy config.json and model.safetensors"
    ):
        load(folder)


def test_a_cut_file_is_named(folder):
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:500])
    with pytest.raises(EncoderError, match=r"can't be loaded .* copy its files again"):
        load(folder)


def test_an_index_that_names_an_absent_part_is_told(folder):
    (folder / "model.safetensors").unlink()
    index = {
        "metadata": {},
        "weight_map": {"embeddings.word_embeddings.weight": "model-00001-of-00001.safetensors"},
    }
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    with pytest.raises(EncoderError, match=str(folder)):
        load(folder)
