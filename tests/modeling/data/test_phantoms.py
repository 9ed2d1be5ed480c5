"""Phantoms: the same seed gives the same breasts, and what is planned is what the images show."""

import hashlib
import json
import random
from itertools import pairwise

import numpy as np
import pytest

from modeling.data.facts import read_facts
from modeling.data.phantom_anatomy import CONSPICUITIES, DENSITIES, VIEWS
from modeling.data.phantom_rendering import lesion_centre_mm
from modeling.data.phantom_texts import (
    STYLES,
    dialogues,
    draw_facts,
    draw_kind,
    draw_question,
    question_kind,
    true_answer,
    wrong_answers,
)
from modeling.data.phantoms import (
    PlannedLesion,
    draw_phantom,
    image_facts,
    plan_study,
    render_study,
    render_view,
    write_phantom_snapshot,
)

FIELD_MM = (201.6, 160.0)


def with_and_without(plan, *, view, seed=5, density="B"):
    """The same view with the planned lesion and without any."""
    side = plan.laterality
    bare = draw_phantom(seed, density=density)
    lesioned = draw_phantom(seed, density=density, planned=(plan,))
    return (render_view(phantom, side, view, height=252, width=200) for phantom in (lesioned, bare))


def test_the_same_seed_gives_the_same_pixels_and_another_seed_others():
    first, again, other = (
        render_study(draw_phantom(s, density="C"), height=126, width=100) for s in (4, 4, 5)
    )
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other).mean() > 0.01


@pytest.mark.parametrize("size", [(126, 100), (252, 200), (1008, 800)])
def test_a_view_has_the_size_asked_for_and_a_background_of_exact_zero(size):
    image = render_view(draw_phantom(1, density="B"), "L", "CC", height=size[0], width=size[1])
    assert image.shape == size
    assert image.dtype == np.float32
    assert image.min() == 0
    assert image.max() <= 1
    assert 0.2 < (image > 0).mean() < 0.8
    assert (image[:, -1] == 0).all(), "the field ends in air in front of the nipple"


@pytest.mark.parametrize("view", ["CC", "MLO"])
def test_left_breasts_hang_from_the_left_edge_and_right_breasts_from_the_right(view):
    phantom = draw_phantom(2, density="C")
    left = render_view(phantom, "L", view, height=126, width=100) > 0
    right = render_view(phantom, "R", view, height=126, width=100) > 0
    assert left[:, 0].any()
    assert not left[:, -1].any()
    assert right[:, -1].any()
    assert not right[:, 0].any()


def test_the_pectoral_muscle_is_bright_at_the_top_of_the_chest_wall_in_mlo_only():
    phantom = draw_phantom(3, density="A")
    mlo, cc = (render_view(phantom, "L", view, height=252, width=200) for view in ("MLO", "CC"))
    assert np.median(mlo[10:40, 2:12]) > 0.4
    assert np.median(cc[120:140, 2:12]) < 0.4


def test_denser_categories_hold_more_bright_tissue():
    def bright_share(density, seed):
        image = render_view(draw_phantom(seed, density=density), "R", "CC", height=126, width=100)
        return (image > 0.36).sum() / (image > 0).sum()

    means = [np.mean([bright_share(density, seed) for seed in range(8)]) for density in DENSITIES]
    assert all(lower + 0.08 < higher for lower, higher in pairwise(means)), means


@pytest.mark.parametrize("malignant", [False, True])
@pytest.mark.parametrize("kind", ["mass", "calcifications"])
def test_a_lesion_lies_at_the_same_distance_behind_the_nipple_in_cc_and_mlo(kind, malignant):
    plan = PlannedLesion("L", malignant, kind=kind)
    breast = draw_phantom(5, density="B", planned=(plan,)).breasts["L"]
    (lesion,) = breast.lesions
    for view in ("CC", "MLO"):
        seen, bare = with_and_without(plan, view=view)
        weight = np.clip(seen - bare, 0.03, None) - 0.03
        rows, columns = np.indices(weight.shape)
        x = (weight * columns).sum() / weight.sum() * FIELD_MM[1] / 200
        y = (weight * rows).sum() / weight.sum() * FIELD_MM[0] / 252
        expected_x, expected_y = lesion_centre_mm(breast, lesion, view)
        assert breast.depth_mm - expected_x == pytest.approx(lesion.nipple_distance_mm)
        assert x == pytest.approx(expected_x, abs=6)
        assert y == pytest.approx(expected_y, abs=6)


