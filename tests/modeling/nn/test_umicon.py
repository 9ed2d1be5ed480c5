"""UMiCon: vectors, fusion, and checkpoints that come back exactly."""

import json

import pytest
import torch

from modeling.nn.checkpoint import CheckpointError, load_selector, load_umicon, save_checkpoint
from modeling.nn.density_selector import DensitySelector
from modeling.nn.experts import build_encoder
from modeling.nn.text_encoder import TextEncoder, corpus_tokenizer, encode_reports
from modeling.nn.umicon import LAYERS, UMiCon, UMiConWithExperts
from modeling.nn.visual_moe import VisualMoE

SIZE = (48, 38)
REPORTS = ["双乳呈c型，左乳外上象限见12mm肿块", "The breasts are almost entirely fatty."]


@pytest.fixture
def tokenizer():
    return corpus_tokenizer(REPORTS, length=64)


@pytest.fixture
def model(tokenizer):
    torch.manual_seed(0)
    visual = VisualMoE(
        selector=DensitySelector("test_resnet", image_size=SIZE),
        experts={
            "clip": build_encoder("test_vit", image_size=SIZE),
            "convnext": build_encoder("test_efficientnet", image_size=SIZE),
        },
        mapping={"A": "clip", "B": "clip", "C": "convnext", "D": "convnext"},
    )
    text = TextEncoder.small(
        vocabulary=len(tokenizer),
        layers=1,
        hidden_size=32,
        heads=2,
        length=64,
        vector_size=128,
        pooling="mean",
    )
    umicon = UMiCon(feature_sizes=visual.feature_sizes(), text=text, hidden_size=48, pooling="mean_max")
    return UMiConWithExperts(visual=visual, umicon=umicon).eval()


@pytest.fixture
def batch():
    torch.manual_seed(1)
    images = torch.randint(0, 256, (2, 4, *SIZE), dtype=torch.uint8)
    return images, torch.tensor([[True] * 4, [True, True, False, False]])


def test_views_become_unit_vectors_and_missing_views_zero(model, batch):
    views, studies, _ = model.encode(*batch)
    assert views.shape == (2, 4, 128)
    assert studies.shape == (2, 128)
    torch.testing.assert_close(views[batch[1]].norm(dim=-1), torch.ones(6))
    assert views[~batch[1]].abs().max() == 0


def test_a_study_is_the_mean_of_the_views_that_exist(model, batch):
    views, studies, _ = model.encode(*batch)
    mean = views[1, :2].mean(0)
    torch.testing.assert_close(studies[1], mean / mean.norm())


