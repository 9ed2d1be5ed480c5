"""A study report as sections of plain parts; renderers make HTML and PDF of them."""

from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any

import numpy as np
from django.utils import translation
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from evaluation import counted
from evaluation.aspects import file_name_of
from evaluation.endpoint import hypothesis_name
from evaluation.reports.authors import author_notes, fixed_author_notes
from evaluation.reports.figures.canvas import drawn_language
from evaluation.reports.figures.flow import FlowStep, flow_diagram
from evaluation.reports.figures.plots import agreement_map, distributions, forest, radar
from evaluation.reports.plan import AnalysisPlan, read_plan
from evaluation.reports.study.blinding import leak_section, unsafe_section
from evaluation.reports.study.compared import analysed, seed_of, with_authors
from evaluation.reports.study.controls import control_section
from evaluation.reports.study.data import StudyData
from evaluation.reports.study.parts import Grid, Picture, Section, p_text, shown
from evaluation.reports.study.planned import NOT_ALWAYS, planned_in_words, rules_in_words
from evaluation.reports.study.primary import primary_endpoint
from evaluation.reports.study.repeats import repeats_of
from evaluation.reports.study.sensitivity import (
    adjusted_p,
    failed_raters_section,
    sensitivity_analyses,
    trained_raters_section,
)
from evaluation.reports.study.steps import STEPS
from evaluation.reports.versions import versions
from evaluation.reports.wording import in_words, listed, sentences, unit_word
from evaluation.services.dealing import spacing_note
from evaluation.statistics.equivalence import equivalence, non_inferiority
from evaluation.statistics.power import HYPOTHESES
from evaluation.statistics.results import Contrast
from evaluation.statistics.score_analysis import ALPHA_REPLICATES, AspectAnalysis
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
    plan, seed = read_plan(data.facts), seed_of(data)
    cubes, analyses, compared = _analyses(data, plan)
    return [
        _design(data),
        _flow(data),
        primary_endpoint(data, plan, compared),
        _means(data, plan, cubes, analyses),
        _differences(data, plan, compared),
        _agreement(data, plan, cubes, analyses),
        *unsafe_section(data),
        *leak_section(data),
        control_section(data),
        *failed_raters_section(data, plan, cubes, analyses, seed),
        sensitivity_analyses(data, plan, cubes),
        *trained_raters_section(data, plan, cubes, analyses, seed),
        _methods(data, plan, analyses),
    ]


def results(data: StudyData) -> list[Section]:
    """What the report says of the primary endpoint, of means, differences and agreement, and how it was computed.

    Raises:
        UserError: there is no score.
    """
    plan = read_plan(data.facts)
    cubes, analyses, compared = _analyses(data, plan)
    return [
        primary_endpoint(data, plan, compared),
        _means(data, plan, cubes, analyses),
        _differences(data, plan, compared),
        _agreement(data, plan, cubes, analyses),
        _methods(data, plan, analyses),
    ]


Analyses = dict[str, AspectAnalysis]


def _analyses(data: StudyData, plan: AnalysisPlan) -> tuple[dict[str, ScoreCube], Analyses, Analyses]:
    """By aspect the scores, their analysis, and the analysis with authors as random in its contrasts.

    Raises:
        UserError: there is no score.
    """
    cubes = data.cubes()
    if not cubes:
        raise UserError(_("the study holds no scores; simulated ones count with --simulated"))
    analyses = {key: analysed(data, plan, cube, cross_check=True) for key, cube in cubes.items()}
    return cubes, analyses, {k: with_authors(data, plan, cubes[k], found) for k, found in analyses.items()}


def _shared(data: StudyData, shared: Mapping[str, Any]) -> str:
    """How many questions about a study, after the unblinding by arm."""
    said = _("%(count)s of %(total)s, about other images") % {
        "count": shared["questions"],
        "total": shared["of"],
    }
    arms = shared.get("arms") or {}
    named = "; ".join(f"{arm['label']}: {arms[arm['label']]}" for arm in data.arms if arm["label"] in arms)
    return f"{said} ({named})" if named else said