def test_the_quadrant_agrees_with_where_the_views_show_the_lesion():
    for seed in range(12):
        phantom = draw_phantom(seed, density="B", planned=(PlannedLesion("R", True),))
        breast = phantom.breasts["R"]
        (lesion,) = breast.lesions
        above_in_cc = lesion_centre_mm(breast, lesion, "CC")[1] < FIELD_MM[0] / 2
        assert (lesion.quadrant[1] == "O") == above_in_cc
        assert (lesion.quadrant[0] == "U") == (lesion.superior_mm >= 0)


def test_a_malignant_mass_has_a_longer_margin_than_a_benign_one():
    def margin(malignant):
        seen, bare = with_and_without(PlannedLesion("L", malignant, kind="mass"), view="CC")
        shape = (seen - bare) > 0.12
        edge = shape ^ (shape & np.roll(shape, 1, 0) & np.roll(shape, 1, 1))
        return edge.sum() / np.sqrt(shape.sum())

    assert margin(True) > 1.5 * margin(False)


def test_the_easy_setting_shows_lesions_better_than_the_hard_one():
    easy, hard = CONSPICUITIES["easy"], CONSPICUITIES["hard"]
    assert easy.contrast[0] > hard.contrast[1]
    assert easy.radius_mm[0] > hard.radius_mm[1]


def test_an_unknown_setting_or_density_is_refused_with_the_choices():
    with pytest.raises(ValueError, match="choose one of easy, hard"):
        draw_phantom(1, density="A", conspicuity="invisible")
    with pytest.raises(ValueError, match="choose one of A, B, C, D"):
        draw_phantom(1, density="E")


def test_malignant_pathology_is_what_the_images_show_as_category_4():
    rng = random.Random(0)
    for _ in range(60):
        plan = plan_study(rng)
        facts = image_facts(draw_phantom(plan.seed, density=plan.density, planned=plan.planned))
        assert facts.density == plan.density
        assert (facts.category == "4") == ("malignant" in plan.pathology.values())
        assert (facts.category in ("3", "4")) == bool(plan.pathology)


def test_the_described_suspicion_agrees_with_pathology_about_four_times_in_five():
    rng = random.Random(1)
    plans = [plan_study(rng, biopsied=True) for _ in range(1000)]
    agreement = np.mean([p.described_suspicious == ("malignant" in p.pathology.values()) for p in plans])
    assert 0.76 < agreement < 0.84


def test_every_true_answer_states_the_facts_it_was_given_and_is_short():
    rng = random.Random(2)
    for _ in range(600):
        question = draw_question(draw_kind(rng), rng.choice(("zh", "en")), rng)
        facts = draw_facts(rng)
        assert question_kind(question.turns) == question.kind
        answer = true_answer(question.turns, facts, rng.choice(STYLES))
        assert question.language == "en" or len(answer) <= 60
        stated = read_facts(answer)
        if question.kind == "density":
            assert stated.density == facts.density, answer
        if question.kind == "category":
            assert stated.birads == facts.category, answer


def test_a_wrong_answer_contradicts_the_truth():
    rng = random.Random(3)
    for _ in range(200):
        question = draw_question(draw_kind(rng), "zh", rng)
        facts = draw_facts(rng)
        truths = {true_answer(question, facts, style) for style in STYLES}
        wrong = wrong_answers(question, facts, rng)
        assert wrong
        assert not truths & set(wrong)


