"""The rows of Tables 3, 6 and 8: each is a setting that the stages take and that trains."""

import pytest
import torch
from safetensors.torch import load_file

from modeling.nn.checkpoint import load_selector, load_umicon
from modeling.training.ablations import TABLE_3, TABLE_8
from modeling.training.config import SftConfig, UmiconSupervisedConfig, UmiconUnsupervisedConfig
from tests.modeling.training.conftest import StopAfter


@pytest.mark.parametrize("row", [*TABLE_3.values(), *TABLE_8.values()], ids=lambda row: row.label)
def test_every_row_is_a_setting_of_its_stages(row):
    UmiconUnsupervisedConfig.from_overrides(row.unsupervised or {})
    UmiconSupervisedConfig.from_overrides(row.supervised)
    made = SftConfig.from_overrides(row.sft)
    assert made.only_expert in (None, "clip", "convnext")


def test_the_paper_has_five_rows_each():
    assert len(TABLE_3) == len(TABLE_8) == 5


def test_the_base_row_trains_from_the_selector_alone(bench):
    row = TABLE_8["base"]
    init = {"density": bench.weights("selector")}
    assert bench.run("umicon_supervised", "base", init=init, **row.supervised) == 0
    assert {"test_image_auc", "test_fused_auc"} <= set(bench.checkpoint("base")["metrics"])


def test_attention_begins_at_the_supervised_stage_and_is_trained(bench):
    init = {"density": bench.weights("selector")}
    assert bench.run("umicon_unsupervised", "u", init=init, epochs=1) == 0
    row = TABLE_8["attention"]
    assert (
        bench.run("umicon_supervised", "attended", init={"umicon": bench.weights("u")}, **row.supervised) == 0
    )
    model, _ = load_umicon(bench.weights("attended"))
    assert model.umicon.fusion == "attention"
    torch.manual_seed(3)
    started = torch.nn.MultiheadAttention(16, 4, batch_first=True).in_proj_bias
    assert not torch.equal(model.umicon.cross_attention.image_attends.in_proj_bias, started), "bias left zero"


@pytest.mark.slow
def test_without_the_multimodal_branch_the_text_side_stays_as_it_began(bench):
    init = {"density": bench.weights("selector")}
    for name, change in (("both", {}), ("unimodal", TABLE_8["unimodal"].unsupervised)):
        assert bench.run("umicon_unsupervised", name, init=init, epochs=1, weight_decay=0.0, **change) == 0
    both, unimodal = (load_file(bench.weights(name) / "model.safetensors") for name in ("both", "unimodal"))
    text = [key for key in both if key.startswith("umicon.text.")]
    assert any(not torch.equal(both[key], unimodal[key]) for key in text)
    assert bench.run("umicon_unsupervised", "more", init=init, epochs=2, weight_decay=0.0, **change) == 0
    more = load_file(bench.weights("more") / "model.safetensors")
    assert all(torch.equal(more[key], unimodal[key]) for key in text), "no loss reached the text side"


@pytest.mark.parametrize("frozen", [False, True])
def test_an_encoder_is_probed_tuned_or_frozen(bench, frozen):
    name = f"probe-{frozen}"
    assert bench.run("encoder_probe", name, selector="test_convnext", frozen=frozen) == 0
    probed = load_selector(bench.weights(name))
    assert probed.encoder.name == "test_convnext"
    figures = bench.checkpoint(name)["metrics"]
    assert {f"test_auc_{density}" for density in "ABCD"} <= set(figures)
    assert (
        bench.run("encoder_probe", f"{name}-longer", selector="test_convnext", frozen=frozen, epochs=3) == 0
    )
    longer = load_selector(bench.weights(f"{name}-longer"))
    same = [
        torch.equal(first, second)
        for first, second in zip(probed.encoder.parameters(), longer.encoder.parameters(), strict=True)
    ]
    assert all(same) is frozen
    assert not torch.equal(probed.classifier.weight, longer.classifier.weight)


def test_a_stopped_probe_that_is_resumed_ends_bit_identical(bench):
    assert bench.run("encoder_probe", "whole") == 0
    assert bench.run("encoder_probe", "halved", stop=StopAfter(5)) == 75
    assert bench.run("encoder_probe", "halved", resume=True) == 0
    assert bench.checkpoint("halved")["sha256"] == bench.checkpoint("whole")["sha256"]
