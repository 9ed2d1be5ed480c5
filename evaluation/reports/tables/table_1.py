"""Table 1: mean scores of the arms of a blinded trial, aspect by aspect."""

from collections.abc import Sequence

from django.utils.translation import get_language
from django.utils.translation import gettext as _

from evaluation.models import Aspect, Trial
from evaluation.reports.options import TableOptions
from evaluation.reports.paper import table_1_figures
from evaluation.reports.table import Cell, Column, Row, Table, software_version
from evaluation.reports.trial_scores import TrialScores, arm_labels, trial_scores
from evaluation.statistics.results import Estimate
from evaluation.statistics.score_analysis import AspectAnalysis, analyse_aspect
from mammo.core.errors import UserError

NUMBER = 1


def build(options: TableOptions) -> Table:
    """Mean of every arm and aspect with its interval, raters and questions (patients) both random.

    Raises:
        UserError: no trial was named.
        WrongStateError: the trial is not locked.
    """
    trial = options.trial
    if trial is None:
        raise UserError(_("table 1: name the trial with --trial"))
    scores = trial_scores(trial, simulated=options.simulated)
    aspects = list(trial.aspects.order_by("position"))
    # The seed of the bootstrap is the trial's: the same rows give the same table.
    analyses = {
        key: analyse_aspect(cube, seed=trial.seed % (2**32), cross_check=False)
        for key, cube in scores.cubes.items()
    }
    is_unblinded = trial.state == Trial.State.UNBLINDED
    with_paper = options.paper and is_unblinded
    return Table(
        number=NUMBER,
        caption=_caption(scores, aspects),
        stub=_("Arm"),
        columns=_columns(aspects, with_paper),
        rows=_rows(trial, aspects, analyses, scores, with_paper) if analyses else [],
        method=_method(analyses),
        version=software_version(),
        notes=_notes(scores, analyses, options),
        is_simulated=scores.is_simulated,
        sources=scores.sources,
    )


def _name(aspect: Aspect) -> str:
    in_chinese = (get_language() or "").startswith("zh")
    return aspect.name_zh or aspect.name if in_chinese else aspect.name


def _columns(aspects: Sequence[Aspect], with_paper: bool) -> list[Column]:
    columns: list[Column] = []
    for aspect in aspects:
        columns.append(Column(aspect.key, _name(aspect)))
        if with_paper:
            columns.append(Column(f"{aspect.key}_paper", _name(aspect), from_paper=True))
    return columns


def _rows(
    trial: Trial,
    aspects: Sequence[Aspect],
    analyses: dict[str, AspectAnalysis],
    scores: TrialScores,
    with_paper: bool,
) -> list[Row]:
    behind: dict[tuple[str, str], list[str]] = {}
    for source in scores.sources:
        behind.setdefault((source["arm"], source["aspect"]), []).append(source["score"])
    rows = []
    for arm, label in arm_labels(trial):
        cells: dict[str, Cell] = {}
        paper = table_1_figures(label) if with_paper else {}
        for aspect in aspects:
            analysis = analyses.get(aspect.key)
            if analysis is not None:
                mean = analysis.means[analysis.systems.index(arm)]
                cells[aspect.key] = Cell(mean, sources=tuple(behind.get((arm, aspect.key), ())))
            if aspect.key in paper:
                figure = Estimate(paper[aspect.key], None, "as printed in the paper")
                cells[f"{aspect.key}_paper"] = Cell(figure)
        rows.append(Row(arm, label, cells))
    return rows


def _caption(scores: TrialScores, aspects: Sequence[Aspect]) -> str:
    trial = scores.trial
    arms = len(arm_labels(trial))
    caption = _(
        "Table 1. Mean score [95%% CI] of %(arms)s arms by %(raters)s blinded raters on %(questions)s "
        "questions of %(patients)s patients; %(aspects)s aspects, scale %(low)s to %(high)s."
    ) % {
        "arms": arms,
        "raters": scores.raters,
        "questions": scores.questions,
        "patients": scores.patients,
        "aspects": len(aspects),
        "low": trial.scale_min,
        "high": trial.scale_max,
    }
    parts = [
        _("simulated raters") if scores.simulated_raters else "",
        _("random-weight models") if scores.simulated_arms else "",
        _("synthetic patients") if scores.simulated_questions else "",
    ]
    named = [part for part in parts if part]
    if scores.is_simulated and not named:
        named = [_("simulated rows")]
    if not scores.is_simulated:
        return caption
    return caption + " " + _("Not a result: %(what)s.") % {"what": ", ".join(named)}


def _method(analyses: dict[str, AspectAnalysis]) -> str:
    names = dict.fromkeys(mean.method for analysis in analyses.values() for mean in analysis.means)
    return _("Method: %(method)s.") % {"method": "; ".join(names)} if names else ""


def _notes_of_means(analyses: dict[str, AspectAnalysis]) -> list[str]:
    """Each note of the means once, with the aspects it holds for."""
    holding: dict[str, list[str]] = {}
    for key, analysis in analyses.items():
        for note in dict.fromkeys(note for mean in analysis.means for note in mean.notes):
            holding.setdefault(note, []).append(key)
    return [f"{note[0].upper()}{note[1:]} ({', '.join(keys)})." for note, keys in holding.items()]


def _notes(scores: TrialScores, analyses: dict[str, AspectAnalysis], options: TableOptions) -> list[str]:
    trial, notes = scores.trial, []
    if scores.left_out["simulated"]:
        notes.append(
            _("%(count)s scores are marked as simulated and left out; --simulated takes them in.")
            % {"count": scores.left_out["simulated"]}
        )
    elif not analyses:
        notes.append(_("The trial holds no scores."))
    if scores.left_out["withdrawn"]:
        notes.append(
            _("%(count)s scores of raters who withdrew are left out.")
            % {"count": scores.left_out["withdrawn"]}
        )
    if trial.state != Trial.State.UNBLINDED:
        notes.append(_("The trial is not unblinded: arms stand under their codes."))
        if options.paper:
            notes.append(_("The paper's figures are shown after unblinding only."))
    notes += _notes_of_means(analyses)
    general = dict.fromkeys(note for analysis in analyses.values() for note in analysis.notes)
    agreement = [
        f"{key} {analysis.icc_a1.value:.2f}/{analysis.alpha.value:.2f}"
        for key, analysis in analyses.items()
        if analysis.icc_a1 is not None and analysis.alpha is not None
    ]
    if agreement:
        notes.append(_("ICC(A,1)/Krippendorff's alpha: %(values)s.") % {"values": ", ".join(agreement)})
    return [*notes, *(f"{note[0].upper()}{note[1:]}." for note in general)]
