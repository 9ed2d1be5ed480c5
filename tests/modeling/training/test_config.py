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
    ConfigError,
    DensityConfig,
    SftConfig,
    UmiconSupervisedConfig,
    UmiconUnsupervisedConfig,
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
    ],
)
def test_a_bad_override_is_refused_by_name(overrides, message):
    with pytest.raises(ConfigError, match=message):
        UmiconUnsupervisedConfig.from_overrides(overrides)


def test_overrides_lie_over_the_named_preset():
    made = DensityConfig.from_overrides({"preset": "demo", "epochs": 9})
    assert made == dataclasses.replace(DensityConfig.demo(), epochs=9)


def test_a_whole_number_is_accepted_where_a_number_is_meant():
    assert UmiconUnsupervisedConfig.from_overrides({"margin": 2}).margin == 2.0


def test_settings_are_read_without_torch():
    code = "import modeling.training.config, modeling.data.snapshot, sys; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
