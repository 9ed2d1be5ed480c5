"""Snapshots: what is written opens, what was changed or leaks is refused."""

import json
import shutil

import numpy as np
import pytest

from modeling.data.snapshot import SnapshotError, content_hash, file_sha256, open_snapshot, write_snapshot


def row(number, **changes):
    made = {
        "study": f"s{number}", "patient": f"p{number}", "split": ("train", "test")[number % 2], "age": 50,
        "density": "B", "birads": {"left": "2", "right": "1"}, "report": "双乳呈b型", "language": "zh",
        "views": [{"index": number, "laterality": "R", "view": "CC"}],
        "pathology": [{"laterality": "R", "class": "benign"}],
    }  # fmt: skip
    return {**made, **changes}


def write(folder, rows, sft=()):
    images = np.arange(len(rows) * 12, dtype=np.uint8).reshape(len(rows), 4, 3)
    return write_snapshot(
        folder, name="n", images=images, image_size=(4, 3), studies=rows, sft=sft, simulated=True
    )


@pytest.fixture
def copied(tiny_folder, tmp_path):
    """The tiny snapshot, to be spoilt."""
    return shutil.copytree(tiny_folder, tmp_path / "copied")


def test_what_is_written_is_read_back(tmp_path):
    digest = write(tmp_path / "s", [row(0), row(1)])
    snapshot = open_snapshot(tmp_path / "s")
    assert snapshot.content_hash == digest
    assert snapshot.simulated
    assert snapshot.image_size == (4, 3)
    assert snapshot.images[1].tolist() == [[12, 13, 14], [15, 16, 17], [18, 19, 20], [21, 22, 23]]
    assert [study.study for study in snapshot.in_split("test")] == ["s1"]
    assert snapshot.studies[0].pathology[0].class_ == "benign"


def test_the_content_hash_is_the_hash_of_the_sorted_lines():
    import hashlib

    expected = hashlib.sha256(b"a 1\nb 2\n").hexdigest()
    assert content_hash({"b": "2", "a": "1"}) == expected


def test_the_phantom_snapshot_opens(tiny):
    assert len(tiny.studies) == 24
    assert {study.split for study in tiny.studies} == {"train", "validation", "test"}
    assert tiny.sft


@pytest.mark.parametrize("name", ["images.npy", "studies.jsonl", "sft.jsonl"])
def test_a_changed_file_is_refused_by_name(copied, name):
    path = copied / name
    path.write_bytes(path.read_bytes()[:-2] + b" \n")
    with pytest.raises(SnapshotError, match=f"{name}.*SHA-256"):
        open_snapshot(copied)