def test_a_question_of_another_family_has_no_true_answer():
    with pytest.raises(ValueError, match="not of this family"):
        true_answer(["血管钙化是不是要通血管？"], draw_facts(random.Random(0)))


def test_the_dialogues_are_the_same_for_the_same_seed_and_their_facts_do_not_follow_the_question():
    rows = list(dialogues(9, size=2000))
    assert rows == list(dialogues(9, size=2000))
    assert rows != list(dialogues(10, size=2000))
    answers = {}
    for row in rows:
        answers.setdefault(row["turns"][-1], set()).add(read_facts(row["answer"]).density)
    assert {"A", "B", "C", "D"} <= answers["我的乳腺致密吗？"]


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory):
    return write_phantom_snapshot(tmp_path_factory.mktemp("snapshots") / "one", studies=40, seed=3)


def lines(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_a_snapshot_names_the_hash_of_every_file_and_of_all(snapshot):
    manifest = json.loads((snapshot / "manifest.json").read_text())
    for name, digest in manifest["files"].items():
        assert hashlib.sha256((snapshot / name).read_bytes()).hexdigest() == digest
    said = hashlib.sha256(json.dumps([manifest["name"], True]).encode()).hexdigest()
    named = sorted({**manifest["files"], "manifest.json": said}.items())
    listing = "".join(f"{name} {digest}\n" for name, digest in named)
    assert hashlib.sha256(listing.encode()).hexdigest() == manifest["content_hash"]
    assert manifest["simulated"] is True


def test_the_same_seed_writes_the_same_snapshot(snapshot, tmp_path):
    again = write_phantom_snapshot(tmp_path / "one", studies=40, seed=3)
    for name in ("manifest.json", "images.npy", "studies.jsonl", "sft.jsonl"):
        assert (again / name).read_bytes() == (snapshot / name).read_bytes()


def test_a_snapshot_splits_by_patient_into_three(snapshot):
    splits = {}
    for row in lines(snapshot / "studies.jsonl") + lines(snapshot / "sft.jsonl"):
        splits.setdefault(row["patient"], set()).add(row["split"])
    assert all(len(found) == 1 for found in splits.values())
    assert set.union(*splits.values()) == {"train", "validation", "test"}


def test_a_snapshot_report_holds_no_category_and_no_advice(snapshot):
    for row in lines(snapshot / "studies.jsonl"):
        assert "RADS" not in row["report"]
        assert not any(word in row["report"] for word in ("活检", "复查", "随访", "biopsy", "follow-up"))


def test_the_images_lie_in_the_rows_that_the_studies_name(snapshot):
    images = np.load(snapshot / "images.npy", mmap_mode="r")
    assert images.dtype == np.uint8
    for row in lines(snapshot / "studies.jsonl"):
        assert [(view["laterality"], view["view"]) for view in row["views"]] == list(VIEWS)
        for view in row["views"]:
            edge = -1 if view["laterality"] == "R" else 0
            assert images[view["index"]][:, edge].any()
            assert not images[view["index"]][:, -1 - edge].any()


def test_half_of_the_answers_state_the_density_of_the_study(snapshot):
    density = {row["study"]: row["density"] for row in lines(snapshot / "studies.jsonl")}
    rows = lines(snapshot / "sft.jsonl")
    stated = [read_facts(row["answer"]).density for row in rows]
    assert sum(found is not None for found in stated) >= 0.4 * len(rows)
    assert all(found in (None, density[row["study"]]) for row, found in zip(rows, stated, strict=True))


def test_a_snapshot_is_never_written_over_another(snapshot):
    with pytest.raises(FileExistsError, match="choose another folder"):
        write_phantom_snapshot(snapshot, studies=40, seed=4)


def test_too_few_studies_to_split_are_refused(tmp_path):
    with pytest.raises(ValueError, match="10 is the least"):
        write_phantom_snapshot(tmp_path / "small", studies=5, seed=1)
    assert not list(tmp_path.iterdir())
