"""A study report as sections of plain parts; renderers make HTML and PDF of them."""

from collections.abc import Sequence

import numpy as np
from django.utils import translation
from django.utils.translation import get_language, gettext_noop
from django.utils.translation import gettext as _

from evaluation.reports.authors import author_notes
from evaluation.reports.figures.canvas import families, to_bytes
from evaluation.reports.figures.flow import FlowStep, flow_diagram
from evaluation.reports.figures.plots import agreement_map, distributions, forest, radar, repeats
from evaluation.reports.plan import AnalysisPlan, read_plan
from evaluation.reports.study.controls import control_section
from evaluation.reports.study.data import LEFT_OUT, StudyData
from evaluation.reports.study.parts import Grid, Picture, Section, p_text, shown
from evaluation.reports.study.primary import hypothesis_name, primary_endpoint
from evaluation.reports.study.sensitivity import adjusted_p, sensitivity_analyses, trained_raters_section
from evaluation.reports.versions import versions
from evaluation.reports.wording import in_words, sentences
from evaluation.statistics.bland_altman import bland_altman
from evaluation.statistics.equivalence import equivalence, non_inferiority
from evaluation.statistics.power import HYPOTHESES
from evaluation.statistics.results import Contrast
from evaluation.statistics.score_analysis import AspectAnalysis, analyse_aspect
from evaluation.statistics.score_cube import ScoreCube
from evaluation.statistics.score_sensitivity import (
    agreement_within,
)
from mammo.core.errors import UserError


def report_title(data: StudyData) -> str:
    """Title of the report; says where nothing in it is a result."""
    title = _("Study report: %(trial)s") % {"trial": data.facts["trial"]}
    if any(int(row["simulated"]) for row in data.scores):
        title += " " + _("(simulated scores: not a result)")
    return title


def sections(data: StudyData) -> list[Section]:
    """All sections of the report.

    Raises:
        UserError: there is no score.
    """
    cubes = data.cubes()
    if not cubes:
        raise UserError(_("the study holds no scores; simulated ones count with --simulated"))
    seed = int(data.facts["seed"]) % (2**32)
    plan = read_plan(data.facts)
    analyses = {
        key: analyse_aspect(cube, level=plan.level, seed=seed, cross_check=True, adjustment=plan.adjustment)
        for key, cube in cubes.items()
    }
    return [
        _design(data),
        _flow(data),
        primary_endpoint(data, plan, analyses),
        _means(data, plan, cubes, analyses),
        _differences(data, plan, analyses),
        _agreement(data, cubes, analyses),
        control_section(data),
        sensitivity_analyses(data, plan, cubes, seed),
        *trained_raters_section(data, plan, cubes, analyses, seed),
        _methods(data, plan, analyses),
    ]


def _design(data: StudyData) -> Section:
    facts = data.facts
    names = (
        ("protocol", _("Protocol")),
        ("ethics_approval", _("Ethics approval")),
        ("registry_number", _("Registry number")),
        ("raters", _("Raters")),
        ("questions", _("Questions")),
        ("patients", _("Patients")),
        ("scale", _("Scale")),
        ("order", _("Order of the answers")),
        ("report_shown", _("Report shown to raters")),
        ("primary_endpoint", _("Primary endpoint")),
        ("alpha", _("Alpha")),
        ("multiplicity", _("Multiplicity")),
        ("analysis_plan", _("Analysis plan")),
        ("design_sha256", _("Hash of the frozen design")),
        ("protocol_sha256", _("Hash of the frozen protocol")),
    )
    facts = facts | {"primary_endpoint": _endpoint(facts.get("primary_endpoint"))}
    rows = [[label, _fact(facts.get(key))] for key, label in names]
    if facts.get("dialogues"):
        said = _("%(count)s, every turn answered by each arm and the whole scored") % {
            "count": facts["dialogues"]
        }
        rows.insert(5, [_("Dialogues among the questions"), said])
    rows.append([_("Arms"), ", ".join(arm["label"] for arm in data.arms)])
    rows.append([_("Aspects"), ", ".join(aspect["name"] for aspect in data.aspects)])
    grids = [Grid(_("Design, as frozen before the first judgement"), [_("Item"), _("Value")], rows)]
    if data.events:
        events = [
            [e["time"], event_name(e["kind"]), e["reason"] or "–", e["sha256"][:16] or "–"]
            for e in data.events
        ]
        header = [_("Time (UTC)"), _("Event"), _("Reason"), _("Hash")]
        grids.append(Grid(_("What happened, with amendments and deviations"), header, events))
    return Section(_("Design"), grids=grids)


