"""The card of a training set: what its answers state, held against labels and images."""

import json

import numpy as np

from modeling.data.card import card_of
from modeling.data.snapshot import open_snapshot, write_snapshot


def study(name, first, *, density="B", left="2", right="4A", sides=("L", "R"), pathology=()):
    return {
        "study": name, "patient": f"p-{name}", "split": "train", "age": 50, "density": density,
        "birads": {"left": left, "right": right, "overall": None}, "report": "", "language": "en",
        "views": [
            {"index": first + n, "laterality": side, "view": "CC"} for n, side in enumerate(sides)
        ],
        "pathology": [{"laterality": side, "class": "benign"} for side in pathology],
    }  # fmt: skip


def asked(number, about, answer):
    return {
        "id": f"q{number}", "patient": f"p-{about}", "study": about, "split": "train", "language": "en",
        "turns": ["?"], "answer": answer,
    }  # fmt: skip


def frame(edge):
    """A view whose breast lies at the left or right edge."""
    image = np.zeros((4, 6), np.uint8)
    image[:, :2] = 90
    return image if edge == "left" else image[:, ::-1]


def test_facts_are_counted_where_labels_can_tell_and_sides_by_labels_and_pixels(tmp_path):
    studies = [
        study("a", 0),
        study("b", 2, density=None, left="2", right="2", pathology=["L"]),
        study("c", 4, sides=("L",)),
    ]
    answers = [
        "Your breasts are density B.",  # supported
        "Your breasts are density D, BI-RADS 4.",  # one of two: the plain 4 agrees with the worse breast's 4A
        "The left breast is the one to look at, BI-RADS 4A.",  # neither: the right one is 4A
        "The right breast needs a biopsy.",  # supported
    ]
    sft = [asked(n, "a", text) for n, text in enumerate(answers)]
    sft.append(
        asked(7, "b", "density C; the left breast was biopsied.")
    )  # density is unknown, the side is right
    sft.append(asked(8, "c", "There is nothing in the right breast."))  # of which there is no view
    sft.append({**asked(9, "a", "Thank you."), "study": None})
    edges = ["left", "right", "left", "left", "left"]  # the right view of b is mirrored
    write_snapshot(
        tmp_path / "set", name="n", images=[frame(edge) for edge in edges], image_size=(4, 6), studies=studies,
        sft=sft, simulated=True,
    )  # fmt: skip
    card = json.loads((tmp_path / "set" / "manifest.json").read_text())["card"]
    assert card == {
        "answers": 7,
        "about_a_study": 6,
        "facts": {
            "density": {"stated": 2, "supported": 1},
            "birads": {"stated": 2, "supported": 1},
            "side": {"stated": 4, "supported": 3},
        },
        "share": 5 / 8,
        "sides_without_a_view": 1,
        "views": 5,
        "views_in_place": 4,
    }
    assert card_of(open_snapshot(tmp_path / "set")) == card


def test_phantoms_state_what_their_images_show_and_lie_where_their_sides_say(tiny):
    card = card_of(tiny)
    assert card["views"] == card["views_in_place"] == len(tiny.images)
    assert card["facts"]["density"]["stated"] > 5
    assert card["facts"]["density"]["supported"] == card["facts"]["density"]["stated"]
    # The invented report's category, which is the label, errs now and then; the answer states the image's.
    assert card["facts"]["birads"]["supported"] >= 0.8 * card["facts"]["birads"]["stated"] > 5
