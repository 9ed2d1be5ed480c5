"""MammoVLM's processor: what it makes of a question and a study, and that it comes back from the model's folder."""

import numpy as np
import pytest
import torch
from PIL import Image
from transformers import AutoProcessor

from modeling.data.augmentation import orient
from modeling.nn.language import save_language_model
from modeling.nn.mammovlm import MammoVLM
from modeling.nn.processor import MammoVLMProcessor
from tests.modeling.small_models import FOUR_VIEWS, SIZE, random_images, small_mammovlm

QUESTION = "我的乳腺密度是哪一型？"
GREEDY = {"max_new_tokens": 6, "do_sample": False}


@pytest.mark.parametrize("options", [{}, {"visual_tokens": "per_study", "tokens_per_vector": 2}])
def test_model_and_processor_come_back_from_one_folder_and_answer_as_before(tmp_path, options):
    model, encoder = small_mammovlm(**options)
    before = MammoVLMProcessor.of(model, encoder.tokenizer)
    save_language_model(tmp_path / "whole", model, before)
    loaded, processor = (kind.from_pretrained(tmp_path / "whole") for kind in (MammoVLM, AutoProcessor))
    assert isinstance(processor, MammoVLMProcessor)
    assert (processor.height, processor.width) == SIZE
    images = list(random_images(1)[0].numpy())
    inputs = processor(QUESTION, images, FOUR_VIEWS)
    assert inputs["input_ids"][0].tolist() == encoder.prompt(
        [QUESTION], visual_tags=model.config.tags(FOUR_VIEWS), per_tag=model.config.tokens_per_vector
    )
    # Frames of the right size go in as they are, but for the right views' mirroring.
    turned = orient(np.stack(images), [side for side, _ in FOUR_VIEWS], flip_right=True)
    assert np.array_equal(inputs["pixel_values"][0].numpy(), turned)
    assert not np.array_equal(turned[2], images[2])
    written = loaded.eval().generate(**inputs, **GREEDY, **processor.ending)
    first = model.generate(**before(QUESTION, images, FOUR_VIEWS), **GREEDY, **before.ending)
    assert torch.equal(written, first)
    assert processor.answer(written, inputs) == encoder.decode(
        written[0, inputs["input_ids"].shape[1] :].tolist()
    )
    assert "pixel_values" not in processor([QUESTION, "B型。", "严重吗？"])


def test_pictures_of_other_sizes_are_fitted_to_the_side_of_their_chest_wall():
    model, encoder = small_mammovlm()
    processor = MammoVLMProcessor.of(model, encoder.tokenizer)
    narrow = np.full((32, 10), 200, dtype=np.uint8)
    frames = processor.prepare([narrow, Image.fromarray(narrow), narrow / 255], ["L", "R", "R"])
    assert frames.shape == (3, *SIZE)
    assert (frames[0, :, :20] == 200).all()
    assert (frames[0, :, 20:] == 0).all()
    # Right ones stand at the right edge and are mirrored from there.
    assert np.array_equal(frames[0], frames[1])
    assert np.array_equal(frames[0], frames[2])
    processor.flip_right = False
    assert (processor.prepare([narrow], ["R"])[0, :, -20:] == 200).all()


@pytest.mark.parametrize(
    ("images", "views", "message"),
    [
        ([np.zeros(SIZE, np.uint8)], [], "1 images for 0 views"),
        ([np.zeros(SIZE, np.uint8)], [("left", "CC")], r"views\[0\] is \('left', 'CC'\)"),
        ([np.zeros((*SIZE, 3), np.uint8)], [("L", "CC")], "shape"),
        ([np.full(SIZE, 4000, np.uint16)], [("L", "CC")], "outside 0..255"),
    ],
)
def test_what_is_no_study_is_refused_in_words(images, views, message):
    model, encoder = small_mammovlm()
    with pytest.raises(ValueError, match=message):
        MammoVLMProcessor.of(model, encoder.tokenizer)(QUESTION, images, views)