EVENTS = {
    "frozen": gettext_noop("design frozen"),
    "opened": gettext_noop("scoring opened"),
    "locked": gettext_noop("scores locked"),
    "unblind_requested": gettext_noop("unblinding requested"),
    "unblinded": gettext_noop("unblinded"),
    "amended": gettext_noop("amended"),
}


def event_name(kind: str) -> str:
    """An event of a trial as printed."""
    return _(EVENTS[kind]) if kind in EVENTS else kind


def _endpoint(value: object) -> dict[str, object] | object:
    """The endpoint with the names of its parts and of its hypothesis."""
    if not isinstance(value, dict):
        return value
    names = {
        "endpoint": _("Aspect"),
        "first": _("first arm"),
        "second": _("second arm"),
        "hypothesis": _("Hypothesis"),
        "margin": _("Margin"),
    }
    kinds = {name: hypothesis_name(name) for name in HYPOTHESES}
    return {names.get(key, key): kinds.get(str(item), item) for key, item in value.items()}


def _fact(value: object) -> str:
    if value in ("", None, {}, []):
        return _("not given")
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if isinstance(value, list):
        return " – ".join(map(str, value))
    if isinstance(value, dict):
        return "; ".join(f"{key}: {item}" for key, item in value.items())
    return str(value)


def flow_steps(data: StudyData) -> list[FlowStep]:
    """Boxes of the diagram; where nothing was left out there is no box."""
    steps = [
        FlowStep(_(str(step["what"])), int(step["count"]), str(step["what"]) in LEFT_OUT)
        for step in data.flow
    ]
    return [step for step in steps if step.count or not step.is_left_out]


def _flow(data: StudyData) -> Section:
    rows = [[_(str(step["what"])), str(step["count"])] for step in data.flow]
    # Where no font has Chinese letters, a figure can't show them.
    with translation.override(get_language() if len(families()) > 1 else "en"):
        figure = flow_diagram(flow_steps(data))
    return Section(
        _("Flow of questions, answers and scores"),
        grids=[Grid(_("From the design to the analysis"), [_("Step"), _("Count")], rows)],
        pictures=[_picture("flow", _("Flow from the design to the analysis."), figure)],
    )


def _picture(name: str, caption: str, figure: object) -> Picture:
    return Picture(name, caption, to_bytes(figure, "svg"), to_bytes(figure, "png"))  # type: ignore[arg-type]


def _means(
    data: StudyData,
    plan: AnalysisPlan,
    cubes: dict[str, ScoreCube],
    analyses: dict[str, AspectAnalysis],
) -> Section:
    names = [data.aspect_name(key) for key in analyses]
    arms = [arm["label"] for arm in data.arms]
    rows = [
        [arm, *(shown(found.means[found.systems.index(arm)]) for found in analyses.values())] for arm in arms
    ]
    low, high = (float(limit) for limit in data.facts["scale"])
    pictures = []
    if len(names) > 2:
        means = {arm: [f.means[f.systems.index(arm)] for f in analyses.values()] for arm in arms}
        pictures.append(
            _picture("radar", _("Mean scores by aspect."), radar(means, names, low=low, high=high))
        )
    first = next(iter(cubes))
    pictures.append(
        _picture(
            "distributions",
            _("Scores of every arm, %(aspect)s.") % {"aspect": data.aspect_name(first)},
            distributions(cubes[first], {}, low=low, high=high),
        )
    )
    caption = _("Mean score [%(level)s CI] by arm and aspect; %(n)s scores.") % {
        "level": plan.level_name,
        "n": len(data.scores),
    }
    return Section(_("Mean scores"), [], [Grid(caption, [_("Arm"), *names], rows)], pictures)


