"""One expert per study against all experts on every study (ratio of seconds; below 1 is faster)."""

import statistics
import time

import torch

from benchmarks.alone import show
from modeling.nn.density_selector import DensitySelector
from modeling.nn.experts import build_encoder
from modeling.nn.visual_moe import VisualMoE

SIZE = (126, 100)
STUDIES, VIEWS, ROUNDS = 4, 2, 5


def measure() -> dict[str, float]:
    """Median seconds of both ways over the same studies, interleaved."""
    torch.manual_seed(0)
    names = {
        "clip": "vit_base_patch16_clip_224",
        "dinov2": "vit_base_patch14_dinov2",
        "convnext": "convnext_tiny",
    }
    moe = VisualMoE(
        selector=DensitySelector("resnet50", image_size=SIZE),
        experts={key: build_encoder(name, image_size=SIZE) for key, name in names.items()},
        mapping={"A": "clip", "B": "dinov2", "C": "convnext", "D": "convnext"},
    ).eval()
    images = torch.randint(0, 255, (STUDIES, VIEWS, *SIZE)).float()
    density = torch.arange(STUDIES) % 4
    sparse, dense = [], []
    with torch.no_grad():
        for _ in range(ROUNDS):
            started = time.perf_counter()
            moe(images, density=density)
            sparse.append(time.perf_counter() - started)
            started = time.perf_counter()
            for name in names:
                moe(images, expert=name)
            dense.append(time.perf_counter() - started)
    return {
        "one expert per study, s": statistics.median(sparse),
        "all three experts on every study, s": statistics.median(dense),
        "ratio": statistics.median(a / b for a, b in zip(sparse, dense, strict=True)),
    }


if __name__ == "__main__":
    show(measure())
