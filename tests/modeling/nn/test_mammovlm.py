"""MammoVLM as a transformers model."""

import json
from collections import Counter

import pytest
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors import safe_open
from torch import nn
from transformers import AutoConfig, AutoModelForCausalLM

from modeling.nn.chat import ChatEncoder
from modeling.nn.language import load_language_model, load_whole, save_language_model
from modeling.nn.mammovlm import LORA_TARGETS, PROJECTION, MammoVLM, MammoVLMConfig
from tests.modeling.small_models import (
    FOUR_VIEWS,
    random_images,
    small_language_model,
    small_mammovlm,
    small_tokenizer,
    small_vision,
)

GREEDY = {"do_sample": False, "max_new_tokens": 10, "eos_token_id": 100_000, "pad_token_id": 0}


@pytest.fixture
def model_and_encoder():
    return small_mammovlm()


def prompt_ids(model, encoder, text="我的乳腺密度是哪一型？", views=FOUR_VIEWS):
    tags = model.config.tags(views)
    return encoder.prompt([text], visual_tags=tags, per_tag=model.config.tokens_per_vector)


def inputs_of(model, encoder, studies=1, **kwargs):
    ids = torch.tensor([prompt_ids(model, encoder, **kwargs)] * studies)
    return {"input_ids": ids, "attention_mask": torch.ones_like(ids), "pixel_values": random_images(studies)}


def with_lora(model):
    settings = LoraConfig(
        r=4, target_modules=LORA_TARGETS, modules_to_save=[PROJECTION], task_type="CAUSAL_LM"
    )
    return get_peft_model(model, settings)


@pytest.mark.parametrize("kind", ["glm", "llama", "qwen2"])
def test_any_language_model_saved_with_it_comes_back_exactly(kind, tmp_path):
    model, encoder = small_mammovlm(kind)
    model.fit_standardisation(torch.randn(20, 132))
    inputs = inputs_of(model, encoder)
    model.save_pretrained(tmp_path)
    loaded, info = MammoVLM.from_pretrained(tmp_path, output_loading_info=True)
    assert not any(info[key] for key in ("missing_keys", "unexpected_keys", "mismatched_keys"))
    assert torch.equal(loaded.eval()(**inputs).logits, model(**inputs).logits)


def test_routing_is_rebuilt_on_loading(model_and_encoder, tmp_path):
    model, _ = model_and_encoder
    model.save_pretrained(tmp_path)
    visual = MammoVLM.from_pretrained(tmp_path).vision.visual
    routed = visual(random_images(4), density=torch.tensor([0, 1, 2, 3]))
    names = [visual.expert_names[i] for i in routed.expert_index[:, 0].tolist()]
    assert names == ["clip", "dinov2", "convnext", "convnext"]


def test_auto_classes_know_it(model_and_encoder, tmp_path):
    model, _ = model_and_encoder
    model.save_pretrained(tmp_path)
    assert isinstance(AutoConfig.from_pretrained(tmp_path), MammoVLMConfig)
    assert isinstance(AutoModelForCausalLM.from_pretrained(tmp_path), MammoVLM)
    assert json.loads((tmp_path / "config.json").read_text())["text_config"]["model_type"] == "glm"


def test_tied_output_weights_are_tied_again_after_loading(model_and_encoder, tmp_path):
    model, _ = model_and_encoder
    model.save_pretrained(tmp_path)
    loaded = MammoVLM.from_pretrained(tmp_path)
    pointers = {
        loaded.get_input_embeddings().weight.data_ptr(),
        loaded.get_output_embeddings().weight.data_ptr(),
    }
    assert len(pointers) == 1


def test_the_cache_changes_no_token(model_and_encoder):
    model, encoder = model_and_encoder
    inputs = inputs_of(model, encoder, studies=2)
    with_cache = model.generate(**inputs, **GREEDY)
    without = model.generate(**inputs, **GREEDY, use_cache=False)
    assert torch.equal(with_cache, without)


def test_images_are_encoded_once_per_generate_and_by_one_expert_for_each_study(model_and_encoder):
    model, encoder = model_and_encoder
    calls = Counter()
    for name, expert in model.vision.visual.experts.items():
        expert.register_forward_hook(lambda _, args, __, name=name: calls.update({name: len(args[0])}))
    model.vision.visual.selector.register_forward_hook(lambda *_: calls.update(selector=1))
    output = model.generate(
        **inputs_of(model, encoder), **{**GREEDY, "do_sample": True}, num_return_sequences=3
    )
    assert output.shape[0] == 3
    assert calls.pop("selector") == 1
    assert list(calls.values()) == [4]  # one expert saw the four views, the others nothing


