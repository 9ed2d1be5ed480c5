"""The ready specs: one for each system of the paper, each taken by the code that runs it."""

import pytest

from modeling.data.exchange import BadRequestError
from modeling.inference import spec_files
from modeling.inference.answer import build_system
from modeling.inference.endpoint import EndpointSpec

PAPER = {
    "llava-1.5", "cogvlm", "qwen-vl", "mammo-clip", "biomedgpt", "mammovlm", "junior", "senior",  # Table 1
    "glm-4-9b", "llama-3", "mixtral-8x22b", "qwen2",  # Table 2
    "blip-2", "yi-vl",  # run and left out
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
