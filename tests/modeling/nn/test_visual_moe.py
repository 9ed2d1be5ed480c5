"""Experts and routing."""

import pytest
import torch

from modeling.nn.density_selector import DensitySelector
from modeling.nn.experts import EncoderError, build_encoder
from modeling.nn.visual_moe import VisualMoE

SIZE = (64, 50)
EXPERTS = {"clip": "test_vit", "dinov2": "test_vit2", "convnext": "test_convnext"}
MAPPING = {"A": "clip", "B": "dinov2", "C": "convnext", "D": "convnext"}


@pytest.fixture
def moe():
    torch.manual_seed(0)
    return VisualMoE(
        selector=DensitySelector("test_resnet", image_size=SIZE),
        experts={name: build_encoder(model, image_size=SIZE) for name, model in EXPERTS.items()},
        mapping=MAPPING,
    ).eval()


@pytest.fixture
def calls(moe):
    """Expert name -> number of images in each of its calls."""
    seen = {name: [] for name in (*EXPERTS, "selector")}
    for name in EXPERTS:
        moe.experts[name].register_forward_hook(
            lambda _, args, __, name=name: seen[name].append(len(args[0]))
        )
    moe.selector.register_forward_hook(lambda _, args, __: seen["selector"].append(len(args[0])))
    return seen


def images(studies, views=4):
    return torch.randint(0, 256, (studies, views, *SIZE), dtype=torch.uint8)


def test_experts_that_were_not_chosen_do_no_work_and_the_chosen_one_is_called_once(moe, calls):
    moe(images(3), density=torch.tensor([2, 3, 2]))
    assert calls == {"clip": [], "dinov2": [], "convnext": [12], "selector": []}


def test_each_study_of_a_mixed_batch_goes_through_one_expert(moe, calls):
    routed = moe(images(3), density=torch.tensor([0, 1, 3]))
    assert calls == {"clip": [4], "dinov2": [4], "convnext": [4], "selector": []}
    assert routed.expert_index.tolist() == [[0] * 4, [1] * 4, [2] * 4]


def test_features_of_a_mixed_batch_equal_those_of_each_study_alone(moe):
    batch, density = images(3), torch.tensor([0, 3, 0])
    together = moe(batch, density=density)
    for study in range(3):
        alone = moe(batch[study : study + 1], density=density[study : study + 1])
        (name,) = alone.features
        rows = torch.isin(together.rows[name], torch.arange(4 * study, 4 * study + 4))
        torch.testing.assert_close(together.features[name][rows], alone.features[name], rtol=1e-4, atol=1e-5)


def test_study_routing_follows_the_mean_probability_and_image_routing_each_image(moe, monkeypatch):
    logits = torch.tensor([[4.0, 0, 0, 0], [0, 1.0, 0, 0], [0, 1.0, 0, 0], [0, 1.0, 0, 0]])
    monkeypatch.setattr(moe.selector, "forward", lambda flat: logits[: len(flat)])
    mean = logits.softmax(-1).mean(0)
    routed = moe(images(1))
    torch.testing.assert_close(routed.density_logits[0].exp(), mean)
    assert mean.argmax() == 0
    assert routed.expert_index.tolist() == [[0, 0, 0, 0]]
    moe.routing = "image"
    assert moe(images(1)).expert_index.tolist() == [[0, 1, 1, 1]]


def test_a_view_that_does_not_exist_is_neither_classified_nor_encoded(moe, calls):
    mask = torch.tensor([[True, True, False, False]])
    routed = moe(images(1), mask)
    assert calls["selector"] == [2]
    assert sum(sum(calls[name]) for name in EXPERTS) == 2
    assert routed.expert_index[0, 2:].tolist() == [-1, -1]


def test_a_density_without_an_expert_is_refused_by_name():
    selector = DensitySelector("test_resnet", image_size=SIZE)
    experts = {"convnext": build_encoder("test_convnext", image_size=SIZE)}
    with pytest.raises(ValueError, match="A, B"):
        VisualMoE(selector=selector, experts=experts, mapping={"C": "convnext", "D": "convnext"})


def test_a_transformer_pads_to_its_patch_and_ignores_nothing_of_the_image():
    encoder = build_encoder("test_vit", image_size=(126, 100))
    assert encoder.padded_size == (128, 112)
    features = encoder(torch.zeros(2, 126, 100, dtype=torch.uint8))
    assert features.shape == (2, encoder.features, 8, 7)


@pytest.mark.parametrize(
    ("name", "padded", "depth"),
    [
        ("vit_base_patch14_dinov2", (1008, 812), 768),
        ("vit_base_patch16_clip_224", (1008, 800), 768),
        ("convnext_tiny", (1008, 800), 768),
        ("convnext_base", (1008, 800), 1024),
        ("resnet50", (1008, 800), 2048),
    ],
)
def test_the_papers_encoders_take_the_papers_image_size(name, padded, depth):
    with torch.device("meta"):
        encoder = build_encoder(name, image_size=(1008, 800))
    assert encoder.padded_size == padded
    assert encoder.features == depth


def test_an_unknown_encoder_is_refused_by_name():
    with pytest.raises(EncoderError, match="no_such_net"):
        build_encoder("no_such_net", image_size=SIZE)


def test_pretrained_weights_come_from_a_local_folder(tmp_path):
    from safetensors.torch import save_file

    torch.manual_seed(1)
    source = build_encoder("test_convnext", image_size=SIZE)
    with pytest.raises(EncoderError, match=r"model\.safetensors"):
        build_encoder("test_convnext", image_size=SIZE, pretrained_folder=tmp_path)
    save_file(source.backbone.state_dict(), tmp_path / "model.safetensors")
    loaded = build_encoder("test_convnext", image_size=SIZE, pretrained_folder=tmp_path).eval()
    picture = images(1)[0]
    torch.testing.assert_close(loaded(picture), source.eval()(picture))


@pytest.mark.parametrize("what", ["a part lacks", "another model's", "another shape", "no safetensors"])
def test_weights_that_fill_only_a_part_of_the_encoder_are_refused_by_name(tmp_path, what):
    """timm fills what lacks at random and tells its log alone."""
    from safetensors.torch import save_file

    named = "test_vit" if what == "another model's" else "test_convnext"
    weights = dict(build_encoder(named, image_size=SIZE).backbone.state_dict())
    lacking = sorted(name for name in weights if name.endswith(".weight"))[1]
    if what == "a part lacks":
        del weights[lacking]
    elif what == "another shape":
        weights[lacking] = torch.zeros(3, 3)
    save_file(weights, tmp_path / "model.safetensors")
    if what == "no safetensors":
        (tmp_path / "model.safetensors").write_bytes(b"not weights at all")
    with pytest.raises(EncoderError, match=r"model\.safetensors: .*test_convnext") as refused:
        build_encoder("test_convnext", image_size=SIZE, pretrained_folder=tmp_path)
    assert "of this very model" in str(refused.value)
    if what == "a part lacks":
        assert lacking in str(refused.value)