def test_returned_sequences_of_a_batch_keep_their_own_images(model_and_encoder):
    model, encoder = model_and_encoder
    inputs = inputs_of(model, encoder, studies=2)
    alone = [
        model.generate(**{name: value[i : i + 1] for name, value in inputs.items()}, **GREEDY) for i in (0, 1)
    ]
    together = model.generate(**inputs, **GREEDY, num_beams=2, num_return_sequences=2, early_stopping=False)
    assert together.shape[0] == 4
    assert torch.equal(model.generate(**inputs, **GREEDY), torch.cat(alone))


def test_left_padding_changes_no_logit(model_and_encoder):
    model, encoder = model_and_encoder
    short = prompt_ids(model, encoder, "哪一型？")
    long = prompt_ids(model, encoder, "我的乳腺密度是哪一型？我的乳腺密度是哪一型？")
    pad = len(long) - len(short)
    batch = model(
        input_ids=torch.tensor([[encoder.pad_id] * pad + short, long]),
        attention_mask=torch.tensor([[0] * pad + [1] * len(short), [1] * len(long)]),
        pixel_values=random_images(2),
        position_ids=torch.tensor([[1] * pad + list(range(len(short))), list(range(len(long)))]),
    ).logits[0, pad:]
    alone = model(input_ids=torch.tensor([short]), pixel_values=random_images(2)[:1]).logits[0]
    torch.testing.assert_close(batch, alone, rtol=1e-4, atol=1e-5)


def test_vectors_computed_before_give_the_same_loss_as_images(model_and_encoder):
    model, encoder = model_and_encoder
    inputs = inputs_of(model, encoder, studies=2)
    labels = inputs["input_ids"]
    vectors, mask = model.encode_images(inputs.pop("pixel_values"))
    from_vectors = model(**inputs, visual_vectors=vectors, view_mask=mask, labels=labels).loss
    from_images = model(**inputs, pixel_values=random_images(2), labels=labels).loss
    assert torch.equal(from_vectors, from_images)


def test_the_answer_depends_on_the_images(model_and_encoder):
    model, encoder = model_and_encoder
    inputs = inputs_of(model, encoder)
    other = {**inputs, "pixel_values": random_images(1, seed=9)}
    assert not torch.equal(model(**inputs).logits, model(**other).logits)


@pytest.mark.parametrize("views", [FOUR_VIEWS[:3], [*FOUR_VIEWS, ("L", "CC")]])
def test_a_prompt_for_another_number_of_images_is_refused(model_and_encoder, views):
    model, encoder = model_and_encoder
    ids = torch.tensor([prompt_ids(model, encoder, views=views)])
    with pytest.raises(ValueError, match=rf"{len(views)} places .* 4 vectors"):
        model(input_ids=ids, pixel_values=random_images(1))


def test_a_surplus_in_one_row_does_not_make_up_for_a_lack_in_another(model_and_encoder):
    model, encoder = model_and_encoder
    rows = [
        prompt_ids(model, encoder, views=FOUR_VIEWS[:3]),
        prompt_ids(model, encoder, views=[*FOUR_VIEWS, ("L", "CC")]),
    ]
    longest = max(map(len, rows))
    ids = torch.tensor([[encoder.pad_id] * (longest - len(row)) + row for row in rows])
    with pytest.raises(ValueError, match="row 0"):
        model(input_ids=ids, pixel_values=random_images(2))


def test_a_prompt_with_places_for_images_needs_images(model_and_encoder):
    model, encoder = model_and_encoder
    with pytest.raises(ValueError, match="no images"):
        model(input_ids=torch.tensor([prompt_ids(model, encoder)]))


def test_a_question_without_images_is_plain_text(model_and_encoder):
    model, encoder = model_and_encoder
    ids = torch.tensor([prompt_ids(model, encoder, views=[])])
    assert torch.equal(model(input_ids=ids).logits, model.language_model(input_ids=ids).logits)


def test_lora_gradients_reach_adapters_and_the_map_and_nothing_else(model_and_encoder):
    model, encoder = model_and_encoder
    tuned = with_lora(model)
    inputs = inputs_of(model, encoder)
    tuned(**inputs, labels=inputs["input_ids"]).loss.backward()
    reached = {name for name, p in tuned.named_parameters() if p.grad is not None and p.grad.abs().sum() > 0}
    assert reached
    assert all(".lora_B." in name or f"{PROJECTION}.modules_to_save" in name for name in reached)
    assert {name.split(".")[2] for name in reached} == {"language_model", PROJECTION}
    wanted = [name for name, p in tuned.named_parameters() if p.requires_grad]
    assert all("lora_" in name or PROJECTION in name for name in wanted)