def test_a_missing_view_changes_nothing(model, batch):
    images, mask = batch
    _, padded, _ = model.encode(images[1:], mask[1:])
    _, bare, _ = model.encode(images[1:, :2], mask[1:, :2])
    torch.testing.assert_close(padded, bare, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("residual", [True, False])
def test_the_perceptron_has_six_layers(model, residual):
    umicon = UMiCon(feature_sizes={"convnext": 8}, text=model.umicon.text, residual=residual)
    assert sum(isinstance(layer, torch.nn.Linear) for layer in umicon.perceptron.modules()) == LAYERS == 6


def test_the_mean_report_stands_in_when_there_is_none(model, batch):
    _, studies, _ = model.encode(*batch)
    model.umicon.mean_report.copy_(torch.randn(128))
    alone = model.umicon.fuse(studies, None)
    torch.testing.assert_close(alone, model.umicon.fuse(studies, model.umicon.mean_report.expand(2, -1)))
    with pytest.raises(ValueError, match="neither"):
        model.umicon.fuse(None, None)


def test_fusion_is_a_layer_norm_of_both_vectors(model, batch):
    image, report = torch.randn(3, 128), torch.randn(3, 128)
    both = torch.cat([image, report], 1)
    expected = (both - both.mean(1, keepdim=True)) / (both.var(1, unbiased=False, keepdim=True) + 1e-5).sqrt()
    torch.testing.assert_close(model.umicon.fuse(image, report).flatten(1), expected)


def test_the_selector_stays_in_evaluation_mode_while_the_rest_trains(model):
    model.train()
    assert model.umicon.training
    assert not model.visual.selector.training
    assert not any(module.training for module in model.visual.selector.modules())


def test_a_checkpoint_comes_back_exactly(model, tokenizer, batch, tmp_path):
    tokens = encode_reports(tokenizer, REPORTS, length=64)
    digest = save_checkpoint(
        tmp_path / "m", model, training={"epochs": 1}, snapshot="abc", tokenizer=tokenizer
    )
    loaded, same_tokenizer = load_umicon(tmp_path / "m")
    assert json.loads((tmp_path / "m" / "config.json").read_text())["weights_sha256"] == digest
    for name, value in model.state_dict().items():
        assert torch.equal(loaded.state_dict()[name], value), name
    assert torch.equal(loaded.encode(*batch)[1], model.encode(*batch)[1])
    again = encode_reports(same_tokenizer, REPORTS, length=64)
    assert torch.equal(loaded.umicon.report_vectors(*again), model.umicon.report_vectors(*tokens))


def test_saving_again_replaces_the_folder_and_leaves_nothing_beside_it(model, tokenizer, tmp_path):
    for _ in range(2):
        save_checkpoint(tmp_path / "m", model, training={}, snapshot="abc", tokenizer=tokenizer)
    assert [path.name for path in tmp_path.iterdir()] == ["m"]


def test_changed_weights_are_refused(model, tokenizer, tmp_path):
    save_checkpoint(tmp_path / "m", model, training={}, snapshot="abc", tokenizer=tokenizer)
    weights = tmp_path / "m" / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"\x01")
    with pytest.raises(CheckpointError, match=r"model\.safetensors.*SHA-256"):
        load_umicon(tmp_path / "m")


def test_a_checkpoint_of_another_class_is_refused(model, tokenizer, tmp_path):
    save_checkpoint(tmp_path / "m", model, training={}, snapshot="abc", tokenizer=tokenizer)
    with pytest.raises(CheckpointError, match="DensitySelector"):
        load_selector(tmp_path / "m")


def test_a_special_tokens_name_inside_a_report_is_read_as_text(tokenizer):
    ids, _ = encode_reports(tokenizer, ["mass [SEP] [CLS] [MASK] left"], length=64)
    special = {tokenizer.sep_token_id, tokenizer.cls_token_id, tokenizer.mask_token_id}
    assert sum(token in special for token in ids[0].tolist()) == 2  # its own [CLS] and [SEP]


def test_a_word_of_fewer_than_three_patients_is_no_part_of_the_vocabulary():
    """The vocabulary leaves the house with the weights, and cleaning may have left a name."""
    texts = ["mass in Ms Smithson", "mass of Smithson again", "mass", "oval mass", "oval", "oval"]
    patients = ["a", "a", "b", "c", "d", "e"]
    words = corpus_tokenizer(texts, length=64, patients=patients).get_vocab()
    assert {"mass", "oval"} <= set(words)
    assert "smithson" not in words
    assert "smithson" in corpus_tokenizer(texts, length=64).get_vocab()
    tokenizer = corpus_tokenizer(texts, length=64, patients=patients)
    read = tokenizer.convert_ids_to_tokens(encode_reports(tokenizer, ["smithson"], length=64)[0][0])
    assert "".join(read[1:-1]).replace("##", "") == "smithson"  # letter by letter: nothing is lost
    with pytest.raises(ValueError):
        corpus_tokenizer(texts, length=64, patients=patients[:2])


def test_the_vocabulary_does_not_depend_on_the_order_of_reports():
    first = corpus_tokenizer(REPORTS, length=64).get_vocab()
    assert corpus_tokenizer(REPORTS[::-1], length=64).get_vocab() == first
