"""A set of mixed rows loads as its card says: pictures or a dialogue on one side only, files beyond a reader's chunk."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from annotation.exporting.writing import write_training_set
from annotation.models import Campaign, Correction, Question
from annotation.services import export
from annotation.services.export import CHOICES, export_training
from annotation.services.picks import pick
from mammo.accounts.models import User
from mammo.archive.models import Patient, Split, SplitMembership
from tests.annotation import scene

# Runs the programs of the cards, each in its folder, and says what they found.
LOAD = """
import json, os, re, sys
import datasets
root, = sys.argv[1:]
datasets.config.HF_DATASETS_CACHE = datasets.config.HF_CACHE_HOME = root
found = {}
for name in sorted(os.listdir(os.path.join(root, "sets"))):
    os.chdir(os.path.join(root, "sets", name))
    said = re.findall(r"```python\\n(.*?)```", open("README.md", encoding="utf-8").read(), re.DOTALL)
    names = {}
    for program in said:
        exec(program, names)
    found[name] = {
        f"{kind} {side}": [
            [
                len(row.get("images", [])), sorted({type(one).__name__ for one in row.get("images", [])}),
                len(row.get("messages") or row.get("prompt")),
                [m.get("loss") for m in row.get("messages", [])],
            ]
            for row in rows
        ]
        for kind in ("sft", "dpo") for side, rows in names[kind].items()
    }
print(json.dumps(found))
"""
# As a trainer loads one file: without being told its columns.
LOAD_ONE = """
import json, os, sys
from datasets import load_dataset
root, = sys.argv[1:]
found = {}
for name in sorted(os.listdir(os.path.join(root, "large"))):
    path = os.path.join(root, "large", name, "sft_train.jsonl")
    rows = load_dataset("json", data_files=path, split="train", cache_dir=root)
    found[name] = [os.path.getsize(path), len(rows), [len(rows[0]["images"]), len(rows[-1]["images"])]]