def test_an_adapter_folder_holds_the_trained_map(model_and_encoder, tmp_path):
    model, encoder = model_and_encoder
    model.save_pretrained(tmp_path / "base")
    tuned = with_lora(model)
    inputs = inputs_of(model, encoder)
    optimizer = torch.optim.Adam([p for p in tuned.parameters() if p.requires_grad], lr=0.05)
    tuned(**inputs, labels=inputs["input_ids"]).loss.backward()
    optimizer.step()
    tuned.eval().save_pretrained(tmp_path / "adapter")
    base = MammoVLM.from_pretrained(tmp_path / "base")
    again = PeftModel.from_pretrained(base, tmp_path / "adapter").eval()
    assert torch.equal(again(**inputs).logits, tuned(**inputs).logits)
    with safe_open(tmp_path / "adapter" / "adapter_model.safetensors", "pt") as stored:
        assert any(PROJECTION in name for name in stored.keys())  # noqa: SIM118 (not a dict)


def test_merged_adapters_answer_as_the_tuned_model(model_and_encoder, tmp_path):
    model, encoder = model_and_encoder
    tuned = with_lora(model)
    for name, parameter in tuned.named_parameters():
        if parameter.requires_grad:
            nn.init.normal_(parameter, std=0.05, generator=torch.Generator().manual_seed(len(name)))
    inputs = inputs_of(model, encoder)
    before = tuned.eval()(**inputs).logits
    tuned.merge_and_unload().save_pretrained(tmp_path)
    after = MammoVLM.from_pretrained(tmp_path).eval()(**inputs).logits
    torch.testing.assert_close(after, before, rtol=1e-4, atol=1e-5)


def test_train_mode_leaves_the_frozen_side_in_evaluation(model_and_encoder):
    model, encoder = model_and_encoder
    before = {name: value.clone() for name, value in model.vision.state_dict().items()}
    model.train()
    model(**inputs_of(model, encoder))
    assert model.language_model.training
    assert not any(module.training for module in model.vision.modules())
    assert all(torch.equal(value, before[name]) for name, value in model.vision.state_dict().items())
    assert not any(parameter.requires_grad for parameter in model.vision.parameters())


def test_gradient_checkpointing_gives_the_same_loss(model_and_encoder):
    model, encoder = model_and_encoder
    inputs = inputs_of(model, encoder)
    tuned = with_lora(model).train()
    plain = tuned(**inputs, labels=inputs["input_ids"]).loss
    tuned.gradient_checkpointing_enable()
    tuned.enable_input_require_grads()
    saving = tuned(**inputs, labels=inputs["input_ids"], use_cache=False).loss
    saving.backward()
    torch.testing.assert_close(saving, plain)
    assert any(p.grad is not None for name, p in tuned.named_parameters() if "lora_" in name)


def test_one_token_for_a_study_is_the_papers_reading():
    model, encoder = small_mammovlm(visual_tokens="per_study", with_density=False)
    inputs = inputs_of(model, encoder)
    assert (inputs["input_ids"] == model.config.visual_token_id).sum() == 1
    vectors, mask = model.encode_images(inputs["pixel_values"])
    assert vectors.shape == (1, 1, 128)
    assert mask.tolist() == [[True]]
    assert model.generate(**inputs, **GREEDY).shape[1] == inputs["input_ids"].shape[1] + 10


def test_several_tokens_can_stand_for_one_vector():
    model, encoder = small_mammovlm(tokens_per_vector=2)
    inputs = inputs_of(model, encoder)
    assert (inputs["input_ids"] == model.config.visual_token_id).sum() == 8
    assert model(**inputs).logits.isfinite().all()


def test_density_in_the_vector_is_the_selectors_mean_over_the_study(model_and_encoder):
    model, _ = model_and_encoder
    images = random_images(2)
    vectors, _ = model.encode_images(images)
    mean = model.vision.visual.selector(images.flatten(0, 1)).softmax(-1).unflatten(0, (2, 4)).mean(1)
    torch.testing.assert_close(vectors[:, 2, 128:], mean, rtol=1e-4, atol=1e-5)


def test_studies_with_fewer_views_share_a_batch(model_and_encoder):
    model, encoder = model_and_encoder
    rows = [prompt_ids(model, encoder), prompt_ids(model, encoder, views=FOUR_VIEWS[:2])]
    pad = len(rows[0]) - len(rows[1])
    ids = torch.tensor([rows[0], rows[1] + [encoder.pad_id] * pad])
    images = random_images(2)
    mask = torch.tensor([[True] * 4, [True, True, False, False]])
    both = model(input_ids=ids, pixel_values=images, view_mask=mask).logits[1, : len(rows[1])]
    alone = model(input_ids=torch.tensor([rows[1]]), pixel_values=images[1:, :2]).logits[0]
    torch.testing.assert_close(both, alone, rtol=1e-4, atol=1e-5)


