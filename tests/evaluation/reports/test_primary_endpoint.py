"""The protocol's endpoint, alpha and adjustment are what its report and tables carry out."""

from typing import Any

import pytest
from scipy import stats

from evaluation.models import Protocol, Trial
from evaluation.reports.options import TableOptions
from evaluation.reports.plan import read_plan
from evaluation.reports.study.data import from_trial
from evaluation.reports.study.parts import Section
from evaluation.reports.study.sections import sections
from evaluation.reports.tables import build_table
from evaluation.services.freezing import design_hash
from evaluation.services.protocols import create_protocol, protocol_hash
from evaluation.services.scoring import lock_trial
from evaluation.services.unblinding import confirm_unblinding, request_unblinding
from evaluation.statistics.crossed import crossed_contrasts
from evaluation.statistics.results import Contrast
from mammo.accounts.models import User
from mammo.core.errors import UserError
from tests.evaluation import scene

PLANNED = {"endpoint": "helpfulness", "first": "Untuned model", "second": "MammoVLM"}


def reported(rita: User, author: User, raters: list[User], *, masked: bool = False, **protocol: Any) -> Trial:
    """A scored trial under this protocol, unblinded unless `masked`."""
    trial = scene.open_trial(rita, author, raters, protocol=protocol)
    scene.score_all(trial)
    lock_trial(trial, by_user=rita)
    if not masked:
        request_unblinding(trial, by_user=rita, reason="scoring is over")
        confirm_unblinding(trial, by_user=scene.person(trial.site, "Stan", "statistician"))
    return Trial.objects.get(pk=trial.pk)


def by_title(trial: Trial) -> dict[str, Section]:
    return {part.title: part for part in sections(from_trial(trial, simulated=False))}


def contrast_of(trial: Trial, first: str, second: str) -> Contrast:
    """The contrast of helpfulness from the rows, by the closed form."""
    cube = from_trial(trial, simulated=False).cubes()["helpfulness"]
    return next(c for c in crossed_contrasts(cube) if {c.first, c.second} == {first, second})


def t_limits(contrast: Contrast, alpha: float, sign: int = 1) -> str:
    value, se, df = sign * contrast.estimate.value, contrast.estimate.se, contrast.estimate.df
    assert se is not None
    half = stats.t.ppf(1 - alpha / 2, df) * se
    return f"{value:.2f} [{value - half:.2f}, {value + half:.2f}]"


def test_alpha_and_bonferroni_of_the_protocol_stand_in_the_report(
    rita: User, june: User, sena: User, sol: User
) -> None:
    trial = reported(
        *(rita, june, [sena, sol]),
        alpha=0.01,
        multiplicity="bonferroni",
        primary_endpoint=PLANNED | {"hypothesis": "superiority"},
    )
    parts = by_title(trial)
    primary = dict(parts["Primary endpoint"].grids[0].rows)
    contrast = contrast_of(trial, "MammoVLM", "Untuned model")
    assert primary["Contrast"] == "Untuned model − MammoVLM"
    assert primary["Difference [99% CI]"] == t_limits(contrast, 0.01, sign=-1)
    assert primary["p (two-sided)"] == f"{contrast.p:.3g}"
    assert primary["Aspect"] == "Helpfulness"
    grid = next(g for g in parts["Differences between arms (secondary)"].grids if g.caption == "Helpfulness")
    assert grid.header == ["Difference", "Estimate [99% CI]", "p", "p (Bonferroni)"]
    row = next(row for row in grid.rows if row[0] == "MammoVLM − Untuned model")
    assert row[1] == t_limits(contrast, 0.01)
    assert contrast.p is not None
    assert row[3] == f"{min(1.0, 3 * contrast.p):.3g}"
    # Unsafe answers stand there as on their own page, at 95 % whatever the protocol's alpha.
    written = str({title: part for title, part in parts.items() if title != "Unsafe answers"})
    assert "Holm" not in written
    assert "95% CI" not in written


def test_table_1_takes_the_level_of_the_protocol(rita: User, june: User, sena: User, sol: User) -> None:
    built = build_table(1, TableOptions(reported(rita, june, [sena, sol], alpha=0.01)))
    mean = built.rows[0].cells["helpfulness"].estimate
    assert mean is not None
    assert "Mean score [99% CI]" in built.caption
    assert mean.level == 0.99
    assert mean.se is not None
    assert mean.interval is not None
    half = stats.t.ppf(0.995, mean.df) * mean.se
    # Two raters: the interval is wider than the scale, at whose ends it is cut off.
    assert mean.interval == pytest.approx((max(1, mean.value - half), min(100, mean.value + half)))
    assert min(mean.value - 1, 100 - mean.value) < half


