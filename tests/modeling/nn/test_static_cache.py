"""A cache of fixed length, and compiled steps, write the tokens that a growing cache writes."""

import pytest
import torch
from transformers import CompileConfig

from modeling.nn.generation import STATIC_BLOCK, Decoding, Prompt, Sampling, generate_rows
from tests.modeling.small_models import (
    FOUR_VIEWS,
    random_images,
    small_language_model,
    small_mammovlm,
    small_tokenizer,
)

STATIC = Decoding(cache="static")
COMPILED = Decoding(cache="static", compile=True)
PROMPTS = [[5, 6, 7], [8, 9, 10, 11, 12, 13], [20, 21], [30] * 9]


def write(model, prompts, decoding, **more):
    sampling = Sampling(max_new_tokens=12)
    rows = generate_rows(
        model, prompts, sampling=sampling, stop_ids=[9999], pad_id=0, decoding=decoding, **more
    )
    return [row.ids for row in rows]


def shapes_of(model, monkeypatch):
    """Lengths of cache that the attention of each step after the first sees."""
    seen = []
    real = type(model).forward

    def watched(self, *arguments, **named):
        past = named.get("past_key_values")
        if past is not None and past.get_seq_length() > 0:
            seen.append(
                (type(past).__name__, past.get_max_length() if hasattr(past, "get_max_length") else None)
            )
        return real(self, *arguments, **named)

    monkeypatch.setattr(type(model), "forward", watched)
    return seen


@pytest.mark.parametrize("kind", ["glm", "glm4", "llama", "qwen2", "mixtral"])
def test_every_language_model_writes_the_same_tokens_with_a_static_cache(kind):
    model = small_language_model(small_tokenizer(), kind)
    prompts = [Prompt(ids, seed) for seed, ids in enumerate(PROMPTS)]
    usual = write(model, prompts, Decoding())
    assert write(model, prompts, STATIC) == usual
    assert write(model, prompts, STATIC, batch_size=1) == usual
    assert len({tuple(row) for row in usual}) == len(PROMPTS)


def test_the_cache_really_is_static_and_prompts_are_filled_up_to_whole_blocks(monkeypatch):
    model = small_language_model(small_tokenizer())
    asked = []
    real = model.generate

    def watched(**given):
        asked.append((given["input_ids"].shape[1], given["generation_config"].cache_implementation))
        return real(**given)

    monkeypatch.setattr(model, "generate", watched)
    seen = shapes_of(model, monkeypatch)
    write(model, [Prompt(PROMPTS[0], 1)], STATIC)
    write(model, [Prompt(PROMPTS[1], 1)], STATIC)
    write(model, [Prompt(PROMPTS[0], 1)], Decoding())
    assert asked == [(STATIC_BLOCK, "static"), (STATIC_BLOCK, "static"), (len(PROMPTS[0]), None)]
    kinds = [name for name, _ in seen]
    assert kinds == ["StaticCache"] * 22 + ["DynamicCache"] * 11


@pytest.mark.parametrize("decoding", [STATIC, COMPILED])
def test_mammovlm_says_the_same_about_four_views(decoding, monkeypatch):
    # Steps are traced as on a GPU and run as they are: what is tested is that the trace holds all there is to do.
    monkeypatch.setattr(CompileConfig, "_compile_all_devices", True)
    monkeypatch.setattr("modeling.nn.generation.compiling", lambda: CompileConfig(backend="eager"))
    compiled = []
    real = torch.compile
    monkeypatch.setattr(torch, "compile", lambda *a, **k: compiled.append(1) or real(*a, **k))
    model, encoder = small_mammovlm("glm")
    vectors, mask = model.encode_images(random_images(1))
    ids = encoder.prompt(["我的乳腺密度是哪一型？"], visual_tags=model.config.tags(FOUR_VIEWS))
    prompts = [Prompt(ids, seed, vectors[mask]) for seed in (1, 2, 3)]
    usual = write(model, prompts, Decoding())
    assert not compiled
    assert write(model, prompts, decoding) == usual
    assert bool(compiled) == decoding.compile


def test_impossible_settings_are_refused():
    with pytest.raises(ValueError, match="dynamic or static"):
        Decoding(cache="quantised")
    with pytest.raises(ValueError, match="compile needs cache static"):
        Decoding(compile=True)
    with pytest.raises(ValueError, match="true or false"):
        Decoding(cache="static", compile="yes")
