"""Figures of a trial are those of its report: the protocol's level, margin and authors."""

from typing import Any

import pytest
from matplotlib.figure import Figure

from evaluation.models import Answer, Trial
from evaluation.reports.figures import from_rows, plots
from evaluation.reports.figures.canvas import to_bytes
from evaluation.reports.figures.from_rows import build_figure
from evaluation.reports.options import TableOptions
from evaluation.reports.study.data import from_trial
from evaluation.reports.study.parts import p_text, shown
from evaluation.reports.study.sections import sections
from evaluation.services.freezing import design_hash
from evaluation.services.scoring import lock_trial
from evaluation.services.unblinding import confirm_unblinding, request_unblinding
from evaluation.statistics.authors import METHOD
from evaluation.statistics.results import Contrast
from mammo.accounts.models import User
from tests.evaluation import scene

ENDPOINT = {
    "endpoint": "helpfulness",
    "first": "MammoVLM",
    "second": "Junior doctor",
    "hypothesis": "non_inferiority",
    "margin": 4,
}


@pytest.fixture
def planned(rita: User, june: User, sena: User, sol: User, stan: User) -> Trial:
    """Unblinded, alpha 1 %, a margin of four points, and two doctors who wrote the human arm."""
    protocol = {"alpha": 0.01, "multiplicity": "bonferroni", "primary_endpoint": ENDPOINT}
    trial = scene.open_trial(rita, june, [sena, sol], protocol=protocol)
    second = scene.person(trial.site, "Jill", "junior")
    answers = Answer.objects.filter(arm__trial=trial, arm__kind="human").order_by("question__position")
    Answer.objects.filter(pk__in=[answer.pk for answer in answers[:4]]).update(author=second)
    Trial.objects.filter(pk=trial.pk).update(design_sha256=design_hash(Trial.objects.get(pk=trial.pk)))
    scene.score_all(trial)
    lock_trial(Trial.objects.get(pk=trial.pk), by_user=rita)
    request_unblinding(trial, by_user=rita, reason="scoring is over")
    return confirm_unblinding(trial, by_user=stan)


def test_the_forest_plot_shows_the_contrasts_of_the_report(
    planned: Trial, monkeypatch: pytest.MonkeyPatch
) -> None:
    part = next(
        part
        for part in sections(from_trial(planned, simulated=False))
        if part.title.startswith("Differences between arms")
    )
    drawn: list[tuple[list[Contrast], float | None]] = []
    real = plots.forest

    def remembered(contrasts: list[Contrast], *, margin: float | None = None, **more: Any) -> Figure:
        drawn.append((contrasts, margin))
        return real(contrasts, margin=margin, **more)

    monkeypatch.setattr(from_rows.plots, "forest", remembered)
    figure = build_figure("forest", TableOptions(planned), aspect="helpfulness")
    ((contrasts, margin),) = drawn
    assert margin == 4
    assert {contrast.estimate.level for contrast in contrasts} == {0.99}
    assert sum(contrast.estimate.method == METHOD for contrast in contrasts) == 2
    grid = next(grid for grid in part.grids if grid.caption == "Helpfulness")
    assert [row[:4] for row in grid.rows] == [
        [f"{c.first} − {c.second}", shown(c.estimate, 2), p_text(c.p), p_text(c.p_adjusted)]
        for c in contrasts
    ]
    picture = next(picture for picture in part.pictures if picture.name == "forest_helpfulness")
    assert to_bytes(figure, "svg") == picture.svg


def test_the_radar_plot_shows_the_means_of_the_report(planned: Trial) -> None:
    parts = sections(from_trial(planned, simulated=False))
    picture = next(picture for part in parts for picture in part.pictures if picture.name == "radar")
    assert to_bytes(build_figure("radar", TableOptions(planned)), "svg") == picture.svg


def test_the_primary_contrast_says_who_stands_behind_its_arm(planned: Trial) -> None:
    part = next(p for p in sections(from_trial(planned, simulated=False)) if p.title == "Primary endpoint")
    assert "Junior doctor: 2 authors, taken as random." in part.paragraphs
