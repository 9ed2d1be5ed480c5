"""The visual side of benchmarks.gpu: experts, UMiCon's training step, and an answer from pixels to tokens."""

from collections.abc import Callable
from typing import Any

import torch

from benchmarks.gpu_scale import Scale
from modeling.nn.generation import Decoding, Prompt, Sampling, generate_rows
from modeling.nn.mammovlm import MammoVLM
from modeling.nn.text_encoder import TextEncoder
from modeling.nn.umicon import UMiCon, UMiConWithExperts
from modeling.nn.visual_moe import VisualMoE

VIEWS = 4


def mixture(scale: Scale) -> VisualMoE:
    """Density selector and experts with random weights."""
    from modeling.nn.density_selector import DensitySelector
    from modeling.nn.experts import build_encoder
    from modeling.training.config_base import PAPER_ROUTING

    return VisualMoE(
        selector=DensitySelector(scale.selector, image_size=scale.image_size),
        experts={
            name: build_encoder(model, image_size=scale.image_size) for name, model in scale.experts.items()
        },
        mapping=PAPER_ROUTING,
    ).to(scale.device)


def visual_side(scale: Scale) -> UMiConWithExperts:
    """The whole visual side with UMiCon."""
    moe = mixture(scale)
    text = TextEncoder.small(**scale.text, vector_size=128, pooling="mean")
    umicon = UMiCon(feature_sizes=moe.feature_sizes(), text=text, hidden_size=64, pooling="mean_max")
    return UMiConWithExperts(visual=moe, umicon=umicon).to(scale.device)


def _images(scale: Scale, studies: int) -> torch.Tensor:
    return torch.randint(0, 255, (studies, VIEWS, *scale.image_size), dtype=torch.uint8, device=scale.device)


def vision(scale: Scale) -> dict[str, float]:
    """Forward and backward of each expert, images a second."""
    moe = mixture(scale)
    images = _images(scale, scale.studies)
    found = {}
    for name in scale.experts:

        def step(name: str = name) -> None:
            moe.zero_grad()
            with scale.autocast():
                routed = moe(images, expert=name)
                loss = sum(part.float().square().mean() for part in routed.features.values())
            loss.backward()  # type: ignore[union-attr]

        found[f"{name}_images_s"] = scale.studies * VIEWS / scale.timed(step)
    return found


def umicon_step(scale: Scale) -> dict[str, float]:
    """Steps of UMiCon's unsupervised stage, optimiser included: images (their masked copies not counted) a second."""
    from modeling.training.config import UmiconUnsupervisedConfig
    from modeling.training.umicon_unsupervised import UnsupervisedObjective

    objective = UnsupervisedObjective(visual_side(scale), UmiconUnsupervisedConfig()).train()
    optimiser = torch.optim.Adam([p for p in objective.parameters() if p.requires_grad], lr=2e-5)
    images, place = _images(scale, scale.studies), scale.device
    tokens = torch.randint(5, scale.text["vocabulary"], (scale.studies, scale.text["length"]), device=place)
    batch: dict[str, Any] = {
        "images": images, "copies": images.flip(1), "patients": torch.arange(scale.studies, device=place),
        "has_report": torch.ones(scale.studies, dtype=torch.bool, device=place),
        "view_mask": torch.ones(scale.studies, VIEWS, dtype=torch.bool, device=place),
        "input_ids": tokens, "attention_mask": torch.ones_like(tokens),
    }  # fmt: skip
    found = {}
    for name in scale.experts:

        def step(name: str = name) -> None:
            optimiser.zero_grad()
            with scale.autocast():
                loss = objective(**batch, expert=name)["loss"]
            loss.backward()
            optimiser.step()

        scale.forget_memory()
        found[f"umicon_{name}_images_s"] = scale.studies * VIEWS / scale.timed(step)
        found[f"umicon_{name}_memory_gib"] = scale.memory_gib()
    return found


@torch.inference_mode()
def answering(scale: Scale, language_model: Any) -> dict[str, float]:
    """Seconds of one answer with four views, and of three in one pass: pixels, experts, UMiCon, our sampler."""
    token = scale.vocabulary - 1
    model = MammoVLM.from_parts(visual_side(scale), language_model, visual_token_id=token)
    model = model.to(scale.device).eval()
    images = _images(scale, 1)
    asked = [*([token] * VIEWS), *torch.randint(3, token, (scale.prompt,)).tolist()]
    sampling = Sampling(max_new_tokens=scale.new_tokens)

    def write(seeds: tuple[int, ...], way: Decoding) -> Callable[[], object]:
        def act() -> None:
            vectors, mask = model.encode_images(images)
            seen = vectors[mask].float().cpu()
            prompts = [Prompt(asked, seed, seen) for seed in seeds]
            generate_rows(model, prompts, sampling=sampling, stop_ids=[], pad_id=0, decoding=way)

        return act

    found = {"images_encoded_s": scale.timed(lambda: model.encode_images(images), 3)}
    ways = {"eager": Decoding(), "static": Decoding(cache="static", compile=True)}
    for name, way in ways.items():
        found[f"answer_{scale.new_tokens}_tokens_four_views_{name}_s"] = scale.timed(write((1,), way), 3)
        found[f"three_answers_four_views_{name}_s"] = scale.timed(write((1, 2, 3), way), 3)
    return found
