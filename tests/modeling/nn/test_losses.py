"""The UMiCon losses against the formulas written out pair by pair."""

import numpy as np
import pytest
import torch
from torch.nn import functional

from modeling.nn.classifiers import supervised_contrast
from modeling.nn.losses import contrastive_loss, label_loss, matching_loss, pair_distances


def pairwise(first, second, kind, margin):
    """Hadsell 2006, one pair at a time; kind(i, j) is "same", "different" or None."""
    positives, negatives = [], []
    for i in range(len(first)):
        for j in range(len(second)):
            distance = float(np.sqrt(((first[i] - second[j]) ** 2).sum()))
            if kind(i, j) == "same":
                positives.append(distance**2)
            elif kind(i, j) == "different":
                negatives.append(max(0.0, margin - distance) ** 2)
    return (np.mean(positives) if positives else 0.0) + (np.mean(negatives) if negatives else 0.0)


@pytest.fixture
def vectors():
    rng = np.random.default_rng(3)
    return rng.normal(0, 0.3, (5, 8)), rng.normal(0, 0.3, (5, 8))


PATIENTS = np.array([0, 0, 1, 2, 3])


def as_tensors(*arrays):
    return [torch.tensor(array) for array in arrays]


def test_matching_loss_repels_other_patients_and_leaves_other_views_of_the_same_patient_out(vectors):
    first, second = vectors

    def kind(i, j):
        if i == j:
            return "same"
        return None if PATIENTS[i] == PATIENTS[j] else "different"

    expected = pairwise(first, second, kind, 1.0)
    found = matching_loss(*as_tensors(first, second, PATIENTS), negatives=True, margin=1.0)
    assert float(found) == pytest.approx(expected, rel=1e-9)


def test_matching_loss_without_negatives_is_the_mean_squared_distance_of_the_pairs(vectors):
    first, second = vectors
    expected = ((first - second) ** 2).sum(1).mean()
    found = matching_loss(*as_tensors(first, second, PATIENTS), negatives=False)
    assert float(found) == pytest.approx(expected, rel=1e-9)


def test_label_loss_follows_the_label_and_skips_pairs_of_one_patient(vectors):
    fused = np.stack(vectors, 1)
    labels = np.array([1.0, 0.0, 1.0, 0.0, 0.0])
    rows = fused.reshape(5, -1) / np.sqrt(16)

    def kind(i, j):
        if PATIENTS[i] == PATIENTS[j]:
            return None
        return "same" if labels[i] == labels[j] else "different"

    expected = pairwise(rows, rows, kind, 0.7)
    found = label_loss(*as_tensors(fused, labels, PATIENTS), margin=0.7)
    assert float(found) == pytest.approx(expected, rel=1e-9)


def test_a_different_pair_beyond_the_margin_costs_nothing():
    distances = torch.tensor([[1.5, 0.4]])
    none_same = torch.zeros(1, 2, dtype=torch.bool)
    loss = contrastive_loss(distances, none_same, ~none_same, margin=1.0)
    assert float(loss) == pytest.approx((0.6**2) / 2, rel=1e-6)


def test_label_loss_of_a_single_patient_is_zero_and_still_has_a_gradient():
    fused = torch.randn(2, 2, 4, requires_grad=True)
    loss = label_loss(fused, torch.tensor([0.0, 1.0]), torch.tensor([7, 7]))
    loss.backward()
    assert loss.item() == 0
    assert torch.isfinite(fused.grad).all()


def test_equal_vectors_have_a_finite_gradient():
    vector = torch.ones(2, 3, requires_grad=True)
    pair_distances(vector, vector).sum().backward()
    assert torch.isfinite(vector.grad).all()


def _losses(first, second, patients):
    """Every loss that looks at other ranks' rows; labels make pairs unequally many on each rank."""
    labels = (patients % 2).to(first)
    unit = functional.normalize(first, dim=-1)
    return [
        matching_loss(first, second, patients, negatives=True),
        matching_loss(first, second, patients, negatives=False),
        label_loss(torch.stack([first, second], 1), labels, patients),
        supervised_contrast(unit, labels, temperature=0.1),
    ]


def _ranks(rank, folder, first, second, patients, rows):
    torch.distributed.init_process_group(
        "gloo", init_method=f"file://{folder}/rendezvous", rank=rank, world_size=2
    )
    mine = [each[rows[rank]].clone().requires_grad_() for each in (first, second)]
    found = []
    for loss in _losses(*mine, patients[rows[rank]]):
        found.append((loss.detach(), *torch.autograd.grad(loss, mine, allow_unused=True)))
    torch.save(found, f"{folder}/{rank}.pt")
    torch.distributed.destroy_process_group()


@pytest.mark.parametrize("mine", [2, 3], ids=["equally many rows", "a view missing on one rank"])
def test_two_ranks_losses_and_gradients_average_to_those_of_one_process(tmp_path, mine):
    torch.manual_seed(0)
    count = mine + 2
    first, second = (torch.randn(count, 8, dtype=torch.float64) * 0.2 for _ in range(2))
    patients = torch.tensor([0, 1, 1, 2, 4][:count])
    rows = [slice(0, mine), slice(mine, count)]
    torch.multiprocessing.start_processes(
        _ranks, (str(tmp_path), first, second, patients, rows), nprocs=2, start_method="fork"
    )
    both = [torch.load(tmp_path / f"{rank}.pt") for rank in range(2)]
    whole = [each.clone().requires_grad_() for each in (first, second)]
    for number, loss in enumerate(_losses(*whole, patients)):
        of_ranks = [found[number] for found in both]
        assert float(sum(found[0] for found in of_ranks) / 2) == pytest.approx(float(loss), rel=1e-9)
        expected = torch.autograd.grad(loss, whole, allow_unused=True)
        for place, gradient in enumerate(expected, start=1):
            if gradient is not None:
                parts = torch.cat([found[place] for found in of_ranks])
                assert torch.allclose(parts / 2, gradient, rtol=1e-9, atol=1e-12)
