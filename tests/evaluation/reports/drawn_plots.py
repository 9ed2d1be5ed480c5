"""Every plot of the reports from fixed numbers; as a program it prints the hash of each as SVG, PDF and PNG.

`python -m tests.evaluation.reports.drawn_plots`: another process, under another seed of hashes, must print the same.
"""

import hashlib
import json
from collections.abc import Callable

import numpy as np
from matplotlib.figure import Figure

from evaluation.reports.figures import plots
from evaluation.reports.figures.canvas import FORMATS, to_bytes
from evaluation.reports.figures.flow import FlowStep, flow_diagram
from evaluation.statistics import delong
from evaluation.statistics.bland_altman import bland_altman
from evaluation.statistics.calibration import calibration
from evaluation.statistics.results import Contrast, Estimate
from evaluation.statistics.score_cube import ScoreCube

STEPS = (FlowStep("questions", 9), FlowStep("left out", 2, is_left_out=True), FlowStep("analysed", 7))


def every_plot() -> dict[str, Callable[[], Figure]]:
    """How each plot is drawn, by name; a call draws it anew."""
    rng = np.random.default_rng(3)
    truth = rng.random(60) < 0.5
    score = truth + rng.normal(0, 1, 60)
    chance = 1 / (1 + np.exp(-score))
    second = np.round(score * 10 + rng.normal(0, 2, 60))
    contrast = Contrast("a", "b", Estimate(1.0, (-1.0, 3.0), "t"))
    values = np.round(rng.normal(70, 10, (3, 8, 2)))
    cube = ScoreCube(values, ("R01", "R02", "R03"), tuple(f"Q{n}" for n in range(8)), ("a", "b"))
    means = {name: [Estimate(float(m), None, "") for m in rng.normal(70, 9, 4)] for name in ("a", "b")}
    aspects = ["Correctness", "Rationality", "Helpfulness", "Completeness"]
    return {
        "forest": lambda: plots.forest([contrast], margin=2.0),
        "roc": lambda: plots.roc_curves(
            {"ai": (truth, score)}, areas={"ai": delong.auc(truth, score)}, points={"R01": (0.8, 0.6)}
        ),
        "calibration": lambda: plots.calibration_plot(calibration(truth, chance)),
        "repeats": lambda: plots.repeats(score * 10, second, bland_altman(score * 10, second)),
        "distributions": lambda: plots.distributions(cube, {}, low=0, high=100),
        "agreement": lambda: plots.agreement_map(cube),
        "radar": lambda: plots.radar(means, aspects, low=0, high=100),
        "dots": lambda: plots.dots([("a", 0.7, (0.6, 0.8)), ("b", 0.5, None)], axis="share"),
        "flow": lambda: flow_diagram(STEPS),
    }


def hashes() -> dict[str, str]:
    """SHA-256 of each plot in each format."""
    return {
        f"{name}.{kind}": hashlib.sha256(to_bytes(draw(), kind)).hexdigest()
        for name, draw in every_plot().items()
        for kind in FORMATS
    }


if __name__ == "__main__":
    print(json.dumps(hashes()))
