"""Table 6: how well one encoder tells the densities apart; the expert of each density is chosen by it.

python -m modeling.training.encoder_probe REQUEST.json ANSWER.jsonl
"""

from __future__ import annotations

import sys
from typing import Self

from modeling.data.exchange import AnswerWriter
from modeling.nn.density_selector import DensitySelector
from modeling.training.config import EncoderProbeConfig
from modeling.training.density import DensityObjective, train_classifier
from modeling.training.stage import StageRequest, run_stage


class ProbeObjective(DensityObjective):
    """Cross-entropy of a linear layer on an encoder that learns with it, or stays as it is."""

    def __init__(self, selector: DensitySelector, *, frozen: bool) -> None:
        super().__init__(selector)
        self.frozen = frozen
        selector.encoder.requires_grad_(not frozen)

    def train(self, mode: bool = True) -> Self:
        """A frozen encoder stays in evaluation mode: its normalisation statistics are part of it."""
        super().train(mode)
        if self.frozen:
            self.selector.encoder.eval()
        return self


def train(request: StageRequest[EncoderProbeConfig], answer: AnswerWriter) -> None:
    """Train, save the encoder with its layer, measure it on held-out patients and write their predictions."""
    config = request.config
    selector = DensitySelector(
        config.selector, image_size=config.image_size, pretrained_folder=config.pretrained_folder
    )
    objective = ProbeObjective(selector, frozen=config.frozen)
    train_classifier(request, answer, objective, stage="encoder_probe")


if __name__ == "__main__":
    sys.exit(run_stage(sys.argv, EncoderProbeConfig, train))
