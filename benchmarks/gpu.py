"""GLM-4 9B shapes with random weights on a GPU: training and answering speed. NOT RUN: no GPU was at hand.

python -m benchmarks.gpu [--layers 40] [--attention sdpa|flash_attention_2] > figures.json
python -m benchmarks.gpu --tiny > /dev/null        # the same code on a processor, sizes that say nothing

Prints one JSON object with date, device and command: the measured matrix-product rate; LoRA SFT tokens a second with
packing, how the packs are kept apart, its share of that rate (4 N FLOPs a token: LoRA has no weight gradients) and peak
memory, alone and sharded by FSDP2 over a group of one; decoding milliseconds a token, eager and with a static cache and
CUDA graphs, against the bandwidth floor (bytes of the weights / measured copy rate); three proposals against one; an
answer with four views from pixels to tokens by MammoVLM and our sampler; experts forward and backward, and whole training
steps of UMiCon's first stage with its optimiser, images a second.
"""

import argparse
import datetime
import json
import shlex
import sys
from collections.abc import Callable
from typing import Any

import torch

from benchmarks.gpu_scale import FULL, TINY, Scale
from benchmarks.gpu_vision import answering, umicon_step, vision
from modeling.nn.generation import Decoding


def rates(scale: Scale) -> dict[str, float]:
    """Measured matrix products in the models' precision (TFLOP/s) and memory copies (GB/s)."""
    side = scale.matrix
    a, b = (torch.randn(side, side, device=scale.device, dtype=scale.precision) for _ in range(2))
    block = torch.empty(scale.copied_bytes, dtype=torch.uint8, device=scale.device)
    target = torch.empty_like(block)
    return {
        "matmul_tflops": 2 * side**3 / scale.timed(lambda: a @ b) / 1e12,
        "copy_gb_s": 2 * block.numel() / scale.timed(lambda: target.copy_(block)) / 1e9,
    }


def _tuned(model: Any) -> tuple[Any, Any]:
    """The model with LoRA adapters, and their optimiser."""
    from peft import LoraConfig, get_peft_model

    tuned = get_peft_model(
        model, LoraConfig(r=8, lora_alpha=32, target_modules=["q_proj", "k_proj", "v_proj"])
    )
    tuned.enable_input_require_grads()
    return tuned, torch.optim.Adam([p for p in tuned.parameters() if p.requires_grad], lr=1e-4)


