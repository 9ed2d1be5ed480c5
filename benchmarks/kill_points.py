"""Every training stage killed twenty times at random moments and resumed: runs that end bit for bit as undisturbed."""

import random
import secrets
import signal
import tempfile
from pathlib import Path

from benchmarks.alone import show

KILLS = 20


def measure() -> dict[str, float]:
    """Kills that hit, per stage, and whether all stages ended as they should (1 or 0)."""
    from tests.modeling.training.killed import SETTINGS, Scene

    found: dict[str, float] = {}
    seed = secrets.randbits(32)
    draw, alike = random.Random(seed), True
    with tempfile.TemporaryDirectory() as folder:
        scene = Scene(Path(folder))
        if scene.train("sft", "sft").code != 0:
            raise RuntimeError("the SFT that preference tuning starts from failed")
        (scene.folder / "mammovlm").symlink_to(scene.folder / "sft" / "model")
        for stage in SETTINGS:
            whole, hits = scene.train(stage, f"{stage}-whole"), 0
            for number in range(KILLS):
                # A few events at a time, so that twenty kills fit into one run.
                events = draw.randrange(1, max(whole.events // 8, 3)) if number % 3 else None
                seconds = None if number % 3 else draw.uniform(0, whole.seconds)
                ending = scene.train(stage, f"{stage}-killed", after_events=events, after_seconds=seconds)
                hits += ending.code == -signal.SIGKILL
            scene.train(stage, f"{stage}-killed")
            weights = [
                (scene.folder / f"{stage}-{name}" / "model" / "model.safetensors").read_bytes()
                for name in ("whole", "killed")
            ]
            same = weights[0] == weights[1] and scene.result(f"{stage}-whole") == scene.result(
                f"{stage}-killed"
            )
            alike = alike and same
            found[f"{stage}: kills of {KILLS}, {'same' if same else 'DIFFERENT'}"] = hits
    return {**found, f"all bit-identical (seed {seed})": float(alike)}


if __name__ == "__main__":
    show(measure())
