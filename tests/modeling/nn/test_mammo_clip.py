"""Mammo-CLIP: its published naming becomes timm's, and it serves as dual encoder and as an expert's encoder."""

import json
import re

import pytest
import timm
import torch
from transformers import BertConfig, BertModel

from modeling.nn.classifiers import BreastClassifier
from modeling.nn.density_selector import DensitySelector
from modeling.nn.experts import EncoderError, build_encoder
from modeling.nn.language import ModelFolderError
from modeling.nn.mammo_clip import convert_mammo_clip, load_mammo_clip, save_image_encoder, timm_name
from modeling.nn.text_encoder import corpus_tokenizer
from modeling.nn.visual_moe import VisualMoE

SIZE = (64, 50)
ENCODER = "tf_efficientnet_b0"
# Blocks of EfficientNet-B0 by stage, as lukemelas counts them on.
DEPTHS = [1, 2, 2, 3, 3, 4, 1]


def published_names():
    """(name in the published checkpoint, name in timm) of every tensor of an EfficientNet, written out by hand here."""
    inside = {
        "conv_pw": "_expand_conv", "bn1": "_bn0", "conv_dw": "_depthwise_conv", "bn2": "_bn1",
        "se.conv_reduce": "_se_reduce", "se.conv_expand": "_se_expand", "conv_pwl": "_project_conv", "bn3": "_bn2",
    }  # fmt: skip
    first = {**inside, "conv_pw": "_project_conv", "bn1": "_bn1", "bn2": "_bn2"}
    outside = {"conv_stem": "_conv_stem", "bn1": "_bn0", "conv_head": "_conv_head", "bn2": "_bn1"}
    for name in timm.create_model(ENCODER, num_classes=0, in_chans=1).state_dict():
        block = re.fullmatch(r"blocks\.(\d+)\.(\d+)\.(.+)\.(\w+)", name)
        if block:
            stage, place = int(block[1]), int(block[2])
            table = first if stage == 0 else inside
            yield f"_blocks.{sum(DEPTHS[:stage]) + place}.{table[block[3]]}.{block[4]}", name
        else:
            layer, _, leaf = name.rpartition(".")
            yield f"{outside[layer]}.{leaf}", name


def test_every_layer_of_the_published_encoder_has_its_place_in_timms():
    pairs = list(published_names())
    assert len({published for published, _ in pairs}) == len(pairs) > 200
    assert [timm_name(published, DEPTHS) for published, _ in pairs] == [name for _, name in pairs]


@pytest.mark.parametrize("name", ["_blocks.16._bn0.weight", "_blocks.0._what.weight", "fc.weight"])
def test_an_unknown_layer_is_named(name):
    with pytest.raises(ValueError, match=name.split(".")[0]):
        timm_name(name, DEPTHS)


