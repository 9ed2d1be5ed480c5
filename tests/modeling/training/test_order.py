"""The order of samples: every one once per epoch, by seed and epoch alone, dialogues with others of their length."""

import numpy as np
import pytest

from modeling.nn.chat import EncodedDialogue
from modeling.training.dialogues import SeenDialogue, SeenDialogues
from modeling.training.order import EpochSampler

LENGTHS = np.random.default_rng(0).integers(10, 200, 500).tolist()


def order(seed=1, epoch=0, lengths=LENGTHS, step=8):
    sampler = EpochSampler(500, seed=seed, lengths=lengths, step=step)
    sampler.set_epoch(epoch)
    found = list(sampler)
    assert {told for told, _ in found} == {epoch}
    return [index for _, index in found]


def filler(indices, batch):
    """Share of the tokens of all batches that is filler."""
    parts = [[LENGTHS[i] for i in indices[start : start + batch]] for start in range(0, len(indices), batch)]
    padded = sum(max(part) * len(part) for part in parts)
    return 1 - sum(LENGTHS) / padded


@pytest.mark.parametrize("lengths", [None, LENGTHS])
def test_each_epoch_holds_every_sample_once_in_an_order_of_its_own(lengths):
    first, again, second, other = (
        order(1, 0, lengths),
        order(1, 0, lengths),
        order(1, 1, lengths),
        order(2, 0, lengths),
    )
    assert sorted(first) == list(range(500))
    assert first == again
    assert len({tuple(found) for found in (first, second, other)}) == 3


def test_little_is_filler_where_lengths_are_known():
    assert filler(order(lengths=None), 8) > 0.35
    assert filler(order(), 8) < 0.08


def test_the_samples_of_a_step_are_alike_and_the_last_step_alone_is_short():
    lengths = [LENGTHS[i] for i in order()]
    steps = [lengths[start : start + 8] for start in range(0, 500, 8)]
    assert len(steps[-1]) == 4
    assert np.mean([max(step) - min(step) for step in steps[:-1]]) < 25


def test_short_and_long_steps_take_turns():
    lengths = np.array([LENGTHS[i] for i in order()])
    means = lengths[: 16 * 8].reshape(16, 8).mean(1)
    assert not np.array_equal(means, np.sort(means))


def test_dialogues_tell_their_lengths():
    dialogues = [SeenDialogue(EncodedDialogue(list(range(n)), [0] * n), None) for n in (3, 7)]
    assert SeenDialogues(dialogues, pad_id=0).lengths == [3, 7]
