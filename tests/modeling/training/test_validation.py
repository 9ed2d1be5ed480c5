"""What is measured on validation patients: every expert that is trained, nothing moved and nothing left out."""

import numpy as np
import pytest
import torch

from modeling.training.config import UmiconSupervisedConfig, UmiconUnsupervisedConfig
from modeling.training.umicon import trained_experts
from modeling.training.umicon_supervised import BreastSamples
from modeling.training.umicon_unsupervised import MaskedCopies
from modeling.training.validation import Validation
from tests.modeling.training.test_umicon_parts import snapshot_of, study


@pytest.mark.parametrize("kind", [UmiconUnsupervisedConfig, UmiconSupervisedConfig])
def test_validation_measures_every_expert_that_is_trained(kind):
    assert trained_experts(kind()) == [{"expert": name} for name in ("clip", "dinov2", "convnext")]
    assert trained_experts(kind.faithful()) == [{"expert": "convnext"}]


def test_the_validation_loss_is_the_mean_over_the_experts_and_the_samples():
    told = {"clip": 1.0, "dinov2": 2.0, "convnext": 6.0}
    held_out = Validation(Numbers(), shared=trained_experts(UmiconUnsupervisedConfig()))
    found = held_out.losses(
        lambda batch: {"loss": torch.tensor(told[batch["expert"]] * batch["value"])},
        lambda items: {"value": sum(items) / len(items)},
        2,
        by_token=True,
    )
    assert found == {"loss": pytest.approx(3.0 * 2.0)}


class Numbers:
    """0 to 4."""

    def __len__(self):
        return 5

    def __getitem__(self, key):
        return key[1]


def test_nothing_is_left_out_or_moved_where_validation_is_measured():
    config = UmiconSupervisedConfig(report_dropout=0.5, image_dropout=0.4, shift=0.2)
    snapshot = snapshot_of(study("a", ("L", "benign"), ("R", "malignant")))
    trained, measured = (BreastSamples(snapshot, config, seed=1, varied=varied) for varied in (True, False))
    items = [measured[epoch, index] for epoch in range(4) for index in range(2)]
    assert all(item.with_image and item.with_report for item in items)
    for index in range(2):
        assert np.array_equal(measured[0, index].images, measured[3, index].images)
    assert any(not np.array_equal(trained[0, i].images, measured[0, i].images) for i in range(2))
    copies = MaskedCopies(snapshot, UmiconUnsupervisedConfig(shift=0.2), seed=1, moved=False)
    still = MaskedCopies(snapshot, UmiconUnsupervisedConfig(shift=0.0), seed=1)
    assert np.array_equal(copies[0, 0][0], still[0, 0][0])
