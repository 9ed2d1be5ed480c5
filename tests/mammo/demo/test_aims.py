"""Each figure of the demo is told with its aim and whether it reaches it; a miss is never left out."""

import json
from typing import Any

import pytest

from mammo.demo.story.aims import AIMS, judged, said_of

# Figures that reach every aim, none by much.
REACHED: dict[str, Any] = {
    "selector_macro_auc": 0.95,
    "umicon_auc": 0.7,
    "umicon_auc_fused": 0.8,
    "umicon_auc_report": 0.82,
    "collapse_default": False,
    "collapse_none": True,
    "density_right": 0.8,
    "follows_swap": 0.8,
}
BELOW: dict[str, Any] = {
    "selector_macro_auc": 0.9499,
    "umicon_auc": 0.6999,
    "umicon_auc_fused": 0.7999,
    "collapse_default": True,
    "collapse_none": False,
    "density_right": 0.7999,
    "follows_swap": 0.7999,
}


def told(**changed: Any) -> tuple[dict[str, Any], list[str]]:
    """Figures with their aims as summary.json has them, and the lines of the terminal."""
    figures = {**REACHED, "intervals": {"umicon_auc": [0.6, 0.8]}, "seed": 7, "quick": False, **changed}
    figures = {name: value for name, value in figures.items() if value is not ...}
    figures["aims"] = judged(figures)
    return json.loads(json.dumps(figures))["aims"], said_of(figures)


def line_of(lines: list[str], name: str) -> str:
    (line,) = [line for line in lines if line.split()[0] == name]
    return line


def test_figures_at_their_limits_meet_every_aim() -> None:
    aims, lines = told()
    assert {name: aim["met"] for name, aim in aims.items()} == dict.fromkeys(AIMS, True)
    assert len(AIMS) == 7
    assert line_of(lines, "selector_macro_auc").endswith(" aim at least 0.95: met")
    assert (
        line_of(lines, "umicon_auc") == "umicon_auc             0.700 [0.600, 0.800]   aim at least 0.70: met"
    )
    assert line_of(lines, "umicon_auc_fused").endswith(" aim at least umicon_auc_report - 0.02: met")
    assert line_of(lines, "collapse_default").endswith(" aim False: met")
    assert line_of(lines, "collapse_none").endswith(" aim True: met")
    assert line_of(lines, "umicon_auc_report") == "umicon_auc_report      0.820"
    assert line_of(lines, "seed") == "seed                   7"
    assert lines[-1] == "7 of 7 aims met."


@pytest.mark.parametrize("name", AIMS)
def test_a_figure_that_misses_its_aim_says_so_and_the_others_do_not(name: str) -> None:
    aims, lines = told(**{name: BELOW[name]})
    assert {other for other, aim in aims.items() if aim["met"] is not True} == {name}
    assert aims[name]["met"] is False
    assert line_of(lines, name).endswith(": MISSED")
    assert sum("MISSED" in line for line in lines) == 1
    assert lines[-1] == "6 of 7 aims met."


@pytest.mark.parametrize("missing", [None, ..., float("nan")])
@pytest.mark.parametrize("name", AIMS)
def test_a_figure_that_was_not_measured_is_neither_met_nor_missed(name: str, missing: Any) -> None:
    aims, lines = told(**{name: missing})
    assert aims[name]["met"] is None
    assert aims[name]["aim"]
    assert line_of(lines, name).endswith(": not measured")
    assert lines[-1] == "6 of 7 aims met."


def test_fusing_is_not_judged_where_the_report_alone_was_not_measured() -> None:
    aims, lines = told(umicon_auc_report=None)
    assert aims["umicon_auc_fused"]["met"] is None
    assert line_of(lines, "umicon_auc_fused").startswith("umicon_auc_fused       0.800 ")


def test_a_quick_run_says_why_its_figures_are_low() -> None:
    _, lines = told(quick=True, umicon_auc=0.5)
    assert lines[-2] == "6 of 7 aims met."
    assert "one epoch per stage" in lines[-1]