@pytest.mark.parametrize(
    ("hypothesis", "decides", "one_sided"),
    [("non_inferiority", 0.02, "p (one-sided at 0.01)"), ("equivalence", 0.04, "p (one-sided at 0.02)")],
)
def test_a_margin_is_tested_at_the_alpha_of_the_protocol(
    hypothesis: str, decides: float, one_sided: str, rita: User, june: User, sena: User, sol: User
) -> None:
    planned = PLANNED | {"hypothesis": hypothesis, "margin": 8.0}
    trial = reported(rita, june, [sena, sol], alpha=0.02, primary_endpoint=planned)
    primary = dict(by_title(trial)["Primary endpoint"].grids[0].rows)
    contrast = contrast_of(trial, "MammoVLM", "Untuned model")
    limits = t_limits(contrast, decides, sign=-1)
    assert primary[f"Interval that decides ({100 - 100 * decides:g}%)"] == limits[limits.index("[") :]
    assert one_sided in primary
    low, high = (float(part) for part in limits.partition("[")[2].strip("]").split(", "))
    holds = low > -8 and (hypothesis == "non_inferiority" or high < 8)
    assert primary["Shown"] == ("yes" if holds else "no")


def test_the_primary_pair_is_not_told_among_codes(rita: User, june: User, sena: User, sol: User) -> None:
    trial = reported(rita, june, [sena, sol], masked=True, primary_endpoint=PLANNED)
    part = by_title(trial)["Primary endpoint"]
    assert part.grids == []
    assert "after unblinding" in part.paragraphs[-1]


def test_a_contrast_that_the_trial_has_not_is_told(rita: User, june: User, sena: User, sol: User) -> None:
    trial = reported(rita, june, [sena, sol], primary_endpoint=PLANNED)
    # Trials that an earlier version froze may name an arm that is not there.
    protocol = trial.protocol
    protocol.primary_endpoint = PLANNED | {"second": "Nobody"}
    protocol.frozen_sha256 = protocol_hash(protocol)
    protocol.save()
    trial = Trial.objects.get(pk=trial.pk)
    Trial.objects.filter(pk=trial.pk).update(design_sha256=design_hash(trial))
    trial.refresh_from_db()
    part = by_title(trial)["Primary endpoint"]
    assert part.grids == []
    assert "Untuned model − Nobody" in part.paragraphs[-1]


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"primary_endpoint": {"aspect": "correctness"}}, "unknown key aspect; known: endpoint, first"),
        ({"primary_endpoint": PLANNED | {"hypothesis": "difference"}}, "hypothesis difference; known: super"),
        (
            {"primary_endpoint": PLANNED | {"hypothesis": "equivalence"}},
            "Equivalence needs a margin, a number above",
        ),
        ({"primary_endpoint": PLANNED | {"second": ""}}, "two different arms"),
        ({"multiplicity": "tukey"}, "multiplicity: tukey; known: holm, bonferroni, none"),
    ],
)
def test_a_plan_that_no_report_could_carry_out_is_refused(
    fields: dict[str, Any], told: str, rita: User
) -> None:
    site = rita.sites_as("researcher").get()
    with pytest.raises(UserError, match=told):
        create_protocol("Odd", site=site, by_user=rita, **fields)
    assert not Protocol.objects.exists()


def test_a_protocol_of_an_earlier_version_is_read_as_far_as_it_goes() -> None:
    plan = read_plan({"alpha": 0.1, "multiplicity": "Tukey", "primary_endpoint": {"aspect": "correctness"}})
    assert (plan.level_name, plan.adjustment, plan.endpoint) == ("90%", "holm", None)
    assert "“tukey” is none of holm" in plan.notes[0]
    assert "unknown key aspect" in plan.notes[1]


def test_the_demo_plans_a_contrast_of_arms_that_it_has() -> None:
    """The demo's own protocol, read from its source: pages and reports take the same keys."""
    from evaluation.endpoint import read_endpoint
    from mammo.demo.story.trials import ENDPOINT, SYSTEMS

    endpoint = read_endpoint(ENDPOINT)
    assert endpoint is not None
    assert {endpoint.first, endpoint.second} <= set(SYSTEMS)


def test_the_demos_readers_compare_conditions_that_every_study_has() -> None:
    from evaluation.endpoint import read_endpoint
    from evaluation.services.reader_studies import ALONE, ASSISTED
    from mammo.demo.story.readers import ENDPOINT

    endpoint = read_endpoint(ENDPOINT)
    assert endpoint is not None
    assert {endpoint.first, endpoint.second} == {ALONE, ASSISTED}
