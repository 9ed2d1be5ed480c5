"""Stage settings."""

import dataclasses
import json
import math
import subprocess
import sys

import pytest

from modeling.training.config import (
    PRESETS,
    STAGES,
    ClassifierConfig,
    ConfigError,
    DensityConfig,
    EncoderProbeConfig,
    LanguageConfig,
    PreferencesConfig,
    SftConfig,
    UmiconSupervisedConfig,
    UmiconUnsupervisedConfig,
    VisionLanguageSftConfig,
)


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("stage", STAGES)
def test_a_setting_survives_json(stage, preset):
    made = STAGES[stage].preset(preset)
    assert STAGES[stage].from_overrides(json.loads(json.dumps(made.to_dict()))) == made


def test_faithful_is_the_papers_table_5():
    expected = {
        DensityConfig: (6, 2e-4),
        UmiconUnsupervisedConfig: (12, 2e-5),
        UmiconSupervisedConfig: (24, 1e-5),
        SftConfig: (24, 1e-5),
    }
    for kind, (batch, rate) in expected.items():
        made = kind.faithful()
        assert (made.batch_size, made.learning_rate) == (batch, rate)
        assert (made.weight_decay, made.warmup_steps, made.decay_after_epoch) == (5e-4, 6, 100)
        assert (made.decay_divisor, made.epochs) == (10, 280)
        assert made.image_size == (1008, 800)
        assert not made.flip_right


def test_faithful_keeps_only_positives_and_default_repels_other_patients():
    assert UmiconUnsupervisedConfig.faithful().negatives == "none"
    default = UmiconUnsupervisedConfig.default()
    assert (default.negatives, default.normalise, default.margin) == ("in_batch", True, 1.0)
    assert default.mask_area == 0.08


PAPER_EXPERTS = {
    "clip": "vit_base_patch16_clip_224", "dinov2": "vit_base_patch14_dinov2", "convnext": "convnext_tiny",
}  # fmt: skip
PAPER_ROUTING = {"A": "clip", "B": "dinov2", "C": "convnext", "D": "convnext"}

# What each stage does unless told otherwise, and what the paper does: field -> (default, faithful). PAPER.md,
# sections 2 to 4, says why they differ; a field that differs between the two without a row here fails the test below.
READINGS = {
    DensityConfig: {
        "max_gradient_norm": (1.0, 0.0),
        "selector": ("resnet50", "resnet50"),
        "flip_right": (True, False),
        "batch_size": (6, 6),
        "learning_rate": (2e-4, 2e-4),
        "epochs": (280, 280),
        "image_size": ((1008, 800), (1008, 800)),
    },
    UmiconUnsupervisedConfig: {
        "max_gradient_norm": (1.0, 0.0),
        "negatives": ("in_batch", "none"),
        "normalise": (True, False),
        "residual": (True, False),
        "expert_per_step": ("random", "single"),
        "single_expert": ("convnext", "convnext"),
        "route_by": ("study", "image"),
        "flip_right": (True, False),
        "experts": (PAPER_EXPERTS, PAPER_EXPERTS),
        "routing": (PAPER_ROUTING, PAPER_ROUTING),
        "vector_size": (128, 128),
        "mask_area": (0.08, 0.08),
        "margin": (1.0, 1.0),
        "unimodal_weight": (1.0, 1.0),
        "multimodal_weight": (1.0, 1.0),
        "batch_size": (12, 12),
        "learning_rate": (2e-5, 2e-5),
        "epochs": (280, 280),
    },
    UmiconSupervisedConfig: {
        "max_gradient_norm": (1.0, 0.0),
        "normalise": (True, False),
        "residual": (True, False),
        "expert_per_step": ("random", "single"),
        "single_expert": ("convnext", "convnext"),
        "route_by": ("study", "image"),
        "flip_right": (True, False),
        "encoder_rate": (0.2, 1.0),
        "report_dropout": (0.5, 0.0),
        "image_dropout": (0.1, 0.0),
        "each_alone": (False, False),
        "contrast_weight": (1.0, 1.0),
        "margin": (1.0, 1.0),
        "fusion": ("concat", "concat"),
        "vector_size": (128, 128),
        "high_risk": ("benign", "benign"),
        "batch_size": (24, 24),
        "learning_rate": (1e-5, 1e-5),
        "epochs": (280, 280),
    },
    SftConfig: {
        "max_gradient_norm": (1.0, 0.0),
        "projection_rate": (10.0, 1.0),
        "tuning": ("lora", "full"),
        "visual_tokens": ("per_view", "per_study"),
        "with_density": (True, False),
        "with_malignancy": (False, False),
        "route_by": ("study", "image"),
        "flip_right": (True, False),
        "mapping": ("umicon", "umicon"),
        "only_expert": (None, None),
        "epochs": (3, 280),
        "decay_after_epoch": (None, 100),
        "lora_rank": (8, 8),
        "lora_alpha": (32, 32),
        "lora_dropout": (0.1, 0.1),
        "batch_size": (24, 24),
        "learning_rate": (1e-5, 1e-5),
    },
    # The compared systems are tuned by the same recipe.
    VisionLanguageSftConfig: {
        "max_gradient_norm": (1.0, 0.0),
        "projection_rate": (10.0, 1.0),
        "tuning": ("lora", "full"),
        "flip_right": (True, False),
        "epochs": (3, 280),
        "decay_after_epoch": (None, 100),
        "batch_size": (24, 24),
        "learning_rate": (1e-5, 1e-5),
    },
    PreferencesConfig: {
        "max_gradient_norm": (1.0, 1.0),
        "route_by": ("study", "image"),
        "flip_right": (True, False),
        "tuning": ("lora", "lora"),
    },
    ClassifierConfig: {
        "max_gradient_norm": (1.0, 0.0),
        "flip_right": (True, False),
        "encoder": ("resnet18", "resnet18"),
    },
    EncoderProbeConfig: {
        "max_gradient_norm": (1.0, 0.0),
        "flip_right": (True, False),
        "frozen": (False, False),
    },
    LanguageConfig: {"max_gradient_norm": (1.0, 0.0), "epochs": (3, 3)},
}


