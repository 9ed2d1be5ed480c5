"""Writing many rows, each reproducible on its own."""

from collections import Counter

import pytest
import torch

from modeling.nn.generation import Prompt, Sampling, SeededRows, generate_rows
from tests.modeling.small_models import (
    FOUR_VIEWS,
    random_images,
    small_language_model,
    small_mammovlm,
    small_tokenizer,
)

PROMPTS = [[5, 6, 7], [8, 9, 10, 11, 12, 13], [5, 6, 7], [20, 21], [30] * 9]


@pytest.fixture(scope="module")
def model():
    return small_language_model(small_tokenizer())


def write(model, seeds, batch_size=64, **sampling):
    prompts = [Prompt(ids, seed) for ids, seed in zip(PROMPTS, seeds, strict=True)]
    settings = Sampling(**{"max_new_tokens": 12, **sampling})
    return [
        row.ids
        for row in generate_rows(
            model, prompts, sampling=settings, stop_ids=[9999], pad_id=0, batch_size=batch_size
        )
    ]


def test_a_row_does_not_depend_on_its_batch(model):
    seeds = [1, 2, 3, 4, 5]
    together, alone = write(model, seeds), write(model, seeds, batch_size=1)
    assert together == alone


def test_a_row_depends_on_its_own_seed_alone(model):
    first, second = write(model, [1, 2, 3, 4, 5]), write(model, [1, 2, 99, 4, 5])
    assert [a == b for a, b in zip(first, second, strict=True)] == [True, True, False, True, True]


def test_equal_prompts_with_different_seeds_give_different_rows(model):
    rows = write(model, [1, 2, 3, 4, 5])
    assert rows[0] != rows[2]


def test_temperature_zero_takes_the_likeliest_token_whatever_the_seed(model):
    ids = torch.tensor([PROMPTS[0]])
    expected = model.generate(ids, do_sample=False, max_new_tokens=12, eos_token_id=9999, pad_token_id=0)
    assert write(model, [1, 2, 3, 4, 5], temperature=0.0)[0] == expected[0, 3:].tolist()
    assert write(model, [7, 2, 3, 4, 5], temperature=0.0)[0] == expected[0, 3:].tolist()


def test_tokens_are_drawn_with_their_probabilities_inside_the_nucleus():
    logits = torch.tensor([0.45, 0.30, 0.20, 0.05]).log()
    rows = 4000
    drawn = SeededRows(range(rows), Sampling(temperature=1.0, top_p=0.9, max_new_tokens=1))(
        torch.zeros(rows, 1, dtype=torch.long), logits.expand(rows, -1)
    ).argmax(-1)
    counts = Counter(drawn.tolist())
    assert 3 not in counts  # .45 + .30 + .20 reach the nucleus
    for token, share in {0: 0.45 / 0.95, 1: 0.30 / 0.95, 2: 0.20 / 0.95}.items():
        # Four standard errors of a share of 4000 draws are at most .032.
        assert counts[token] / rows == pytest.approx(share, abs=0.032)


def test_a_row_ends_at_its_stop_token(model):
    ids = write(model, [1, 2, 3, 4, 5])[0]
    stop = ids[4]
    rows = generate_rows(
        model, [Prompt(PROMPTS[0], 1)], sampling=Sampling(max_new_tokens=12), stop_ids=[stop], pad_id=0
    )
    assert rows[0].finish_reason == "stop"
    assert rows[0].ids == ids[: ids.index(stop)]


def test_rows_keep_their_own_images_in_a_batch():
    model, encoder = small_mammovlm()
    images = random_images(3)
    vectors, _ = model.encode_images(images)
    prompts = [
        Prompt(encoder.prompt([text], visual_tags=model.config.tags(FOUR_VIEWS)), seed, vectors[row])
        for row, (text, seed) in enumerate([("哪一型？", 1), ("我的乳腺密度是哪一型？", 2), ("哪", 3)])
    ]
    prompts.append(Prompt(encoder.prompt(["哪一型？"]), 4))
    settings = {"sampling": Sampling(max_new_tokens=8), "stop_ids": [9999], "pad_id": encoder.pad_id}
    together = generate_rows(model, prompts, **settings)
    alone = [generate_rows(model, [prompt], **settings)[0] for prompt in prompts]
    assert together == alone


@pytest.mark.parametrize(
    "setting", [{"temperature": -1}, {"top_p": 0}, {"top_p": 1.5}, {"max_new_tokens": 0}]
)
def test_impossible_settings_are_refused(setting):
    with pytest.raises(ValueError, match=next(iter(setting))):
        Sampling(**setting)
