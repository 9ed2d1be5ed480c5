"""Zero-shot malignancy: each method against its definition, and refusals where a system has none."""

import json
from importlib import metadata

import numpy as np
import pytest
import torch

from modeling.data.exchange import BadRequestError
from modeling.data.snapshot import file_sha256
from modeling.inference.answers_file import FileSystem
from modeling.inference.native import TransformersSystem
from modeling.inference.systems import Answer, ImageFile
from modeling.inference.zero_shot import (
    ASK_YES_NO,
    Column,
    Similarity,
    Stated,
    UndefinedError,
    YesNo,
    judge_for,
    main,
    stated_number,
    yes_share,
)
from modeling.nn.generation import Sampling
from modeling.nn.language import save_language_model, weights_sha256
from tests.modeling.nn.test_mammo_clip import mammo_clip_folder
from tests.modeling.small_dicom import write_dicom
from tests.modeling.small_models import FOUR_VIEWS, small_language_model, small_tokenizer


def test_the_share_of_yes_is_that_of_its_tokens_among_both():
    chances = torch.tensor([0.1, 0.3, 0.2, 0.4])
    ids = {"yes": [1], "Yes": [1], " yes": [], " Yes": [], "no": [2], "No": [2], " no": [], " No": []}
    assert yes_share(chances.log(), ids.__getitem__, "en") == pytest.approx(0.3 / 0.5)


def test_words_that_begin_alike_can_not_be_told_apart():
    with pytest.raises(UndefinedError, match="does not tell yes from no"):
        yes_share(torch.zeros(4), lambda word: [1], "en")


@pytest.mark.parametrize(
    ("text", "chance"),
    [
        ("15", 0.15),
        ("大约 2.5%。", 0.025),
        ("About 80 per cent", 0.8),
        ("100", 1.0),
        ("Between 10 and 20", None),
        ("不好说", None),
        ("1234", None),
        ("20%, I repeat 20%", 0.2),
    ],
)
def test_one_stated_number_is_a_chance_and_several_are_none(text, chance):
    assert stated_number(text) == chance


@pytest.fixture(scope="module")
def glm(tmp_path_factory):
    folder = tmp_path_factory.mktemp("glm")
    tokenizer = small_tokenizer()
    save_language_model(folder / "glm", small_language_model(tokenizer), tokenizer)
    return folder / "glm"


def test_yes_no_reads_the_first_answer_token_of_the_model_itself(glm):
    system = TransformersSystem(glm, Sampling(temperature=0.0, max_new_tokens=2))
    (found,) = YesNo(system, "en").chances({"s": ()}).values()
    ids = system.encoder.prompt([ASK_YES_NO["en"]])
    with torch.inference_mode():
        chances = system.model(input_ids=torch.tensor([ids])).logits[0, -1].softmax(-1)
    first = {
        word: system.encoder.encode_plain(word)[0]
        for word in ("yes", "Yes", " yes", " Yes", "no", "No", " no", " No")
    }
    yes = {first[word] for word in first if word.strip().lower() == "yes"}
    no = {first[word] for word in first if word.strip().lower() == "no"}
    above = sum(float(chances[i]) for i in yes - no)
    below = sum(float(chances[i]) for i in no - yes)
    assert found == pytest.approx(above / (above + below), rel=1e-4)


class Writes:
    """A system that writes what it is told to."""

    can_redraw, revision = False, "r"

    def __init__(self, text):
        self.text = text

    def write(self, draws, progress):
        return [Answer(self.text, self.text, None, "stop", "p", 0.0, 1, 0) for _ in draws]


def test_a_system_without_token_chances_is_refused_by_name():
    with pytest.raises(UndefinedError, match="Writes shows no token chances; use stated"):
        YesNo(Writes("是"), "zh")
    assert Stated(Writes("30"), "zh").chances({"s": ()}) == {"s": 0.3}


@pytest.mark.parametrize(
    ("kind", "method"),
    [
        ("dual_encoder", "yes_no"),
        ("dual_encoder", "stated"),
        ("transformers", "similarity"),
        ("file", "yes_no"),
        ("openai", "column"),
    ],
)
def test_methods_that_a_system_does_not_have_are_refused(kind, method):
    with pytest.raises(UndefinedError, match=f"not defined for a system of kind {kind}"):
        judge_for({"kind": kind, "path": "x"}, method, "zh", {})


