"""Preference tuning: the loss against its formula, and what it does to answers that were not picked."""

import math

import pytest
import torch

from modeling.data.snapshot import open_snapshot
from modeling.nn.chat import IGNORED_LABEL
from modeling.nn.language import load_whole
from modeling.nn.mammovlm import MammoVLM
from modeling.training.config import PreferencesConfig
from modeling.training.dialogues import SeenDialogue
from modeling.training.preferences import (
    Pair,
    Pairs,
    answer_log_probability,
    log_probabilities,
    objective,
    preference_loss,
)
from modeling.training.typed_fields import ConfigError
from tests.modeling.small_models import FOUR_VIEWS, TEXTS, small_mammovlm
from tests.modeling.training.killed import Scene


def test_an_answers_log_probability_is_the_sum_over_its_own_tokens():
    logits = torch.randn(1, 5, 7, generator=torch.Generator().manual_seed(0))
    labels = torch.tensor([[IGNORED_LABEL, IGNORED_LABEL, 3, 6, IGNORED_LABEL]])
    expected = 0.0
    for position, token in ((1, 3), (2, 6)):  # a token is predicted from the place before it
        shares = torch.exp(logits[0, position]) / torch.exp(logits[0, position]).sum()
        expected += math.log(float(shares[token]))
    assert float(answer_log_probability(logits, labels)) == pytest.approx(expected, rel=1e-5)


def test_the_loss_is_rafailovs_equation_seven():
    policy, reference = torch.tensor([[-3.0], [-5.0]]), torch.tensor([[-4.0], [-4.5]])
    margin = 0.2 * ((-3.0 - -4.0) - (-5.0 - -4.5))
    assert float(preference_loss(policy, reference, beta=0.2)) == pytest.approx(
        -math.log(1 / (1 + math.exp(-margin)))
    )


def test_at_the_start_every_pair_costs_log_two():
    same = torch.tensor([[-3.0, -1.0], [-5.0, -9.0]])
    assert float(preference_loss(same, same, beta=0.1)) == pytest.approx(math.log(2))


def test_the_reference_is_computed_in_the_precision_of_the_training_step():
    model, encoder = small_mammovlm()
    vectors = torch.randn(4, len(model.vector_mean), generator=torch.Generator().manual_seed(1))
    tags = model.config.tags(FOUR_VIEWS)

    def side(answer):
        return SeenDialogue(encoder.example([TEXTS[0]], answer, visual_tags=tags, per_tag=1), vectors)

    pairs = Pairs([Pair(side(TEXTS[1]), side(TEXTS[3]), (0.0, 0.0))], pad_id=encoder.pad_id)
    loss = objective(PreferencesConfig.from_overrides({"beta": 1.0, "sft_weight": 0.0}))

    def first_loss(mixed):
        reference = log_probabilities(model, pairs, mixed=mixed)
        batch = {**pairs.collate(pairs.pairs), "reference": reference.T}
        with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
            return float(loss(model, batch))

    assert first_loss(True) == pytest.approx(math.log(2), abs=1e-6)
    assert first_loss(False) != pytest.approx(math.log(2), abs=1e-4)


@pytest.mark.parametrize("wrong", [{"beta": 0.0}, {"sft_weight": -1.0}, {"tuning": "none"}])
def test_a_setting_that_makes_no_sense_is_refused(wrong):
    with pytest.raises(ConfigError):
        PreferencesConfig.from_overrides(wrong)


@pytest.fixture(scope="module")
def scene(tmp_path_factory):
    made = Scene(tmp_path_factory.mktemp("preferences"))
    assert made.train("sft", "sft", tuning="full", epochs=3, learning_rate=3e-3).code == 0
    (made.folder / "mammovlm").symlink_to(made.folder / "sft" / "model")
    return made


@pytest.mark.slow
def test_it_moves_away_from_the_unpicked_answers_and_leaves_the_visual_side_alone(scene):
    name = "preferred"
    assert scene.train("preferences", name, tuning="full", epochs=4, learning_rate=1e-3).code == 0
    rows = scene.result(name)
    losses = [row["value"] for row in rows if row["kind"] == "metric" and row["name"] == "loss"]
    assert losses[0] < math.log(2) + 0.05
    assert losses[-1] < 0.6
    (checkpoint,) = [row for row in rows if row["kind"] == "checkpoint"]
    snapshot = open_snapshot(scene.folder / "snapshot")
    held_out = [sample for sample in snapshot.sft if sample.split == "test"]
    assert checkpoint["metrics"]["held_out_pairs"] == sum(len(sample.rejected) for sample in held_out)
    assert checkpoint["metrics"]["training_pairs"] > 20
    before = load_whole(MammoVLM, scene.folder / "sft" / "model").vision.state_dict()
    after = load_whole(MammoVLM, scene.folder / name / "model").vision.state_dict()
    assert all(value.equal(before[key]) for key, value in after.items())


def test_without_a_tuned_model_it_says_what_is_missing(scene):
    request = scene.folder / "missing.request.json"
    assert not request.exists()
    from tests.modeling.training import killed

    killed.STARTS_FROM["preferences"] = ()
    try:
        assert scene.train("preferences", "missing").code == 2
    finally:
        killed.STARTS_FROM["preferences"] = ("mammovlm",)
    assert "init.mammovlm: missing" in (scene.folder / "missing.log").read_text()
