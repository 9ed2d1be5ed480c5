"""`gradient_checkpointing` in the stages whose objective is no model of transformers."""

from collections import Counter

import pytest
import torch

from modeling.nn.classifiers import BreastClassifier
from modeling.nn.experts import build_encoder
from modeling.training.recomputing import recompute_activations
from modeling.training.typed_fields import ConfigError
from tests.modeling.training.killed import SIZE, Scene

WITHOUT_BATCH_NORM = {
    "density": {"selector": "test_convnext"},
    "encoder_probe": {"selector": "test_convnext"},
    "umicon_unsupervised": {},
    "umicon_supervised": {},
    "classifier": {"encoder": "test_convnext"},
}


@pytest.fixture(scope="module")
def scene(tmp_path_factory):
    return Scene(tmp_path_factory.mktemp("recomputing"))


@pytest.mark.parametrize("stage", WITHOUT_BATCH_NORM)
def test_a_stage_that_recomputes_ends_at_the_same_weights(scene, stage):
    for name, recomputes in (("kept", False), ("recomputed", True)):
        ending = scene.train(
            stage, f"{stage}-{name}", gradient_checkpointing=recomputes, epochs=1, **WITHOUT_BATCH_NORM[stage]
        )
        assert ending.code == 0, (scene.folder / f"{stage}-{name}.log").read_text()[-2000:]
    kept, recomputed = (scene.result(f"{stage}-{name}")[-1]["sha256"] for name in ("kept", "recomputed"))
    assert kept == recomputed


@pytest.mark.parametrize("name", ["test_convnext", "test_vit"])
def test_each_block_is_run_once_more_in_the_backward_pass(name):
    encoder = build_encoder(name, image_size=SIZE)
    blocks = encoder.backbone.blocks if name == "test_vit" else encoder.backbone.stages[0].blocks
    calls = Counter()
    blocks[0].register_forward_pre_hook(lambda *_: calls.update(block=1))
    recompute_activations(encoder)
    encoder.train()
    encoder(torch.rand(2, *SIZE)).sum().backward()
    assert calls["block"] == 2


def test_an_encoder_whose_statistics_would_count_twice_is_refused_by_name(scene):
    model = BreastClassifier("mirai", encoder="test_resnet", image_size=SIZE, width=32)
    with pytest.raises(ConfigError, match="gradient_checkpointing: test_resnet has batch normalisation"):
        recompute_activations(model)
    assert scene.train("density", "refused", gradient_checkpointing=True).code == 2
    assert "gradient_checkpointing: test_resnet" in (scene.folder / "refused.log").read_text()
