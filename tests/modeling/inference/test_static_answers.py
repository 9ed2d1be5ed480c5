"""A spec's `cache` and `compile`: the answers are the same, each says how it was computed, a bad setting is refused."""

import pytest

from modeling.data.exchange import BadRequestError
from modeling.inference.answer import build_system
from modeling.inference.systems import Draw, Question
from modeling.nn.language import save_language_model
from tests.modeling.small_models import small_language_model, small_mammovlm, small_tokenizer
from tests.modeling.vision_language_models import save_vision_language_model

PARAMETERS = {"temperature": 1.0, "top_p": 0.95, "max_new_tokens": 8}


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    made = tmp_path_factory.mktemp("models")
    tokenizer = small_tokenizer()
    save_language_model(made / "transformers", small_language_model(tokenizer), tokenizer)
    model, encoder = small_mammovlm()
    save_language_model(made / "mammovlm", model, encoder.tokenizer)
    save_vision_language_model("qwen2-vl", made / "vision_language")
    return made


@pytest.mark.parametrize("kind", ["transformers", "mammovlm", "vision_language"])
def test_a_static_cache_gives_the_same_answers_and_is_told_with_each(kind, folders):
    found = {}
    for cache in ("dynamic", "static"):
        system = build_system({"kind": kind, "path": str(folders / kind), "cache": cache}, PARAMETERS)
        asked = (
            Question(id="q", turns=("我的乳腺密度是哪一型？",)),
            Question(id="long", turns=("Hello " * 30,)),
        )
        found[cache] = system.write([Draw(q, i, 7 + i) for q in asked for i in range(2)], lambda rows: None)
    assert [answer.raw for answer in found["static"]] == [answer.raw for answer in found["dynamic"]]
    assert all("cache" not in answer.parameters for answer in found["dynamic"])
    assert all(answer.parameters["cache"] == "static" for answer in found["static"])
    assert all(answer.seconds > 0 for answer in (*found["static"], *found["dynamic"]))


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"cache": "quantised"}, "spec: cache must be dynamic or static"),
        ({"compile": True}, "spec: compile needs cache static"),
        ({"cache": "static", "compile": 1}, "spec: compile must be true or false"),
    ],
)
def test_a_setting_that_does_not_exist_is_refused(more, message, folders):
    with pytest.raises(BadRequestError, match=message):
        build_system({"kind": "transformers", "path": str(folders / "transformers"), **more}, PARAMETERS)
