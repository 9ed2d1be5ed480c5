"""What one optimiser step is made of: accumulated gradients, the paper's rates, Adam's coupled decay."""

import dataclasses

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from modeling.training.callbacks import StopRequest
from modeling.training.config import StageConfig
from modeling.training.trainer import run_training
from tests.modeling.training.killed import Scene


@pytest.fixture(scope="module")
def scene(tmp_path_factory):
    made = Scene(tmp_path_factory.mktemp("steps"))
    assert made.train("sft", "sft").code == 0
    (made.folder / "mammovlm").symlink_to(made.folder / "sft" / "model")
    return made


def measured(scene, name, what):
    return [row["value"] for row in scene.result(name) if row.get("name") == what]


@pytest.mark.parametrize("stage", ["sft", "preferences", "vision_language_sft", "language", "density"])
def test_two_batches_of_four_added_up_are_one_of_eight(scene, stage):
    """Losses, gradient norms and weights; dialogues differ in length, so that a mean of means would not do."""
    options = {
        "max_gradient_norm": 0.0, "learning_rate": 1e-4, "epochs": 1, "checkpoint_every_steps": None,
        **({"tuning": "full"} if stage in ("sft", "preferences") else {}),
        # No batch normalisation, whose statistics are each batch's own.
        **({"selector": "test_vit"} if stage == "density" else {}),
    }  # fmt: skip
    for name, batch, added in (("one", 8, 1), ("two", 4, 2)):
        ending = scene.train(
            stage, f"{stage}-{name}", batch_size=batch, gradient_accumulation=added, **options
        )
        assert ending.code == 0, (scene.folder / f"{stage}-{name}.log").read_text()
    for what in ("loss", "grad_norm"):
        one, two = (measured(scene, f"{stage}-{name}", what) for name in ("one", "two"))
        assert one
        assert two == pytest.approx(one, rel=2e-3), what
    whole, halves = (
        load_file(scene.folder / f"{stage}-{name}" / "model" / "model.safetensors") for name in ("one", "two")
    )
    for name, value in whole.items():
        assert torch.allclose(value, halves[name], atol=1e-4), name


class Line(nn.Module):
    """One weight per column and no bias; the third column is always zero, so that decay alone moves its weight."""

    def __init__(self):
        super().__init__()
        self.weights = nn.Parameter(torch.tensor([0.5, -0.4, 0.3]))

    def forward(self, inputs, wanted):
        return {"loss": ((inputs @ self.weights - wanted) ** 2).mean()}


class Points:
    """Four fixed points, in one batch."""

    inputs = torch.tensor([[0.1, 0.2, 0.0], [0.3, -0.1, 0.0], [-0.2, 0.1, 0.0], [0.2, 0.2, 0.0]])
    wanted = torch.tensor([0.1, 0.0, -0.1, 0.2])

    def __len__(self):
        return 4

    def __getitem__(self, key):
        return self.inputs[key[1]], self.wanted[key[1]]

    @staticmethod
    def collate(items):
        return {
            "inputs": torch.stack([item[0] for item in items]),
            "wanted": torch.stack([item[1] for item in items]),
        }


def paper_run(folder, **changed):
    """(trained weights, rates by epoch): the paper's own setting, one step per epoch."""
    config = dataclasses.replace(StageConfig.faithful(), batch_size=4, **changed)
    model = Line()
    rows = run_training(
        stage="toy", model=model, config=config, samples=Points(), output=folder, seed=1, resume=False,
        collate=Points.collate, identity={}, stop=StopRequest(),
    )  # fmt: skip
    return model.weights.detach().double().numpy(), {
        row["step"]: row["value"] for row in rows if row["name"] == "learning_rate"
    }


def test_the_papers_rate_rises_over_six_steps_and_falls_to_a_tenth_at_epoch_100(tmp_path):
    _, rates = paper_run(tmp_path, epochs=102)
    full = 1e-5
    assert [rates[step] / full for step in range(1, 7)] == pytest.approx([n / 6 for n in range(1, 7)])
    assert {rates[step] for step in range(7, 101)} == {full}
    assert [rates[101], rates[102]] == pytest.approx([full / 10] * 2)


def test_a_step_is_adams_with_the_decay_added_to_the_gradient(tmp_path):
    """Kingma and Ba 2015, algorithm 1, on the gradient of the loss plus 5e-4 w (coupled, not AdamW's)."""
    rate = 1e-2
    found, _ = paper_run(tmp_path, epochs=8, learning_rate=rate)
    weights = np.array([0.5, -0.4, 0.3])
    inputs, wanted = Points.inputs.double().numpy(), Points.wanted.double().numpy()
    first, second = np.zeros(3), np.zeros(3)
    for step in range(1, 9):
        gradient = 2 * inputs.T @ (inputs @ weights - wanted) / 4 + 5e-4 * weights
        first, second = 0.9 * first + 0.1 * gradient, 0.999 * second + 0.001 * gradient**2
        moved = (first / (1 - 0.9**step)) / (np.sqrt(second / (1 - 0.999**step)) + 1e-8)
        weights -= rate * min(step / 6, 1) * moved
    assert found == pytest.approx(weights, abs=1e-6)
    assert found[2] < 0.3 - 4 * rate, "decay alone takes whole steps; AdamW's would be 5e-4 of one"
