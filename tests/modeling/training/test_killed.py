"""A run killed at random moments and resumed ends bit for bit where an undisturbed one ends."""

import json
import math
import random
import secrets
import signal

import pytest
from safetensors.torch import load_file

from modeling.data.exchange import EXIT_NO_ROOM, EXIT_SYSTEM
from modeling.training.saving import SavingError, is_whole, newest_whole, rotate, step_of
from modeling.training.trainer import _best_checkpoint
from tests.modeling.training.killed import SETTINGS, Scene


@pytest.fixture(scope="module")
def scene(tmp_path_factory):
    """Initial weights and data of all stages; the preference stage starts from an SFT of this scene."""
    made = Scene(tmp_path_factory.mktemp("killed"))
    assert made.train("sft", "sft").code == 0
    (made.folder / "mammovlm").symlink_to(made.folder / "sft" / "model")
    return made


@pytest.mark.slow
@pytest.mark.parametrize("stage", SETTINGS)
def test_three_kills_at_random_moments_change_no_bit(scene, stage):
    whole = scene.train(stage, f"{stage}-whole")
    assert whole.code == 0, (scene.folder / f"{stage}-whole.log").read_text()
    seed = secrets.randbits(32)
    draw = random.Random(seed)
    killed = 0
    for number in range(3):
        at_an_event = number != 2
        ending = scene.train(
            stage, f"{stage}-killed",
            after_events=draw.randrange(1, max(whole.events // 4, 2)) if at_an_event else None,
            after_seconds=None if at_an_event else draw.uniform(0, whole.seconds),
        )  # fmt: skip
        killed += ending.code == -signal.SIGKILL
    assert killed >= 2, f"seed {seed}: the kills came too late to mean anything"
    assert scene.train(stage, f"{stage}-killed").code == 0
    expected, found = (scene.folder / name / "model" for name in (f"{stage}-whole", f"{stage}-killed"))
    assert load_file(found / "model.safetensors").keys() == load_file(expected / "model.safetensors").keys()
    assert (found / "model.safetensors").read_bytes() == (expected / "model.safetensors").read_bytes(), (
        f"seed {seed}"
    )
    assert scene.result(f"{stage}-killed") == scene.result(f"{stage}-whole"), f"seed {seed}"


def checkpoints_of(scene, name):
    return sorted((scene.folder / name / "trainer").glob("checkpoint-*"), key=lambda p: int(p.name[11:]))


@pytest.fixture
def interrupted(scene, request):
    """A density run that was killed after its second checkpoint, and the name of an undisturbed one."""
    name = f"spoilt-{abs(hash(request.node.name))}"
    events = 40
    while len(checkpoints_of(scene, name)) < 2:
        assert scene.train("density", name, after_events=events).code == -signal.SIGKILL
        events += 20
    return name


@pytest.mark.parametrize("file", ["model.safetensors", "optimizer.pt", "rng_state.pth", "trainer_state.json"])
@pytest.mark.parametrize("damage", ["cut", "flipped", "gone"])
def test_a_damaged_checkpoint_is_passed_over_for_the_one_before(scene, interrupted, file, damage):
    before, newest = checkpoints_of(scene, interrupted)[-2:]
    path = newest / file
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    if damage == "gone":
        path.unlink()
    else:
        path.write_bytes(content[: len(content) // 2] if damage == "cut" else content)
    assert not is_whole(newest)
    assert newest_whole(newest.parent) == before


def test_a_run_goes_on_from_the_checkpoint_before_a_damaged_one(scene, interrupted):
    assert scene.train("density", "undisturbed").code == 0
    newest = checkpoints_of(scene, interrupted)[-1]
    path = newest / "optimizer.pt"
    path.write_bytes(path.read_bytes()[:1000])
    assert scene.train("density", interrupted).code == 0
    assert "cut or changed since it was written" in (scene.folder / f"{interrupted}.log").read_text()
    assert scene.result(interrupted) == scene.result("undisturbed")


def test_a_full_disk_leaves_the_old_checkpoint_and_the_run_goes_on_when_there_is_room(scene):
    full = scene.train("density", "full-disk", fill_disk_after=1)
    assert full.code in (EXIT_NO_ROOM, EXIT_SYSTEM)
    (kept,) = checkpoints_of(scene, "full-disk")
    assert is_whole(kept)
    assert not list(kept.parent.glob(".*.part"))
    log = (scene.folder / "full-disk.log").read_text().strip().splitlines()
    assert "could not be written" in log[-1]
    assert scene.train("density", "full-disk").code == 0
    assert scene.train("density", "roomy").code == 0
    assert scene.result("full-disk") == scene.result("roomy")


def test_the_last_two_and_the_best_are_kept_and_the_best_can_be_the_result(scene):
    options = {"epochs": 6, "learning_rate": 0.05, "checkpoint_every_steps": None, "decay_after_epoch": None}
    assert scene.train("density", "best", keep="best", **options).code == 0
    kept = [int(path.name[11:]) for path in checkpoints_of(scene, "best")]
    state = json.loads(
        (scene.folder / "best" / "trainer" / f"checkpoint-{kept[-1]}" / "trainer_state.json").read_text()
    )
    losses = {row["step"]: row["validation_loss"] for row in state["log_history"] if "validation_loss" in row}
    lowest = min(losses, key=lambda step: (losses[step], step))
    steps = sorted(losses)
    assert lowest not in steps[-2:], "the example must have its best before the last two"
    assert kept == sorted({lowest, *steps[-2:]})
    best = load_file(scene.folder / "best" / "trainer" / f"checkpoint-{lowest}" / "model.safetensors")
    result = load_file(scene.folder / "best" / "model" / "model.safetensors")
    assert all(best[f"selector.{name}"].equal(value) for name, value in result.items())


def test_training_ends_early_when_the_validation_loss_no_longer_falls(scene):
    options = {"epochs": 40, "learning_rate": 0.05, "checkpoint_every_steps": None, "decay_after_epoch": None}
    assert scene.train("density", "early", early_stopping_epochs=2, **options).code == 0
    rows = [row for row in scene.result("early") if row["kind"] == "metric"]
    losses = [row["value"] for row in rows if row["name"] == "validation_loss"]
    assert len(losses) < 40
    assert losses.index(min(losses)) == len(losses) - 3


EARLY = {
    "epochs": 40, "learning_rate": 0.05, "checkpoint_every_steps": None, "decay_after_epoch": None,
    "early_stopping_epochs": 2,
}  # fmt: skip


@pytest.mark.slow
def test_a_run_killed_after_it_ended_early_trains_no_further(scene):
    whole = scene.train("density", "ended", **EARLY)
    assert whole.code == 0
    last = checkpoints_of(scene, "ended")[-1].name
    assert scene.train("density", "cut-short", after_events=whole.events - 1, **EARLY).code == -signal.SIGKILL
    assert checkpoints_of(scene, "cut-short")[-1].name == last, "it must be killed after its last checkpoint"
    assert scene.train("density", "cut-short", **EARLY).code == 0
    assert checkpoints_of(scene, "cut-short")[-1].name == last
    assert scene.result("cut-short") == scene.result("ended")


def test_the_best_of_the_checkpoint_before_the_newest_is_kept_too(tmp_path):
    """Should the newest be cut, the run goes back to the one before it, whose best must be there."""
    for step, best in ((1, 1), (2, 2), (3, 2), (4, 2), (5, 5)):
        folder = tmp_path / f"checkpoint-{step}"
        folder.mkdir()
        (folder / "trainer_state.json").write_text(json.dumps({"best_global_step": best}), "utf-8")
    rotate(tmp_path, best_step=5)
    assert sorted(step_of(path) for path in tmp_path.iterdir()) == [2, 4, 5]
    (tmp_path / "checkpoint-5" / "trainer_state.json").write_text("{", "utf-8")
    rotate(tmp_path, best_step=None)
    assert sorted(step_of(path) for path in tmp_path.iterdir()) == [2, 4, 5]


@pytest.mark.slow
def test_a_damaged_best_checkpoint_is_trained_again_and_never_the_result(scene):
    options = {**EARLY, "epochs": 6, "early_stopping_epochs": None, "keep": "best"}
    whole = scene.train("density", "sound", **options)
    assert whole.code == 0
    name = "best-damaged"
    assert scene.train("density", name, after_events=whole.events - 1, **options).code == -signal.SIGKILL
    best = checkpoints_of(scene, name)[0]
    assert step_of(best) < step_of(checkpoints_of(scene, name)[-1])
    content = bytearray((best / "model.safetensors").read_bytes())
    content[-5] ^= 1
    (best / "model.safetensors").write_bytes(content)
    assert scene.train("density", name, **options).code == 0
    assert "the best checkpoint before it was changed" in (scene.folder / f"{name}.log").read_text()
    assert scene.result(name) == scene.result("sound")


def test_a_best_checkpoint_that_is_damaged_while_the_run_goes_on_ends_it_with_the_mend(tmp_path):
    checkpoint = tmp_path / "trainer" / "checkpoint-4"
    checkpoint.mkdir(parents=True)
    (checkpoint / "hashes.json").write_text('{"model.safetensors": "0"}')
    (checkpoint / "model.safetensors").write_bytes(b"other")
    with pytest.raises(SavingError, match=r"these are the best weights.*resume it"):
        _best_checkpoint(tmp_path, 4)


def test_the_perplexity_of_validation_answers_is_the_exponential_of_their_loss(scene):
    rows = [row for row in scene.result("sft") if row["kind"] == "metric"]
    loss, perplexity = (
        [row["value"] for row in rows if row["name"] == f"validation_{what}"]
        for what in ("loss", "perplexity")
    )
    assert len(loss) == 2
    assert perplexity == pytest.approx([math.exp(value) for value in loss])


def test_curves_are_files_while_a_run_trains_and_a_resumed_run_has_each_point_once(scene, interrupted):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    assert scene.train("density", interrupted).code == 0
    lines = (scene.folder / interrupted / "metrics.jsonl").read_text().splitlines()
    points = [json.loads(line) for line in lines]
    told = [row for row in scene.result(interrupted) if row["kind"] == "metric"]
    assert [(p["name"], p["step"], p["value"]) for p in points] == [
        (t["name"], t["step"], t["value"]) for t in told
    ]
    assert len({(p["name"], p["step"]) for p in points}) == len(points)
    events = EventAccumulator(str(scene.folder / interrupted / "tensorboard"))
    events.Reload()
    found = {(name, e.step): e.value for name in events.Tags()["scalars"] for e in events.Scalars(name)}
    assert found == {(p["name"], p["step"]): pytest.approx(p["value"], rel=1e-5) for p in points}