def _design(data: StudyData) -> Section:
    facts = data.facts
    names = (
        ("protocol", _("Protocol")),
        ("protocol_authors", _("Authors of the protocol")),
        ("ethics_approval", _("Ethics approval")),
        ("consent_basis", _("Consent basis")),
        ("registry_number", _("Registry number")),
        ("cohort", _("Cohort")),
        ("exclusions", _("Exclusions")),
        ("raters", _("Raters")),
        ("questions", _("Questions")),
        ("dialogues", _("Dialogues among the questions")),
        ("patients", _("Patients")),
        ("raters_per_answer", _("Raters per answer")),
        ("repeats", _("Hidden repeats per rater")),
        ("controls", _("Degraded controls per rater")),
        ("guesses", _("Guesses of the author per rater")),
        ("sittings", _("A sitting")),
        ("scale", _("Scale")),
        ("order", _("Order of the answers")),
        ("report_shown", _("Report shown to raters")),
        ("primary_endpoint", _("Primary endpoint")),
        ("alpha", _("Alpha")),
        ("multiplicity", _("Multiplicity")),
        ("analysis_plan", _("Analysis plan")),
        ("power", _("Power, as planned")),
        ("design_sha256", _("Hash of the frozen design")),
        ("protocol_sha256", _("Hash of the frozen protocol")),
    )
    facts = facts | planned_in_words(facts) | {"primary_endpoint": _endpoint(facts.get("primary_endpoint"))}
    rows = [[label, fact(facts.get(key))] for key, label in names if key in facts or key not in NOT_ALWAYS]
    if facts.get("earlier_shown"):
        rows.append(
            [_("Earlier study beside the present one"), _("shown to raters and to doctors who answer")]
        )
    if shared := facts.get("shared_wordings"):
        rows.append([_("Questions in words that an arm was trained on"), _shared(data, shared)])
    rows.append([_("Arms"), listed(arm["label"] for arm in data.arms)])
    if checkpoints := data.by_arm("checkpoints"):
        rows.append([_("Checkpoints"), "; ".join(f"{arm}: {said}" for arm, said in checkpoints.items())])
    rows.append([_("Aspects"), listed(data.aspect_name(aspect["key"]) for aspect in data.aspects)])
    grids = [Grid(_("Design, as frozen before the first judgement"), [_("Item"), _("Value")], rows)]
    if data.events:
        events = [
            [e["time"], event_name(e["kind"]), e["reason"] or "–", e["sha256"][:16] or "–"]
            for e in data.events
        ]
        header = [_("Time (UTC)"), _("Event"), _("Reason"), _("Hash")]
        grids.append(Grid(_("What happened, with amendments and deviations"), header, events))
    return Section(_("Design"), spacing_note(facts.get("spacing")), grids)


EVENTS = {
    "power": gettext_noop("power calculated"),
    "frozen": gettext_noop("design frozen"),
    "opened": gettext_noop("scoring opened"),
    "locked": gettext_noop("scores locked"),
    "unblind_requested": gettext_noop("unblinding requested"),
    "unblinded": gettext_noop("unblinded"),
    "amended": gettext_noop("amended"),
    "withdrawn": gettext_noop("a reader withdrew"),
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
    # In this order always: of an export the parts come in the order of their letters.
    keys = [*(key for key in names if key in value), *sorted(set(value) - set(names))]
    return {names.get(key, key): kinds.get(str(value[key]), value[key]) for key in keys}


def fact(value: object) -> str:
    """A value of the design as printed."""
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
        FlowStep(_(str(step["what"])), int(step["count"]), STEPS.get(str(step["what"]), False))
        for step in data.flow
    ]
    return [step for step in steps if step.count or not step.is_left_out]