def test_it_never_writes_a_placeholder_itself(model_and_encoder):
    model, encoder = model_and_encoder
    token = model.config.visual_token_id
    model.get_output_embeddings().weight.data[token] = 100 * model.get_output_embeddings().weight.data.mean(0)
    inputs = inputs_of(model, encoder)
    written = model.generate(**inputs, **GREEDY)[0, inputs["input_ids"].shape[1] :]
    assert token not in written.tolist()


def test_with_the_linear_mapping_each_expert_has_its_own_place_in_the_vector():
    model, _ = small_mammovlm(mapping="linear", with_density=False)
    visual = model.vision.visual
    sizes = visual.feature_sizes()
    images = random_images(3)
    vectors, mask = model.encode_images(images)
    assert vectors.shape == (3, 4, sum(sizes.values()))
    assert mask.all()
    routed = visual(images)
    start = 0
    for name, size in sorted(sizes.items()):
        mine = routed.expert_index == visual.expert_names.index(name)
        part = vectors[..., start : start + size]
        assert part[~mine].abs().max() == 0 if (~mine).any() else True
        if mine.any():
            torch.testing.assert_close(part[mine], visual.experts[name](images[mine]).mean((2, 3)))
        start += size


def test_the_places_of_a_linear_mapping_survive_saving_whatever_expert_saw_the_images(tmp_path):
    model, _ = small_mammovlm(mapping="linear", with_density=False)
    model.save_pretrained(tmp_path)
    loaded = MammoVLM.from_pretrained(tmp_path).eval()
    assert loaded.vision.visual.expert_names != model.vision.visual.expert_names, "keys are sorted on saving"
    images = random_images(2)
    for expert in model.vision.visual.expert_names:
        for each in (model, loaded):
            each.vision.visual.route_all_to(expert)
        before, after = (each.encode_images(images)[0] for each in (model, loaded))
        assert before.abs().sum() > 0
        torch.testing.assert_close(after, before)


def test_a_study_of_the_linear_mapping_is_the_mean_of_its_views():
    model, _ = small_mammovlm(mapping="linear", visual_tokens="per_study")
    images, mask = random_images(1), torch.tensor([[True, True, False, False]])
    one, present = model.encode_images(images, mask)
    each, _ = small_mammovlm(mapping="linear")[0].encode_images(images, mask)
    assert present.tolist() == [[True]]
    torch.testing.assert_close(one[0, 0], each[0, :2].mean(0))


def test_with_malignancy_each_view_has_its_own_chance_and_the_studys_highest():
    model, _ = small_mammovlm(with_malignancy=True, with_density=False)
    mask = torch.tensor([[True, True, True, True], [True, True, False, False]])
    vectors, _ = model.encode_images(random_images(2), mask)
    own, highest = vectors[..., -2], vectors[..., -1]
    alone, _ = model.encode_images(random_images(2)[:, 1:2])
    assert own[:, 1].allclose(alone[:, 0, -2], atol=1e-5)
    assert (own[1, 2:] == 0).all()
    assert highest[mask].allclose(own.amax(1, keepdim=True).expand_as(own)[mask])


def test_a_language_model_in_bfloat16_and_a_visual_side_in_float32_come_back_as_they_were_saved(tmp_path):
    tokenizer = small_tokenizer()
    # Saved and loaded first, as a published one: casting in place would round its positions' frequencies too.
    save_language_model(tmp_path / "glm", small_language_model(tokenizer).to(torch.bfloat16), tokenizer)
    encoder = ChatEncoder(tokenizer)
    model = MammoVLM.from_parts(
        small_vision(), load_language_model(tmp_path / "glm"), visual_token_id=encoder.visual_token_id
    ).eval()
    model.fit_standardisation(torch.randn(20, 132))
    model.save_pretrained(tmp_path / "whole")
    assert json.loads((tmp_path / "whole" / "config.json").read_text())["dtype"] == "bfloat16"
    loaded = load_whole(MammoVLM, tmp_path / "whole").eval()
    saved = model.state_dict()
    for name, value in loaded.state_dict().items():
        assert value.dtype == saved[name].dtype, name
        assert torch.equal(value, saved[name]), name
    inputs = inputs_of(model, encoder)
    assert torch.equal(loaded(**inputs).logits, model(**inputs).logits)
    assert loaded.generate(**inputs, **GREEDY).equal(model.generate(**inputs, **GREEDY))
