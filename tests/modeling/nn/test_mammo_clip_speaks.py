"""Mammo-CLIP's image encoder as an expert of MammoVLM: under our language model it answers, and what it sees counts."""

import numpy as np
import torch

from modeling.inference.answer import build_system
from modeling.inference.systems import Draw, ImageFile, Question
from modeling.nn.density_selector import DensitySelector
from modeling.nn.experts import build_encoder
from modeling.nn.language import save_language_model
from modeling.nn.mammo_clip import load_mammo_clip, save_image_encoder
from modeling.nn.mammovlm import MammoVLM
from modeling.nn.text_encoder import TextEncoder
from modeling.nn.umicon import UMiCon, UMiConWithExperts
from modeling.nn.visual_moe import VisualMoE
from tests.modeling.nn.test_mammo_clip import ENCODER, SIZE, mammo_clip_folder
from tests.modeling.small_dicom import write_dicom
from tests.modeling.small_models import FOUR_VIEWS, ChatEncoder, small_language_model, small_tokenizer

QUESTION = "我的乳腺密度是哪一型？"


def mammovlm_on(weights):
    """MammoVLM whose one expert is the encoder of those weights; the rest is small and random."""
    torch.manual_seed(0)
    moe = VisualMoE(
        selector=DensitySelector("test_resnet", image_size=SIZE),
        experts={"mammo_clip": build_encoder(ENCODER, image_size=SIZE, pretrained_folder=weights)},
        mapping=dict.fromkeys("ABCD", "mammo_clip"),
    )
    text = TextEncoder.small(
        vocabulary=60, layers=1, hidden_size=32, heads=2, length=32, vector_size=128, pooling="mean"
    )
    umicon = UMiCon(feature_sizes=moe.feature_sizes(), text=text, hidden_size=64, pooling="mean_max")
    encoder = ChatEncoder(small_tokenizer())
    model = MammoVLM.from_parts(
        UMiConWithExperts(visual=moe, umicon=umicon).eval(),
        small_language_model(encoder.tokenizer),
        visual_token_id=encoder.visual_token_id,
    )
    return model.eval(), encoder


def test_a_mammovlm_on_mammo_clips_encoder_keeps_its_weights_and_answers_about_four_views(tmp_path):
    clip = mammo_clip_folder(tmp_path)
    model, encoder = mammovlm_on(save_image_encoder(clip, tmp_path / "expert"))
    save_language_model(tmp_path / "vlm", model, encoder.tokenizer)
    system = build_system(
        {"kind": "mammovlm", "path": str(tmp_path / "vlm")}, {"temperature": 0.9, "max_new_tokens": 12}
    )
    images = torch.randint(0, 256, (2, *SIZE), dtype=torch.uint8)
    published, _ = load_mammo_clip(clip)
    with torch.no_grad():
        seen = system.model.vision.visual.experts["mammo_clip"](images)
        assert torch.allclose(seen, published.image(images), atol=1e-4)

    random = np.random.default_rng(0)
    studies = []
    for number in range(2):
        pixels = [random.integers(0, 4096, (80, 60)).astype(np.uint16) for _ in FOUR_VIEWS]
        files = [
            write_dicom(tmp_path / f"{number}{i}.dcm", view // (1 + 7 * number))
            for i, view in enumerate(pixels)
        ]
        studies.append(tuple(ImageFile(file, *view) for file, view in zip(files, FOUR_VIEWS, strict=True)))
    questions = [Question(id=str(i), turns=(QUESTION,), images=images) for i, images in enumerate(studies)]
    answers = system.write([Draw(question, 0, 3) for question in questions], lambda rows: None)
    assert [answer.images for answer in answers] == [4, 4]
    assert all(answer.tokens > 0 and answer.seconds > 0 for answer in answers)
    chances = [system.next_token_log_probability(Draw(q, 0, 3))[0] for q in questions]
    assert not chances[0].allclose(chances[1], atol=1e-6)