def _flow(data: StudyData) -> Section:
    rows = [[_(str(step["what"])), str(step["count"])] for step in data.flow]
    with translation.override(drawn_language()):
        figure = flow_diagram(flow_steps(data))
    grids = [Grid(_("From the design to the analysis"), [_("Step"), _("Count")], rows)]
    left_out = data.facts.get("left_out_arms") or []
    if left_out:
        later = _("told after unblinding")
        reasons = [[arm["label"] or later, arm["reason"] or later] for arm in left_out]
        grids.append(Grid(_("Arms run and left out"), [_("Arm"), _("Reason")], reasons))
    return Section(
        _("Flow of questions, answers and scores"),
        grids=grids,
        pictures=[Picture("flow", _("Flow from the design to the analysis."), figure)],
    )


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
        with translation.override(drawn_language()):
            drawn = [data.aspect_name(key) for key in analyses]
        pictures.append(
            Picture("radar", _("Mean scores by aspect."), radar(means, drawn, low=low, high=high))
        )
    first = next(iter(cubes))
    pictures.append(
        Picture(
            "distributions",
            _("Scores of every arm, %(aspect)s.") % {"aspect": data.aspect_name(first)},
            distributions(cubes[first], {}, low=low, high=high),
        )
    )
    caption = _("Mean score [%(level)s CI] by arm and aspect; %(n)s.") % {
        "level": plan.level_name,
        "n": counted.scores(len(data.scores)),
    }
    texts = list(fixed_author_notes(data.by_arm("authors")))
    texts += sentences(dict.fromkeys(n for f in analyses.values() for mean in f.means for n in mean.notes))
    return Section(_("Mean scores"), texts, [Grid(caption, [_("Arm"), *names], rows)], pictures)


def _differences(data: StudyData, plan: AnalysisPlan, analyses: dict[str, AspectAnalysis]) -> Section:
    margin = plan.endpoint.margin if plan.endpoint is not None else None
    grids, pictures = [], []
    for place, (key, found) in enumerate(analyses.items(), start=1):
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
        name = f"forest_{file_name_of(key, place)}"
        pictures.append(Picture(name, caption, forest(found.contrasts, margin=margin)))
    texts = [
        _("Raters and questions (patients) are both random: differences hold for others like them."),
        _(
            "Secondary: every pair of arms in every aspect, p values adjusted within an aspect (%(adjustment)s)."
        )
        % {"adjustment": plan.adjustment_name},
    ]
    texts += author_notes(data.by_arm("authors"))
    texts += sentences(
        dict.fromkeys(n for f in analyses.values() for c in f.contrasts for n in c.estimate.notes)
    )
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


def _agreement(
    data: StudyData,
    plan: AnalysisPlan,
    cubes: dict[str, ScoreCube],
    analyses: dict[str, AspectAnalysis],
) -> Section:
    header = [_("Aspect"), "ICC(A,1)", "ICC(A,k)", "alpha", _("ICC(A,1) within arms")]
    rows, of_arms = [], []
    for key, found in analyses.items():
        arms = agreement_within(cubes[key], level=plan.level, seed=seed_of(data))
        within = [arm.icc_a1.value for arm in arms if arm.icc_a1 is not None]
        mean = f"{np.mean(within):.2f}" if within else "–"
        rows.append(
            [data.aspect_name(key), *(shown(e, 2) for e in (found.icc_a1, found.icc_ak, found.alpha)), mean]
        )
        of_arms.append([data.aspect_name(key), *(shown(arm.alpha, 2) for arm in arms)])
    first = next(iter(cubes))
    pictures = [Picture("agreement", _("Correlation of every two raters."), agreement_map(cubes[first]))]
    said, grids, plotted = repeats_of(data, plan)
    clustered = any(cube.has_clusters for cube in cubes.values())
    paragraphs = [
        _("Agreement over all arms is inflated by differences between arms; within arms it is not."),
        _("Intervals of alpha: %(level)s, bootstrap over %(units)s, percentiles of %(b)s replicates.")
        % {
            "level": plan.level_name,
            "units": unit_word("patients" if clustered else "questions"),
            "b": ALPHA_REPLICATES,
        },
        *said,
    ]
    by_arm = [_("Aspect"), *(arm["label"] for arm in data.arms)]
    return Section(
        _("Agreement of the raters"),
        paragraphs,
        [
            Grid(_("Agreement over all arms"), header, rows),
            Grid(_("Krippendorff's alpha within arms"), by_arm, of_arms),
            *grids,
        ],
        [*pictures, *plotted],
    )


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
        *rules_in_words(data.facts, data.flow),
        _("Data: scores.csv, sha256 %(hash)s. Software: %(software)s.")
        % {"hash": data.sha256, "software": data.facts["software"]},
        *(f"{name}, sha256 {sha256(raw).hexdigest()}." for name, raw in data.beside().items()),
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