def test_an_unknown_method_is_refused_by_name():
    with pytest.raises(BadRequestError, match="yes_no, stated, similarity, column"):
        judge_for({"kind": "file", "path": "x"}, "guess", "zh", {})


def test_a_column_of_answers_is_taken_as_it_stands(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("study,malignancy\na,0.25\nb,\n")
    assert Column(path).chances({"a": (), "b": (), "c": ()}) == {"a": 0.25, "b": None, "c": None}
    path.write_text("study,malignancy\na,25\n")
    with pytest.raises(UndefinedError, match="expected 0 to 1"):
        Column(path)
    path.write_text("question,study,text,malignancy\nq1,a,hm,.25\nq2,a,so,.25\nq3,b,no,\nq4,,text alone,\n")
    assert Column(path).chances({"a": (), "b": ()}) == {"a": 0.25, "b": None}
    assert len(FileSystem(path).answers) == 4, "one file serves a trial and Table 10"
    path.write_text("study,malignancy\na,0.25\na,0.5\n")
    with pytest.raises(UndefinedError, match="row 2 gives study a another chance"):
        Column(path)
    lines = path.with_suffix(".jsonl")
    lines.write_text('{"study": "a", "malignancy": 0.5}\n{"study": "b"}\n')
    with pytest.raises(UndefinedError, match="row 2 lacks study or malignancy"):
        Column(lines)
    path.write_text("study,text\na,hm\n")
    with pytest.raises(UndefinedError, match="no columns study and malignancy"):
        Column(path)


def test_a_dual_encoder_judges_by_the_most_suspicious_view(tmp_path):
    folder = mammo_clip_folder(tmp_path)
    random = np.random.default_rng(3)
    views = tuple(
        ImageFile(
            write_dicom(tmp_path / f"{side}{view}.dcm", random.integers(0, 4096, (80, 60)).astype(np.uint16)),
            side,
            view,
        )
        for side, view in FOUR_VIEWS
    )
    judge = Similarity(folder)
    assert judge.revision == weights_sha256(folder)
    each = [judge.chances({"s": (view,)})["s"] for view in views]
    assert judge.chances({"s": views})["s"] == pytest.approx(max(each))
    assert all(0 < chance < 1 for chance in each)
    # As Mammo-CLIP was trained: five pixels of each edge are cut off, and the rest fills the frame.
    inner = random.integers(0, 4096, (70, 20)).astype(np.uint16)
    framed, seen = np.pad(inner, 5, constant_values=4095), []
    judge.model.image.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    for number, pixels in enumerate((framed, np.pad(inner, 5))):
        path = write_dicom(tmp_path / f"framed{number}.dcm", pixels)
        judge.chances({"s": (ImageFile(path, "R", "CC", {"top": 2, "left": 0, "height": 78, "width": 30}),)})
    assert torch.equal(*seen)
    assert (seen[0] > 0).float().mean() > 0.95


def test_the_command_writes_predictions_and_counts_studies_without_a_chance(tmp_path, capsys):
    (tmp_path / "a.jsonl").write_text(
        '{"study": "s1", "malignancy": 0.9}\n{"study": "s2", "malignancy": null}\n'
    )
    request = {
        "spec": {"kind": "file", "path": str(tmp_path / "a.jsonl")}, "method": "column",
        "studies": [{"study": s, "split": "test", "images": []} for s in ("s1", "s2")],
    }  # fmt: skip
    (tmp_path / "r.json").write_text(json.dumps(request))
    assert main([str(tmp_path / "r.json"), str(tmp_path / "o.jsonl")]) == 0
    rows = [json.loads(line) for line in (tmp_path / "o.jsonl").read_text().splitlines()]
    told = rows.pop(0)
    assert told["kind"] == "environment"
    assert told["told"]["torch"] == metadata.version("torch")
    assert rows[-1]["sha256"] == told["told"]["system"] == file_sha256(tmp_path / "a.jsonl")
    assert rows[0] == {
        "kind": "prediction", "unit_kind": "study", "unit": "s1", "name": "zero_shot_malignancy", "method": "column",
        "split": "test", "value": 0.9,
    }  # fmt: skip
    assert rows[1]["metrics"]["without_a_chance"] == 1
    request["method"] = "similarity"
    (tmp_path / "r.json").write_text(json.dumps(request))
    assert main([str(tmp_path / "r.json"), str(tmp_path / "none.jsonl")]) == 2
    assert "similarity" in capsys.readouterr().err
    assert not (tmp_path / "none.jsonl").exists()