def mammo_clip_folder(folder):
    """A converted folder of a small text encoder and an EfficientNet-B0, both with random weights."""
    torch.manual_seed(0)
    backbone = timm.create_model(ENCODER, num_classes=0, in_chans=3).state_dict()
    image = {f"image_encoder.{published}": backbone[name] for published, name in published_names()}
    tokenizer = corpus_tokenizer(
        ["benign mammogram", "suspicious finding malignant mass calcifications"], length=32
    )
    config = BertConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=64,
    )
    text = BertModel(config)
    config.save_pretrained(folder / "bert")
    tokenizer.save_pretrained(folder / "bert")
    tensors = {
        **image,
        **{f"text_encoder.text_encoder.{name}": value for name, value in text.state_dict().items()},
        "image_projection.projection.weight": torch.randn(16, 1280) / 30,
        "image_projection.projection.bias": torch.zeros(16),
        "text_projection.projection.weight": torch.randn(16, 32) / 5,
        "text_projection.projection.bias": torch.zeros(16),
        "logit_scale": torch.tensor(2.0),
        "image_encoder._fc.weight": torch.zeros(3, 1280),
    }
    return convert_mammo_clip(
        tensors, encoder=ENCODER, image_size=SIZE, text_folder=folder / "bert", target=folder / "clip"
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return mammo_clip_folder(tmp_path_factory.mktemp("mammo_clip"))


@torch.no_grad()
def test_similarity_is_the_scaled_cosine_of_both_vectors(folder):
    model, tokenizer = load_mammo_clip(folder)
    images = torch.randint(0, 256, (2, *SIZE), dtype=torch.uint8)
    tokens = tokenizer(["benign", "malignant mass"], padding=True, return_tensors="pt")
    found = model.similarities(images, tokens["input_ids"], tokens["attention_mask"])
    one, other = (
        model.image_vectors(images),
        model.text_vectors(tokens["input_ids"], tokens["attention_mask"]),
    )
    assert torch.allclose(one.norm(dim=-1), torch.ones(2))
    assert torch.allclose(found, torch.exp(torch.tensor(2.0)) * one @ other.T, atol=1e-5)


@torch.no_grad()
def test_its_image_encoder_serves_an_expert_and_gives_the_same_features(folder, tmp_path):
    model, _ = load_mammo_clip(folder)
    expert = build_encoder(
        ENCODER, image_size=SIZE, pretrained_folder=save_image_encoder(folder, tmp_path / "e")
    ).eval()
    images = torch.randint(0, 256, (2, *SIZE), dtype=torch.uint8)
    assert torch.allclose(expert(images), model.image(images), atol=1e-4)


def pixels_of(encoder, grey):
    """The value that the network itself is given everywhere of a constant image."""
    seen = []
    hook = encoder.backbone.conv_stem.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    with torch.no_grad():
        encoder.eval()(torch.full((1, *SIZE), grey, dtype=torch.uint8))
    hook.remove()
    (value,) = seen[0].unique().tolist()
    return value


def test_grey_values_are_normalised_as_the_published_weights_were_trained(folder, tmp_path):
    expected = (51 / 255 - 0.3089) / 0.2505
    assert pixels_of(load_mammo_clip(folder)[0].image, 51) == pytest.approx(expected, abs=1e-5)
    encoder = save_image_encoder(folder, tmp_path / "encoder")
    selector = DensitySelector(ENCODER, image_size=SIZE, pretrained_folder=encoder)
    experts = {"clip": build_encoder(ENCODER, image_size=SIZE, pretrained_folder=encoder)}
    moe = VisualMoE(selector=selector, experts=experts, mapping=dict.fromkeys("ABCD", "clip"))
    again = VisualMoE.from_spec(json.loads(json.dumps(moe.spec())))
    classifier = BreastClassifier("contrastive", encoder=ENCODER, image_size=SIZE, pretrained_folder=encoder)
    built = BreastClassifier.from_spec(classifier.spec()).encoders[0]
    for one in (selector.encoder, again.selector.encoder, again.experts["clip"], built):
        assert pixels_of(one, 51) == pytest.approx(expected, abs=1e-5)
    assert pixels_of(build_encoder(ENCODER, image_size=SIZE), 51) != pytest.approx(expected, abs=0.1)


@pytest.mark.parametrize("grey", ["[0.3]", '"0.3"', "[0.3, 0.0]"])
def test_a_normalisation_that_makes_no_sense_is_named(folder, tmp_path, grey):
    encoder = save_image_encoder(folder, tmp_path / "encoder")
    (encoder / "config.json").write_text(f'{{"grey": {grey}}}')
    with pytest.raises(EncoderError, match=r"config\.json: grey is"):
        build_encoder(ENCODER, image_size=SIZE, pretrained_folder=encoder)


def test_a_folder_that_is_not_whole_says_how_to_mend_it(folder, tmp_path):
    with pytest.raises(ModelFolderError, match="convert_mammo_clip"):
        load_mammo_clip(tmp_path)