def _differences(data: StudyData, plan: AnalysisPlan, analyses: dict[str, AspectAnalysis]) -> Section:
    margin = plan.endpoint.margin if plan.endpoint is not None else None
    grids, pictures = [], []
    for key, found in analyses.items():
        if not found.contrasts:
            continue
        estimate = _("Estimate [%(level)s CI]") % {"level": plan.level_name}
        header = [_("Difference"), estimate, _("p"), adjusted_p(plan)]
        rows = [_contrast_row(c) for c in found.contrasts]
        if margin is not None:
            header += [_("not inferior (p)"), _("equivalent (p)")]
            rows = [
                row + _margin_cells(c, margin, plan.alpha)
                for row, c in zip(rows, found.contrasts, strict=True)
            ]
        grids.append(Grid(data.aspect_name(key), header, rows))
        caption = _("Differences of the arms, %(aspect)s.") % {"aspect": data.aspect_name(key)}
        pictures.append(_picture(f"forest_{key}", caption, forest(found.contrasts, margin=margin)))
    texts = [
        _("Raters and questions (patients) are both random: differences hold for others like them."),
        _(
            "Secondary: every pair of arms in every aspect, p values adjusted within an aspect (%(adjustment)s)."
        )
        % {"adjustment": plan.adjustment_name},
    ]
    texts += author_notes(data.facts.get("authors") or {})
    return Section(_("Differences between arms (secondary)"), texts, grids, pictures)


def _contrast_row(contrast: Contrast) -> list[str]:
    return [
        f"{contrast.first} − {contrast.second}",
        shown(contrast.estimate, 2),
        p_text(contrast.p),
        p_text(contrast.p_adjusted),
    ]


def _margin_cells(contrast: Contrast, margin: float, alpha: float) -> list[str]:
    tests = (
        non_inferiority(contrast.estimate, margin, alpha=alpha / 2),
        equivalence(contrast.estimate, margin, alpha=alpha),
    )
    return [f"{_('yes') if test.is_shown else _('no')} ({p_text(test.p)})" for test in tests]


def _agreement(data: StudyData, cubes: dict[str, ScoreCube], analyses: dict[str, AspectAnalysis]) -> Section:
    header = [_("Aspect"), "ICC(A,1)", "ICC(A,k)", "alpha", _("ICC(A,1) within arms")]
    rows = []
    for key, found in analyses.items():
        within = [arm.icc_a1.value for arm in agreement_within(cubes[key]) if arm.icc_a1 is not None]
        mean = f"{np.mean(within):.2f}" if within else "–"
        rows.append(
            [data.aspect_name(key), *(shown(e, 2) for e in (found.icc_a1, found.icc_ak, found.alpha)), mean]
        )
    first = next(iter(cubes))
    pictures = [_picture("agreement", _("Correlation of every two raters."), agreement_map(cubes[first]))]
    paragraphs = [
        _("Agreement over all arms is inflated by differences between arms; within arms it is not.")
    ]
    if len(data.repeats) > 1:
        first_scores, second_scores = (
            np.array([float(row[name]) for row in data.repeats]) for name in ("first", "second")
        )
        limits = bland_altman(first_scores, second_scores)
        pictures.append(
            _picture(
                "repeats",
                _("Hidden repeats: difference against mean."),
                repeats(first_scores, second_scores, limits),
            )
        )
        paragraphs.append(
            _("%(n)s hidden repeats: mean difference %(bias)s, repeatability %(r).1f points.")
            % {"n": len(first_scores), "bias": shown(limits.bias), "r": limits.repeatability}
        )
    return Section(_("Agreement of the raters"), paragraphs, [Grid(_("Agreement"), header, rows)], pictures)


def _methods(data: StudyData, plan: AnalysisPlan, analyses: dict[str, AspectAnalysis]) -> Section:
    methods = {in_words(mean.method): None for found in analyses.values() for mean in found.means}
    notes = {note: None for found in analyses.values() for note in found.notes}
    lines: Sequence[str] = [
        _(
            "Means and differences: %(methods)s. Two-sided %(level)s intervals; adjustment of secondary p values "
            "within an aspect: %(adjustment)s."
        )
        % {
            "methods": "; ".join(methods),
            "level": plan.level_name,
            "adjustment": plan.adjustment_name,
        },
        *sentences(notes),
        _("Data: scores.csv, sha256 %(hash)s. Software: %(software)s.")
        % {"hash": data.sha256, "software": data.facts["software"]},
        _("The same report comes from the exported folder on another machine: study_report --from FOLDER."),
        _("Research software under an approved protocol; not a medical device."),
    ]
    return Section(_("Methods, versions and hashes"), list(lines), [_versions(data)])


def _versions(data: StudyData) -> Grid:
    """Versions of where the rows were read, and of here where they differ."""
    there, here = dict(data.facts.get("versions") or {}), versions()
    rows = [[name, str(there.get(name, "–")), version] for name, version in here.items()]
    if there == here:
        return Grid(_("Versions"), [_("Software"), _("Version")], [row[:2] for row in rows])
    header = [_("Software"), _("where the rows were read"), _("where this report was computed")]
    return Grid(_("Versions"), header, rows)
