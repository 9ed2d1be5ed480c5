"""The collapse monitor."""

import math

import pytest
import torch

from modeling.nn.collapse import Spread, is_collapsed, measure_spread


def test_spread_of_paired_vectors_is_measured_against_direct_formulas():
    torch.manual_seed(0)
    image = torch.randn(40, 8, dtype=torch.float64)
    spread = measure_spread(image, image + 0.01, candidates=20)
    direct = [float((image[i] - image[j]).norm()) for i in range(40) for j in range(40) if i != j]
    assert spread.distance == pytest.approx(sum(direct) / len(direct))
    assert spread.std == pytest.approx(float(image.std(0).mean()))
    assert spread.r_at_1 == 1.0
    assert spread.chance == pytest.approx(1 / 20)


def test_reports_are_looked_for_among_the_studies_that_have_one():
    torch.manual_seed(0)
    image = torch.randn(6, 8)
    report = image.clone()
    report[[1, 4]] = 0.0  # an empty text's vector
    spread = measure_spread(image, report, described=[0, 2, 3, 5])
    assert (spread.r_at_1, spread.chance, spread.studies) == (1.0, 0.25, 6)
    assert spread.std == measure_spread(image, image).std
    none = measure_spread(image, report, described=[2])
    assert math.isnan(none.r_at_1)
    assert math.isnan(none.chance)


def test_a_single_point_is_collapsed_although_its_reports_are_all_nearest():
    torch.manual_seed(0)
    start = measure_spread(torch.randn(60, 8), torch.randn(60, 8))
    now = measure_spread(torch.ones(60, 8), torch.ones(60, 8))
    assert now.r_at_1 == 0
    assert is_collapsed(start, now)


def test_a_small_space_is_collapsed_although_it_finds_its_reports():
    """Retrieval knows no scale: a hundredth of the spread ranks as the whole does."""
    torch.manual_seed(0)
    image = torch.randn(60, 8)
    start = measure_spread(image, torch.randn(60, 8))
    now = measure_spread(image * 0.01, image * 0.01)
    assert now.r_at_1 == 1.0
    assert is_collapsed(start, now)
    assert not is_collapsed(start, measure_spread(image * 0.11, image * 0.11))


def test_bad_retrieval_without_shrinking_is_not_collapse():
    torch.manual_seed(0)
    start = measure_spread(torch.randn(60, 8), torch.randn(60, 8))
    assert not is_collapsed(start, measure_spread(torch.randn(60, 8), torch.randn(60, 8)))


def test_the_literal_losses_own_figures_are_called_collapsed_and_the_defaults_are_not():
    """As measured on phantoms (docs/log.md): 1.4 % of the spread left, 8 of 72 reports found; 73 %, 5 of 72."""
    start = Spread(std=0.0696, distance=1.109, r_at_1=2 / 72, chance=2 / 72, studies=72)
    literal = Spread(std=0.0010, distance=0.016, r_at_1=8 / 72, chance=2 / 72, studies=72)
    default = Spread(std=0.73 * 0.0696, distance=0.73 * 1.109, r_at_1=5 / 72, chance=2 / 72, studies=72)
    assert is_collapsed(start, literal)
    assert not is_collapsed(start, default)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_vectors_that_are_no_numbers_are_collapsed(value):
    start = Spread(std=0.07, distance=1.1, r_at_1=0.1, chance=0.1, studies=10)
    assert is_collapsed(start, Spread(std=value, distance=1.1, r_at_1=0.1, chance=0.1, studies=10))
    assert is_collapsed(start, Spread(std=0.07, distance=value, r_at_1=0.1, chance=0.1, studies=10))


def test_one_study_has_no_spread():
    with pytest.raises(ValueError, match="at least 2"):
        measure_spread(torch.ones(1, 8), torch.ones(1, 8))