def test_a_wrong_content_hash_is_refused(copied):
    manifest = json.loads((copied / "manifest.json").read_text())
    manifest["content_hash"] = "0" * 64
    (copied / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(SnapshotError, match="content_hash"):
        open_snapshot(copied)


def test_a_missing_file_is_refused_by_name(copied):
    (copied / "studies.jsonl").unlink()
    with pytest.raises(SnapshotError, match=r"studies\.jsonl.*missing"):
        open_snapshot(copied)


def test_a_file_that_the_manifest_does_not_cover_is_refused(copied):
    manifest = json.loads((copied / "manifest.json").read_text())
    del manifest["files"]["sft.jsonl"]
    manifest["content_hash"] = content_hash(manifest["files"])
    (copied / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(SnapshotError, match=r"sft\.jsonl.*not covered"):
        open_snapshot(copied)


def test_a_patient_on_both_sides_of_the_split_is_refused(tmp_path):
    with pytest.raises(SnapshotError, match="patient p0 is in test and"):
        write(tmp_path / "s", [row(0), row(1, patient="p0")])
    assert list(tmp_path.iterdir()) == []


def test_a_patient_whose_questions_are_on_the_other_side_is_refused(tmp_path):
    question = {"id": "q", "patient": "p0", "split": "test", "language": "zh", "turns": ["?"], "answer": "."}
    with pytest.raises(SnapshotError, match=r"patient p0 is in test and, in studies\.jsonl, in train"):
        write(tmp_path / "s", [row(0)], [question])


def question(**changes):
    made = {"id": "q", "patient": "p0", "split": "train", "language": "zh", "turns": ["?"], "answer": "."}
    return {**made, **changes}


def test_a_question_about_another_patients_study_is_refused(tmp_path):
    with pytest.raises(
        SnapshotError, match="question q of patient p0 names study s1, which is of patient p1"
    ):
        write(tmp_path / "s", [row(0), row(1)], [question(study="s1")])


@pytest.mark.parametrize(
    ("rows", "questions", "message"),
    [
        ([row(0), row(1, views=row(0)["views"])], [], r"studies\.jsonl: view index 0 stands twice"),
        ([row(0), row(2, study="s0", views=row(1)["views"])], [], r"studies\.jsonl: study s0 stands twice"),
        ([row(0)], [question(), question(answer="!")], r"sft\.jsonl: id q stands twice"),
    ],
)
def test_an_image_or_id_that_stands_twice_is_refused(tmp_path, rows, questions, message):
    with pytest.raises(SnapshotError, match=message):
        write(tmp_path / "s", rows, questions)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("field", "value"), [("simulated", False), ("name", "real patients"), ("format", 1)])
def test_what_the_manifest_says_of_the_set_is_part_of_its_hash(copied, field, value):
    manifest = json.loads((copied / "manifest.json").read_text())
    (copied / "manifest.json").write_text(json.dumps(manifest | {field: value}))
    with pytest.raises(SnapshotError, match="content_hash"):
        open_snapshot(copied)


def test_a_set_of_the_first_format_opens(copied):
    manifest = json.loads((copied / "manifest.json").read_text())
    manifest |= {"format": 1, "content_hash": content_hash(manifest["files"])}
    (copied / "manifest.json").write_text(json.dumps(manifest))
    assert open_snapshot(copied).content_hash == manifest["content_hash"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"density": "E"}, "row 1: density is 'E'"),
        ({"split": "hold-out"}, "row 1: split is 'hold-out'"),
        ({"views": [{"index": 9, "laterality": "R", "view": "CC"}]}, "row 1: view index 9"),
        ({"views": [{"index": 0, "laterality": "B", "view": "CC"}]}, "row 1: laterality is 'B'"),
        ({"pathology": [{"laterality": "L", "class": "cancer"}]}, "row 1: class is 'cancer'"),
    ],
)
def test_a_bad_row_is_named_and_nothing_is_left_behind(tmp_path, changes, message):
    with pytest.raises(SnapshotError, match=message):
        write(tmp_path / "s", [row(0, **changes)])
    assert list(tmp_path.iterdir()) == []


def test_turns_that_end_with_the_assistant_are_refused(tmp_path):
    question = {
        "id": "q",
        "patient": "p9",
        "split": "test",
        "language": "zh",
        "turns": ["?", "."],
        "answer": ".",
    }
    with pytest.raises(SnapshotError, match=r"sft\.jsonl row 1: 2 turns"):
        write(tmp_path / "s", [row(0)], [question])


def test_a_snapshot_is_never_overwritten(tmp_path):
    write(tmp_path / "s", [row(0)])
    before = file_sha256(tmp_path / "s" / "manifest.json")
    with pytest.raises(FileExistsError, match="never overwritten"):
        write(tmp_path / "s", [row(0), row(1)])
    assert file_sha256(tmp_path / "s" / "manifest.json") == before


def test_fewer_images_than_views_are_refused(tmp_path):
    images = np.zeros((1, 4, 3), np.uint8)
    with pytest.raises(SnapshotError, match="1 images for 2 views"):
        write_snapshot(
            tmp_path / "s",
            name="n",
            images=images,
            image_size=(4, 3),
            studies=[row(0), row(1)],
            simulated=True,
        )
