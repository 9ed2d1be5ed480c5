"""Edit distance against the textbook table."""

import random

import pytest

from annotation.edit_distance import levenshtein


def by_table(first: str, second: str) -> int:
    """Wagner and Fischer's table (J. ACM 21 (1974) 168), cell by cell."""
    row = list(range(len(second) + 1))
    for i, a in enumerate(first, start=1):
        previous, row[0] = row[0], i
        for j, b in enumerate(second, start=1):
            previous, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, previous + (a != b))
    return row[-1]


@pytest.mark.parametrize(
    ("first", "second", "distance"),
    [
        ("kitten", "sitting", 3),
        ("", "乳腺", 2),
        ("乳腺密度B类", "乳腺密度C类", 1),
        ("same", "same", 0),
        ("flaw", "lawn", 2),
    ],
)
def test_known_pairs(first: str, second: str, distance: int) -> None:
    assert levenshtein(first, second) == distance


def test_equals_the_full_table_on_random_texts() -> None:
    rng = random.Random(4)
    for _ in range(300):
        first = "".join(rng.choices("ab乳腺", k=rng.randrange(0, 40)))
        second = "".join(rng.choices("ab乳腺", k=rng.randrange(0, 40)))
        assert levenshtein(first, second) == by_table(first, second)


def test_texts_longer_than_a_machine_word() -> None:
    first = "左乳外上象限见一结节。" * 40
    second = first.replace("外上", "内下")
    assert levenshtein(first, second) == by_table(first, second) == 80
