"""GLM-4 9B shapes with random weights on a GPU: training and answering speed. NOT RUN: no GPU was at hand.

python -m benchmarks.gpu [--layers 40] > figures.json

Prints one JSON object: the measured matrix-product rate; LoRA SFT tokens a second with packing, its share of that rate
(4 N FLOPs a token: LoRA has no weight gradients) and peak memory; decoding milliseconds a token, eager and with a static
cache and CUDA graphs, against the bandwidth floor (bytes of the weights / measured copy rate); three proposals against
one; an answer of 200 tokens; full-size visual mixture of experts and UMiCon, images a second.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable
from typing import Any

import torch

TOKENS, PACK, NEW = 8192, 4096, 200


def timed(act: Callable[[], object], rounds: int = 5) -> float:
    """Median seconds of a call, after two that are not counted."""
    seconds = []
    for number in range(rounds + 2):
        torch.cuda.synchronize()
        began = time.perf_counter()
        act()
        torch.cuda.synchronize()
        if number >= 2:
            seconds.append(time.perf_counter() - began)
    return sorted(seconds)[len(seconds) // 2]


def rates() -> dict[str, float]:
    """Measured bfloat16 matrix products (TFLOP/s) and memory copies (GB/s)."""
    side = 8192
    a, b = (torch.randn(side, side, device="cuda", dtype=torch.bfloat16) for _ in range(2))
    block = torch.empty(2**31, dtype=torch.uint8, device="cuda")
    target = torch.empty_like(block)
    return {
        "matmul_tflops": 2 * side**3 / timed(lambda: a @ b) / 1e12,
        "copy_gb_s": 2 * block.numel() / timed(lambda: target.copy_(block)) / 1e9,
    }


def language_model(layers: int) -> Any:
    """GLM-4 9B's shapes with random weights in bfloat16."""
    from transformers import GlmConfig, GlmForCausalLM

    with torch.device("cuda"):
        torch.set_default_dtype(torch.bfloat16)
        model = GlmForCausalLM(GlmConfig(num_hidden_layers=layers))
        torch.set_default_dtype(torch.float32)
    return model


def tuning(model: Any, peak: float) -> dict[str, float]:
    """LoRA SFT on packs whose dialogues do not see each other."""
    from peft import LoraConfig, get_peft_model

    tuned = get_peft_model(
        model, LoraConfig(r=8, lora_alpha=32, target_modules=["q_proj", "k_proj", "v_proj"])
    )
    tuned.enable_input_require_grads()
    optimiser = torch.optim.Adam([p for p in tuned.parameters() if p.requires_grad], lr=1e-4)
    ids = torch.randint(0, 150000, (TOKENS // PACK, PACK), device="cuda")
    positions = (torch.arange(PACK, device="cuda") % 512).expand_as(ids)

    def step() -> None:
        optimiser.zero_grad()
        with torch.autocast("cuda", dtype=torch.bfloat16):
            tuned(input_ids=ids, labels=ids, position_ids=positions, use_cache=False).loss.backward()
        optimiser.step()

    torch.cuda.reset_peak_memory_stats()
    seconds = timed(step)
    parameters = sum(p.numel() for p in model.parameters())
    memory = torch.cuda.max_memory_allocated() / 2**30
    rate = 4 * parameters * TOKENS / seconds / 1e12
    tuned.unload()
    return {"sft_tokens_s": TOKENS / seconds, "sft_share_of_matmul": rate / peak, "sft_memory_gib": memory}


@torch.inference_mode()
def decoding(model: Any, copy_gb_s: float) -> dict[str, float]:
    """Milliseconds a token against the floor, and three rows against one."""
    model.eval()

    def write(rows: int, **more: Any) -> Callable[[], object]:
        prompt = torch.randint(0, 150000, (rows, 256), device="cuda")
        return lambda: model.generate(
            input_ids=prompt, attention_mask=torch.ones_like(prompt), do_sample=False, min_new_tokens=NEW,
            max_new_tokens=NEW, pad_token_id=0, eos_token_id=None, **more,
        )  # fmt: skip

    eager = timed(write(1), 3)
    static = timed(write(1, cache_implementation="static"), 3)
    floor = sum(p.numel() * p.element_size() for p in model.parameters()) / (copy_gb_s * 1e9) * 1000
    return {
        "decode_ms_eager": eager / NEW * 1000,
        "decode_ms_static": static / NEW * 1000,
        "decode_ms_floor": floor,
        "static_over_floor": static / NEW * 1000 / floor,
        "three_over_one": timed(write(3), 3) / eager,
        "answer_of_200_tokens_s": static,
    }


def vision() -> dict[str, float]:
    """Full-size experts and UMiCon at 1008 x 800: forward and backward through the routed expert."""
    from modeling.nn.density_selector import DensitySelector
    from modeling.nn.experts import build_encoder
    from modeling.nn.visual_moe import VisualMoE
    from modeling.training.config_base import PAPER_EXPERTS, PAPER_IMAGE_SIZE, PAPER_ROUTING

    moe = VisualMoE(
        selector=DensitySelector("resnet50", image_size=PAPER_IMAGE_SIZE),
        experts={
            name: build_encoder(model, image_size=PAPER_IMAGE_SIZE) for name, model in PAPER_EXPERTS.items()
        },
        mapping=PAPER_ROUTING,
    ).cuda()
    images = torch.randint(0, 255, (2, 4, *PAPER_IMAGE_SIZE), device="cuda")
    found = {}
    for name in PAPER_EXPERTS:

        def step(name: str = name) -> None:
            with torch.autocast("cuda", dtype=torch.bfloat16):
                routed = moe(images, expert=name)
                loss = sum(part.float().square().mean() for part in routed.features.values())
            loss.backward()  # type: ignore[union-attr]

        found[f"{name}_images_s"] = 8 / timed(step)
    return found


def main() -> int:
    """Measure and print; 1 where there is no GPU."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--layers", type=int, default=40, help="of the language model (40: GLM-4 9B)")
    layers = parser.parse_args().layers
    if not torch.cuda.is_available():
        sys.stderr.write("no GPU here: nothing was measured\n")
        return 1
    figures: dict[str, Any] = {
        "device": torch.cuda.get_device_name(0),
        "layers": layers,
        **rates(),
        **vision(),
    }
    model = language_model(layers)
    figures |= decoding(model, figures["copy_gb_s"])
    figures |= tuning(model, figures["matmul_tflops"])
    sys.stdout.write(json.dumps(figures, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
