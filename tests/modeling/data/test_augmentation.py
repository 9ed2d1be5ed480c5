"""Augmentation depends on seed, epoch and sample, and on nothing else."""

import numpy as np
import pytest

from modeling.data.augmentation import generator, orient, shift, square_mask


def test_draws_depend_on_seed_epoch_and_sample_only():
    first = generator(1, 2, "a", 3).random(4)
    generator(1, 2, "b", 3).random(100)
    assert np.array_equal(first, generator(1, 2, "a", 3).random(4))
    others = [
        generator(2, 2, "a", 3),
        generator(1, 3, "a", 3),
        generator(1, 2, "b", 3),
        generator(1, 2, "a", 4),
    ]
    assert all(not np.array_equal(first, other.random(4)) for other in others)


def test_the_square_covers_eight_percent_strictly_inside():
    images = np.full((50, 126, 100), 9, np.uint8)
    masked = square_mask(images, generator(0, 0, "m"), area=0.08)
    side = round((0.08 * 126 * 100) ** 0.5)
    for image in masked:
        rows, columns = np.nonzero(image == 0)
        assert len(rows) == side * side
        assert rows.max() - rows.min() == columns.max() - columns.min() == side - 1
        assert 0 < rows.min() <= rows.max() < 125
        assert 0 < columns.min() <= columns.max() < 99
    assert (images == 9).all()
    assert len({tuple(np.argwhere(image == 0)[0]) for image in masked}) > 40


def test_only_right_breasts_are_mirrored():
    images = np.arange(12, dtype=np.uint8).reshape(2, 2, 3)
    turned = orient(images, ["L", "R"], flip_right=True)
    assert np.array_equal(turned[0], images[0])
    assert np.array_equal(turned[1], images[1][:, ::-1])
    assert np.array_equal(orient(images, ["L", "R"], flip_right=False), images)


@pytest.mark.parametrize("seed", range(20))
def test_a_shift_moves_the_picture_and_fills_with_background(seed):
    image = np.zeros((1, 20, 20), np.uint8)
    image[0, 10, 10] = 7
    moved = shift(image, generator(seed, 0), part=0.2)
    (row, column) = np.argwhere(moved[0] == 7)[0]
    assert abs(row - 10) <= 4
    assert abs(column - 10) <= 4
    assert moved.sum() == 7