print(json.dumps(found))
"""
JSON_LINES = ("llamafactory", "swift", "trl")


def run(program: str, folder: Path) -> dict[str, Any]:
    """A program in a process of its own: datasets stays out of the tests' process."""
    known = {**os.environ, "HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1", "HF_HOME": str(folder / "home")}
    done = subprocess.run(
        [sys.executable, "-c", program, str(folder)],
        env=known, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


@pytest.fixture
def mixed(campaign: Campaign, june: User, sena: User) -> Campaign:
    """Picked answers: short text questions first, then a dialogue about a study."""
    rows = [scene.row(f"第{n}题？", n + 2, f"T{n}", "") for n in range(3)]
    rows.append(scene.row(number=9, turns=("什么是钙化？", "是钙盐沉积。", "那严重吗？")))
    questions = scene.ask(campaign, *rows)
    scene.propose(campaign, questions)
    for question in questions:
        scene.settle(question, june)
        pick(question, by_user=sena, correction=Correction.objects.candidates(question)[0].pk)
    return campaign


def sides(campaign: Campaign, *named: str) -> Split:
    """A split by these sides; without any, one whose test side alone has the study and the dialogue."""
    split = Split.objects.create(site=campaign.site, name="mixed", purpose="sft", seed=1)
    asked = Question.objects.filter(campaign=campaign).order_by("position")
    for question, side in zip(asked, named or ("train", "train", "validation", "test"), strict=True):
        assert question.patient is not None
        SplitMembership.objects.create(split=split, patient=question.patient, side=side)
    return split


@pytest.mark.slow
def test_all_sides_load_in_one_call_with_what_the_card_says(
    mixed: Campaign, rita: User, tmp_path: Path
) -> None:
    pytest.importorskip("datasets", reason="the package datasets is not installed (make setup)")
    split = sides(mixed)
    for format_name, images in CHOICES:
        folder = tmp_path / "sets" / f"{format_name} {images}"
        export_training(
            mixed, folder, format=format_name, images=images, split=split, preferences=True, by_user=rita
        )
    found = run(LOAD, tmp_path)
    assert set(found) == {f"{format_name} {images}" for format_name, images in CHOICES}
    for name, rows in found.items():
        assert {where: len(of) for where, of in rows.items()} == {
            "sft train": 2, "sft validation": 1, "sft test": 1, "dpo train": 4, "dpo validation": 2, "dpo test": 2,
        }  # fmt: skip
        opened = "str" if name.startswith(("llama", "swift")) else "PngImageFile"
        pictures = ("0", "[]") if name.endswith(" none") else ("4", str([opened]))
        assert {tuple(map(str, row[:2])) for row in rows["sft test"]} == {pictures}
        assert {row[0] for row in rows["sft train"]} == {0}
    assert found["swift reference"]["sft test"][0][3] == [None, False, None, True]
    assert found["swift reference"]["sft train"][0][3] == [None, True]


@pytest.mark.slow
def test_a_file_beyond_the_readers_chunk_loads_without_being_told_its_columns(
    mixed: Campaign, rita: User, tmp_path: Path
) -> None:
    pytest.importorskip("datasets", reason="the package datasets is not installed (make setup)")
    for format_name in JSON_LINES:
        request = export.build_request(export.queue_export(mixed, by_user=rita, format=format_name))
        *_others, (plain, line), (pictured, last) = zip(request["records"], request["lineage"], strict=True)
        # Twelve megabytes of short conversations without a picture, and behind them a dialogue about a study.
        long = {**plain, "answer": "长" * 40_000, "split": "train"}
        request["records"] = [*[long] * 100, {**pictured, "split": "train"}]
        request["lineage"] = [*[line] * 100, last]
        write_training_set(request, tmp_path / "large" / format_name)
    for name, (size, count, pictures) in run(LOAD_ONE, tmp_path).items():
        assert size > 11 << 20, name
        assert (count, pictures) == (101, [4, 0]), name


def test_the_lineage_follows_the_rows(mixed: Campaign, rita: User, tmp_path: Path) -> None:
    split = sides(mixed, *["train"] * 4)
    export_training(mixed, tmp_path / "out", format="llamafactory", split=split, by_user=rita)
    *plain, dialogue = Question.objects.filter(campaign=mixed).order_by("position")
    lineage, rows = (
        [json.loads(line) for line in (tmp_path / "out" / name).read_text("utf-8").splitlines()]
        for name in ("lineage.jsonl", "sft_train.jsonl")
    )
    assert [row["id"] for row in lineage] == [str(question.pk) for question in (dialogue, *plain)]
    asked = [row["messages"][-2]["content"] for row in rows]
    assert asked == [dialogue.turns[-1], *(question.turns[0] for question in plain)]


@pytest.mark.parametrize(
    ("format_name", "images", "said"),
    [
        ("llamafactory", "reference", "this folder: give `dataset_dir` as this folder"),
        (
            "swift",
            "reference",
            "this folder: run `swift` in this folder, or set the variable `ROOT_IMAGE_DIR`",
        ),
        ("trl", "reference", "this folder: run your program in this folder"),
        ("parquet", "reference", "this folder: run your program in this folder"),
        ("parquet", "packed", "Pictures lie in the rows."),
    ],
)
def test_the_card_says_where_pictures_are_looked_for(
    mixed: Campaign, rita: User, tmp_path: Path, format_name: str, images: str, said: str
) -> None:
    export_training(
        mixed, tmp_path / "out", format=format_name, images=images, split=sides(mixed), by_user=rita
    )
    card = (tmp_path / "out" / "README.md").read_text("utf-8")
    assert said in card
    assert ("named relative" in card) == (images == "reference")
    (program,) = re.findall(r"```python\n(.*?)```", card, re.DOTALL)
    assert "dpo" not in program
    assert ("features=" in program) == (format_name != "parquet")
    assert ("Image()" in program) == (format_name in ("trl", "parquet"))


def test_the_card_of_a_set_without_pictures_speaks_of_none(
    mixed: Campaign, rita: User, tmp_path: Path
) -> None:
    split = sides(mixed)
    gone = Question.objects.filter(campaign=mixed).order_by("position").last()
    assert gone is not None
    Patient.objects.filter(questions=gone).update(erased_at="2026-01-01T00:00Z")
    export_training(mixed, tmp_path / "out", format="trl", split=split, by_user=rita)
    card = (tmp_path / "out" / "README.md").read_text("utf-8")
    assert "ictures are" not in card
    assert '"images"' not in card
    assert '"test"' not in card
