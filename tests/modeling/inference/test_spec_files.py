"""The ready specs: one for each system of the paper, each taken by the code that runs it."""

import pytest

from modeling.data.exchange import BadRequestError
from modeling.data.model_folders import MODELS_VARIABLE
from modeling.inference import spec_files
from modeling.inference.answer import build_system
from modeling.inference.endpoint import EndpointSpec
from modeling.inference.zero_shot import Similarity, judge_for
from tests.modeling.nn.test_mammo_clip import mammo_clip_folder

PAPER = {
    "llava-1.5", "cogvlm", "qwen-vl", "mammo-clip", "biomedgpt", "mammovlm", "junior", "senior",  # Table 1
    "glm-4-9b", "llama-3", "mixtral-8x22b", "qwen2",  # Table 2
    "blip-2", "yi-vl",  # run and left out
    "glm-4-0414",  # a newer base
}  # fmt: skip


def test_every_system_of_the_paper_has_one():
    assert set(spec_files.ready_specs()) >= PAPER


@pytest.mark.parametrize("name", spec_files.ready_specs())
def test_each_is_whole_and_says_what_it_needs(name):
    spec = spec_files.read_spec(name)
    about = spec["about"]
    assert spec["name"]
    assert about["paper"]
    assert about.get("needs") or (about["weights"] and about["files"])
    if spec["kind"] == "openai":
        made = EndpointSpec.from_mapping(spec_files.without_description(spec))
        assert not made.remote_allowed
    else:
        with pytest.raises(BadRequestError, match=spec["path"]):
            build_system(spec, {"max_new_tokens": 4})


def test_a_file_that_is_no_spec_is_refused_with_the_ready_names(tmp_path):
    with pytest.raises(BadRequestError, match=r"nothing\.json: cannot be read .* llava-1\.5"):
        spec_files.read_spec("nothing.json")
    (tmp_path / "a.json").write_text('{"kind": "oracle"}')
    with pytest.raises(BadRequestError, match="`kind` is one of"):
        spec_files.read_spec(tmp_path / "a.json")


def test_mammo_clip_has_a_spec_as_a_dual_encoder_that_judges_and_is_no_arm():
    (name,) = spec_files.judging_specs()
    spec = spec_files.read_judging_spec(name)
    assert (spec["kind"], name) == ("dual_encoder", "mammo-clip-dual-encoder")
    assert spec["about"]["needs"]
    assert name not in spec_files.ready_specs()
    with pytest.raises(BadRequestError, match=name):
        spec_files.read_spec(name)
    with pytest.raises(BadRequestError, match=spec["path"]):
        judge_for(spec, "similarity", "en", {})
    assert spec_files.read_judging_spec("llava-1.5")["kind"] == "vision_language"


def test_the_dual_encoders_spec_takes_the_folder_that_converting_mammo_clip_makes(tmp_path, monkeypatch):
    spec = spec_files.read_judging_spec("mammo-clip-dual-encoder")
    mammo_clip_folder(tmp_path).rename(tmp_path / spec["path"])
    monkeypatch.setenv(MODELS_VARIABLE, str(tmp_path))
    assert isinstance(judge_for(spec, "similarity", "en", {}), Similarity)
