"""Differences against a margin, as an analysis prints them."""

import math
from typing import Any

from evaluation.analyses.results import limits
from evaluation.statistics.equivalence import MarginTest, equivalence, non_inferiority
from evaluation.statistics.results import Contrast, turned


def margin_tests(contrast: Contrast, margin: float | None, *, level: float = 0.95) -> dict[str, Any]:
    """Non-inferiority of the first to the second and equivalence of both; nothing without a margin.

    Args:
        margin: in units of the difference.
        level: of intervals; non-inferiority is tested one-sided at half of what it leaves, equivalence by two
            one-sided tests at all of it.
    """
    if margin is None:
        return {}
    alpha = 1 - level
    tests = (
        non_inferiority(contrast.estimate, margin, alpha=alpha / 2),
        equivalence(contrast.estimate, margin, alpha=alpha),
    )
    return {test.hypothesis: _test(test) for test in tests}


def margin_tests_both_ways(
    contrast: Contrast, margin: float | None, *, level: float = 0.95
) -> dict[str, Any]:
    """The same, with the non-inferiority of the second to the first too (modalities stand in no planned order)."""
    if margin is None:
        return {}
    other = non_inferiority(turned(contrast).estimate, margin, alpha=(1 - level) / 2)
    return margin_tests(contrast, margin, level=level) | {"non_inferiority_of_second": _test(other)}


def margin_lines(where: str, contrast: Contrast, margin: float | None, *, level: float = 0.95) -> list[str]:
    """The same in words for a terminal."""
    lines = []
    for first, second, tests in (
        (contrast.first, contrast.second, margin_tests(contrast, margin, level=level)),
        (contrast.second, contrast.first, margin_tests(turned(contrast), margin, level=level)),
    ):
        for name, test in tests.items():
            if name == "equivalence" and first != contrast.first:
                continue
            what = "equivalent to" if name == "equivalence" else "not inferior to"
            p = "no test" if test["p"] is None else f"p = {test['p']:.4g}"
            answer = "shown" if test["shown"] else "not shown"
            lines.append(f"{first} {what} {second}{where} within {test['margin']:g}: {p}, {answer}")
    return lines


def _test(test: MarginTest) -> dict[str, Any]:
    p = test.p if test.p is None or math.isfinite(test.p) else None
    return {"margin": test.margin, "p": p, "ci": limits(test.interval), "shown": test.is_shown}
