"""The compared classifiers: what each sees of a study, and the contrastive loss against its formula."""

import math

import pytest
import torch
from torch.nn import functional

from modeling.nn.checkpoint import load_classifier, save_checkpoint
from modeling.nn.classifiers import METHODS, PLACES, BreastClassifier, supervised_contrast

SIZE = (48, 38)


@pytest.fixture(scope="module", params=METHODS)
def model(request):
    torch.manual_seed(0)
    return BreastClassifier(request.param, encoder="test_resnet", image_size=SIZE, width=32).eval()


def batch(seed=0):
    """Two studies of four views; the left breast is judged."""
    images = torch.randint(
        0, 256, (2, 4, *SIZE), generator=torch.Generator().manual_seed(seed), dtype=torch.uint8
    )
    own = torch.tensor([[True, True, False, False]] * 2)
    return {
        "images": images, "view_mask": torch.ones(2, 4, dtype=torch.bool), "own": own,
        "places": torch.arange(4).expand(2, 4),
    }  # fmt: skip


@torch.no_grad()
def test_a_probability_per_breast_comes_out(model):
    logits = model(**batch())
    assert logits.shape == (2, 3 if model.method == "ensemble" else 1)
    chance = model.probability(logits)
    assert torch.allclose(chance, logits.sigmoid().mean(-1))


@torch.no_grad()
def test_mirai_and_the_case_member_read_the_other_breast_and_contrast_does_not(model):
    before, changed = batch(), batch()
    changed["images"] = changed["images"].clone()
    changed["images"][:, 2:] = 255 - changed["images"][:, 2:]
    moved = (model(**before) - model(**changed)).abs().max(0).values > 1e-6
    expected = {"mirai": [True], "contrastive": [False], "ensemble": [False, False, True]}
    assert moved.tolist() == expected[model.method]


@torch.no_grad()
def test_a_view_that_is_missing_changes_nothing_whatever_stands_in_its_place(model):
    given = batch()
    given["view_mask"] = torch.tensor([[True, True, True, False]] * 2)
    filled = {**given, "images": given["images"].clone()}
    filled["images"][:, 3] = 7
    assert torch.equal(model(**given), model(**filled))


@torch.no_grad()
def test_mirai_knows_which_view_is_which():
    torch.manual_seed(0)
    model = BreastClassifier("mirai", encoder="test_resnet", image_size=SIZE, width=32).eval()
    given = batch()
    renamed = {**given, "places": given["places"].flip(1)}
    assert not torch.allclose(model(**given), model(**renamed))
    assert len(PLACES) == 4


def test_a_saved_classifier_comes_back_exactly(model, tmp_path):
    save_checkpoint(tmp_path / "c", model, training={}, snapshot="")
    again = load_classifier(tmp_path / "c")
    with torch.no_grad():
        assert torch.equal(again(**batch()), model(**batch()))


def test_supervised_contrast_is_khoslas_equation_two():
    vectors = functional.normalize(torch.randn(5, 4, generator=torch.Generator().manual_seed(1)), dim=-1)
    labels = torch.tensor([0.0, 1.0, 0.0, 1.0, 1.0])
    total = []
    for i in range(5):
        others = [a for a in range(5) if a != i]
        partners = [p for p in others if labels[p] == labels[i]]
        scale = sum(math.exp(float(vectors[i] @ vectors[a]) / 0.1) for a in others)
        shares = [math.log(math.exp(float(vectors[i] @ vectors[p]) / 0.1) / scale) for p in partners]
        total.append(-sum(shares) / len(shares))
    found = supervised_contrast(vectors, labels, temperature=0.1)
    assert float(found) == pytest.approx(sum(total) / 5, rel=1e-5)


def test_a_batch_without_a_pair_costs_nothing_and_still_has_a_gradient():
    vectors = functional.normalize(torch.randn(2, 4), dim=-1).requires_grad_()
    found = supervised_contrast(vectors, torch.tensor([0.0, 1.0]), temperature=0.1)
    found.backward()
    assert float(found) == 0.0
    assert vectors.grad is not None


def test_a_breast_that_is_alone_in_its_batch_has_a_gradient_that_is_a_number():
    vectors = functional.normalize(torch.randn(1, 4), dim=-1).requires_grad_()
    supervised_contrast(vectors, torch.tensor([1.0]), temperature=0.1).backward()
    assert torch.equal(vectors.grad, torch.zeros(1, 4))


def test_an_unknown_method_is_refused_by_name():
    with pytest.raises(ValueError, match="mirai, contrastive, ensemble"):
        BreastClassifier("other", encoder="test_resnet", image_size=SIZE)