def test_the_table_of_readings_has_every_stage():
    assert set(READINGS) == set(STAGES.values())


@pytest.mark.parametrize("kind", READINGS, ids=lambda kind: kind.__name__)
def test_default_and_faithful_are_what_the_readings_say(kind):
    default, faithful = kind.default(), kind.faithful()
    expected = READINGS[kind]
    assert {name: (getattr(default, name), getattr(faithful, name)) for name in expected} == expected
    names = [item.name for item in dataclasses.fields(kind)]
    differing = {name for name in names if getattr(default, name) != getattr(faithful, name)}
    assert differing == {name for name, (ours, papers) in expected.items() if ours != papers}


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ({"learning_rat": 1e-3}, "^learning_rat: "),
        ({"epochs": "3"}, "^epochs: '3'"),
        ({"epochs": True}, "^epochs: True"),
        ({"epochs": 0}, "^epochs: 0"),
        ({"learning_rate": math.nan}, "^learning_rate: nan"),
        ({"negatives": "some"}, "^negatives: 'some' is not one of 'in_batch', 'none'"),
        ({"image_size": [126]}, "^image_size: "),
        ({"experts": {"clip": 1}}, "^experts: 1"),
        ({"routing": {"A": "clip"}}, "^routing: "),
        ({"routing": {"A": "x", "B": "clip", "C": "clip", "D": "clip"}}, "^routing: A goes to 'x'"),
        ({"preset": "fast"}, "^preset: 'fast'"),
        ({"weight_decay": -1.0}, "^weight_decay: -1.0"),
        ({"max_gradient_norm": math.inf}, "^max_gradient_norm: inf"),
        ({"text_hidden_size": 130}, "^text_hidden_size: 130 does not divide into 4"),
        ({"vector_size": 100, "fusion": "attention"}, "^vector_size: 100 is no multiple of 32"),
        ({"hidden_size": 0}, "^hidden_size: 0"),
    ],
)
def test_a_bad_override_is_refused_by_name(overrides, message):
    with pytest.raises(ConfigError, match=message):
        UmiconUnsupervisedConfig.from_overrides(overrides)


def test_sizes_of_a_text_encoder_count_only_where_it_is_built():
    """Beside a folder they are ignored, and older runs hold any."""
    given = {"text_folder": "/weights/macbert", "text_heads": 12}
    assert UmiconUnsupervisedConfig.from_overrides(given).text_heads == 12


def test_overrides_lie_over_the_named_preset():
    made = DensityConfig.from_overrides({"preset": "demo", "epochs": 9})
    assert made == dataclasses.replace(DensityConfig.demo(), epochs=9)


def test_a_whole_number_is_accepted_where_a_number_is_meant():
    assert UmiconUnsupervisedConfig.from_overrides({"margin": 2}).margin == 2.0


def test_settings_are_read_without_torch():
    code = "import modeling.training.config, modeling.data.snapshot, sys; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
