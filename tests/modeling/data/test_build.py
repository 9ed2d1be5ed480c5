"""Building a snapshot from viewing copies, as the child process does it."""

import json

import numpy as np
import pytest

from modeling.data.build import main
from modeling.data.preprocessing import load_view
from modeling.data.snapshot import open_snapshot
from tests.modeling.data.test_preprocessing import write_copy


@pytest.fixture
def request_body(tmp_path):
    """Two studies of two views each, 40 x 32 viewing copies."""
    rng = np.random.default_rng(0)
    studies = []
    for number, split in enumerate(("train", "test")):
        views = []
        for laterality in "LR":
            path = tmp_path / f"{number}{laterality}.dcm"
            write_copy(
                path, rng.integers(0, 4096, (40, 32), np.uint16), WindowCenter="2048", WindowWidth="4096"
            )
            views.append({"path": str(path), "laterality": laterality, "view": "MLO"})
        studies.append(
            {"study": f"s{number}", "patient": f"p{number}", "split": split, "density": "C", "age": 40,
             "birads": {}, "report": "text", "language": "en", "views": views, "pathology": []}
        )  # fmt: skip
    return {
        "name": "built", "output": str(tmp_path / "out"), "image": {"height": 20, "width": 16},
        "simulated": True, "studies": studies,
    }  # fmt: skip


def build(tmp_path, body):
    (tmp_path / "request.json").write_text(json.dumps(body))
    return main(["build", str(tmp_path / "request.json"), str(tmp_path / "answer.jsonl")])


def leftovers(tmp_path):
    return [path.name for path in tmp_path.iterdir() if path.name.startswith((".", "out", "answer"))]


def test_a_built_snapshot_holds_exactly_what_load_view_gives(tmp_path, request_body, capsys):
    assert build(tmp_path, request_body) == 0
    snapshot = open_snapshot(tmp_path / "out")
    for study, asked in zip(snapshot.studies, request_body["studies"], strict=True):
        for view, source in zip(study.views, asked["views"], strict=True):
            direct = load_view(source["path"], height=20, width=16, laterality=source["laterality"])
            assert np.array_equal(snapshot.images[view.index], direct)
    (row,) = [json.loads(line) for line in (tmp_path / "answer.jsonl").read_text().splitlines()]
    assert row["content_hash"] == snapshot.content_hash
    assert row["counts"]["images"] == 4
    last = json.loads(capsys.readouterr().out.splitlines()[-1])["progress"]
    assert (last["done"], last["total"]) == (4, 4)


def test_the_requests_window_is_used(tmp_path, request_body):
    view = request_body["studies"][0]["views"][0]
    view["window"] = {"center": 100, "width": 50}
    assert build(tmp_path, request_body) == 0
    image = open_snapshot(tmp_path / "out").images[0]
    assert not np.array_equal(image, load_view(view["path"], height=20, width=16, laterality="L"))


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda body: body.pop("name"), "no field 'name'"),
        (lambda body: body["image"].update(height=0), "image.height: 0"),
        (
            lambda body: body["studies"][1]["views"][0].update(path="/no.dcm"),
            "study s1: /no.dcm: no such file",
        ),
        (lambda body: body["studies"][0]["views"][0].pop("laterality"), "study s0: a view needs"),
        (lambda body: body["studies"][1].update(patient="p0"), "patient p0"),
        (lambda body: body["studies"][1].update(density="Q"), "density is 'Q'"),
        (lambda body: body.update(studies=[]), "no view"),
    ],
)
def test_a_bad_request_leaves_one_line_and_nothing_else(tmp_path, request_body, capsys, spoil, message):
    spoil(request_body)
    assert build(tmp_path, request_body) == 2
    assert message in capsys.readouterr().err.strip().splitlines()[-1]
    assert leftovers(tmp_path) == []


def test_an_existing_snapshot_is_left_alone(tmp_path, request_body, capsys):
    assert build(tmp_path, request_body) == 0
    (tmp_path / "answer.jsonl").unlink()
    assert build(tmp_path, request_body) == 2
    assert "never overwritten" in capsys.readouterr().err
    open_snapshot(tmp_path / "out")
