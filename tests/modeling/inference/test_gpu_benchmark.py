"""The benchmark for a GPU runs whole at a tiny size on a processor, so that it is ready for whoever has one."""

import json

import pytest
import torch

from benchmarks import gpu
from benchmarks.gpu_scale import FULL
from modeling.training.config_base import PAPER_EXPERTS, PAPER_IMAGE_SIZE

TIMED = {
    "matmul_tflops", "copy_gb_s", "clip_images_s", "dinov2_images_s", "convnext_images_s",
    "umicon_clip_images_s", "umicon_dinov2_images_s", "umicon_convnext_images_s",
    "decode_ms_eager", "decode_ms_static", "decode_ms_floor", "static_over_floor", "three_over_one",
    "three_over_one_static", "images_encoded_s",
    "answer_4_tokens_four_views_eager_s", "answer_4_tokens_four_views_static_s",
    "three_answers_four_views_eager_s", "three_answers_four_views_static_s",
    "sft_tokens_s", "sft_share_of_matmul", "fsdp2_sft_tokens_s",
}  # fmt: skip


def test_every_figure_comes_out_at_a_tiny_size_with_date_device_and_command(capsys):
    assert gpu.main(["--tiny"]) == 0
    figures = json.loads(capsys.readouterr().out)
    assert set(figures) >= TIMED
    assert [name for name in TIMED if not figures[name] > 0] == []
    assert figures["packed_attention"].startswith("sdpa: a block mask")
    assert figures["command"] == "python -m benchmarks.gpu --tiny"
    assert figures["date"] > "2026"
    assert "says nothing" in figures["device"]


def test_its_full_size_is_the_papers():
    model = FULL.sized(device="meta").language_model()
    assert sum(p.numel() for p in model.parameters()) == pytest.approx(9.4e9, rel=0.01)
    assert dict(FULL.experts) == dict(PAPER_EXPERTS)
    assert FULL.image_size == PAPER_IMAGE_SIZE


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here")
def test_without_a_gpu_it_measures_nothing_and_says_so(capsys):
    assert gpu.main([]) == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert "no GPU here" in said.err
