"""The page of the documentation trains and asks MammoVLM in a process that has no Django."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
NO_DJANGO = "import sys; sys.modules['django'] = None\n"
# The one call that reads the views as training does gives the same answer as model and processor.
ASKED_AT_ONCE = """
from transformers import AutoProcessor
from modeling.inference.notebook import ask
assert isinstance(AutoProcessor.from_pretrained(mammovlm), MammoVLMProcessor)
written = processor.answer(model.generate(**inputs, **processor.ending, max_new_tokens=60), inputs)
whole = ask(mammovlm, "我的乳腺密度是哪一型？", study=0, snapshot=snapshot)
assert whole.startswith(written.rstrip("\ufffd")), (written, whole)
"""


def block():
    """The one Python block of docs/modeling.md."""
    (found,) = re.findall(
        r"```python\n(.*?)```", (ROOT / "docs" / "modeling.md").read_text("utf-8"), re.DOTALL
    )
    return found


def test_the_block_has_at_most_thirty_lines():
    assert len([line for line in block().splitlines() if line.strip()]) <= 30


@pytest.mark.slow
def test_the_block_trains_every_part_and_prints_an_answer(tmp_path):
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
    done = subprocess.run(
        [sys.executable, "-c", NO_DJANGO + block() + ASKED_AT_ONCE],
        cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=280, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    answer = [line for line in done.stdout.splitlines() if not line.startswith('{"progress"')]
    assert "".join(answer).strip(), "an untrained model may say little, but it says something"
    assert (tmp_path / "mammovlm-notebook" / "sft" / "model" / "model.safetensors").exists()