def _step(scale: Scale, tuned: Any, optimiser: Any) -> Callable[[], None]:
    """One step on packs whose dialogues do not see each other: positions begin anew, and there is no mask."""
    ids = torch.randint(
        0, scale.vocabulary - 1, (scale.tokens // scale.pack, scale.pack), device=scale.device
    )
    positions = (torch.arange(scale.pack, device=scale.device) % (scale.pack // 8)).expand_as(ids)

    def step() -> None:
        optimiser.zero_grad()
        with scale.autocast():
            tuned(input_ids=ids, labels=ids, position_ids=positions, use_cache=False).loss.backward()
        optimiser.step()

    return step


def packed_attention(model: Any) -> str:
    """How the dialogues of a pack are kept from seeing each other."""
    name = str(model.config._attn_implementation)
    varlen = name.startswith("flash_attention")
    return f"{name}: {'variable lengths in one kernel' if varlen else 'a block mask over the whole pack'}"


def tuning(scale: Scale, model: Any, peak: float) -> dict[str, Any]:
    """LoRA SFT on packs."""
    parameters = sum(p.numel() for p in model.parameters())
    tuned, optimiser = _tuned(model)
    scale.forget_memory()
    seconds = scale.timed(_step(scale, tuned, optimiser))
    rate = 4 * parameters * scale.tokens / seconds / 1e12
    tuned.unload()
    return {
        "sft_tokens_s": scale.tokens / seconds,
        "sft_share_of_matmul": rate / peak,
        "sft_memory_gib": scale.memory_gib(),
        "packed_attention": packed_attention(model),
    }


def sharded(scale: Scale, model: Any) -> dict[str, float]:
    """The same step sharded by FSDP2 over a group of one: what the wrapping costs. The model is of no use after it."""
    from torch import distributed
    from torch.distributed.fsdp import fully_shard

    from modeling.training.sharding import layer_classes

    kind = "nccl" if scale.device == "cuda" else "gloo"
    distributed.init_process_group(kind, store=distributed.HashStore(), rank=0, world_size=1)
    try:
        mesh = distributed.init_device_mesh(scale.device, (1,))
        tuned, _ = _tuned(model)
        tuned.to(scale.precision)  # a sharded layer has one precision
        names = set(layer_classes(tuned))
        for module in list(tuned.modules()):
            if type(module).__name__ in names:
                fully_shard(module, mesh=mesh)
        fully_shard(tuned, mesh=mesh)
        optimiser = torch.optim.Adam([p for p in tuned.parameters() if p.requires_grad], lr=1e-4)
        scale.forget_memory()
        seconds = scale.timed(_step(scale, tuned, optimiser))
        return {"fsdp2_sft_tokens_s": scale.tokens / seconds, "fsdp2_memory_gib": scale.memory_gib()}
    finally:
        distributed.destroy_process_group()


@torch.inference_mode()
def decoding(scale: Scale, model: Any, copy_gb_s: float) -> dict[str, float]:
    """Milliseconds a token against the floor, and three rows against one; transformers' own loop."""
    model.eval()
    new = scale.new_tokens
    compiled = Decoding(cache="static", compile=True).settings()

    def write(rows: int, **more: Any) -> Callable[[], object]:
        prompt = torch.randint(0, scale.vocabulary - 1, (rows, scale.prompt), device=scale.device)
        return lambda: model.generate(
            input_ids=prompt, attention_mask=torch.ones_like(prompt), do_sample=False, min_new_tokens=new,
            max_new_tokens=new, pad_token_id=0, eos_token_id=None, **more,
        )  # fmt: skip

    eager = scale.timed(write(1), 3)
    static = scale.timed(write(1, **compiled), 3)
    floor = sum(p.numel() * p.element_size() for p in model.parameters()) / (copy_gb_s * 1e9) * 1000
    return {
        "decode_ms_eager": eager / new * 1000,
        "decode_ms_static": static / new * 1000,
        "decode_ms_floor": floor,
        "static_over_floor": static / new * 1000 / floor,
        "three_over_one": scale.timed(write(3), 3) / eager,
        "three_over_one_static": scale.timed(write(3, **compiled), 3) / static,
    }


def measure(scale: Scale, arguments: list[str]) -> dict[str, Any]:
    """All figures, with what they were measured on."""
    figures: dict[str, Any] = {
        "date": datetime.datetime.now(tz=datetime.UTC).date().isoformat(),
        "device": torch.cuda.get_device_name(0)
        if scale.device == "cuda"
        else "processor (tiny: says nothing)",
        "command": shlex.join(["python", "-m", "benchmarks.gpu", *arguments]),
        "torch": torch.__version__,
        "layers": scale.layers,
        **rates(scale),
        **vision(scale),
        **umicon_step(scale),
    }
    model = scale.language_model()
    figures |= decoding(scale, model, figures["copy_gb_s"])
    figures |= answering(scale, model)
    figures |= tuning(scale, model, figures["matmul_tflops"])
    return figures | sharded(scale, model)


def main(arguments: list[str]) -> int:
    """Measure and print; 1 where there is no GPU and `--tiny` is not given."""
    parser = argparse.ArgumentParser()
    parser.add_argument(
        "--layers", type=int, default=FULL.layers, help="of the language model (40: GLM-4 9B)"
    )
    parser.add_argument("--attention", default=FULL.attention, help="as transformers names it (sdpa)")
    parser.add_argument(
        "--tiny", action="store_true", help="tiny networks on the processor: only whether it runs"
    )
    given = parser.parse_args(arguments)
    if not given.tiny and not torch.cuda.is_available():
        sys.stderr.write("no GPU here: nothing was measured (--tiny tries the code)\n")
        return 1
    scale = TINY if given.tiny else FULL.sized(layers=given.layers, attention=given.attention)
    sys.stdout.write(json.dumps(measure(scale, arguments), indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
