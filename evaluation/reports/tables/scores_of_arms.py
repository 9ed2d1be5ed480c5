"""Tables 1, 2 and 3: mean scores of the arms of a blinded trial, aspect by aspect.

One trial may feed all three: an arm's spec says with `tables` (such as [1, 3]) where it belongs; a trial whose arms
say nothing gives the same arms to whichever table is asked for. Until the unblinding every arm stands in each of these
tables: the arms that two tables share, or one has alone, would be known by their codes.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from django.utils.translation import get_language, ngettext
from django.utils.translation import gettext as _

from evaluation import counted
from evaluation.models import Arm, Aspect, Trial
from evaluation.reports import paper_tables
from evaluation.reports.authors import author_notes, authors_of_arms, checkpoint_notes, checkpoints_of_arms
from evaluation.reports.left_pictures import note_of_forms
from evaluation.reports.options import TableOptions
from evaluation.reports.paper import table_1_figures
from evaluation.reports.plan import plan_of
from evaluation.reports.score_rows import CellRows, ScoreRows
from evaluation.reports.strata import labelled, of_questions
from evaluation.reports.table import Cell, Column, Row, Table, software_version
from evaluation.reports.trained_raters import both_ways
from evaluation.reports.trial_scores import TrialScores, analysis_seed, arm_labels, trial_scores
from evaluation.reports.wording import in_words, listed, sentences, unit_word
from evaluation.services.dealing import shrunk_spacing, spacing_note
from evaluation.statistics.results import Estimate
from evaluation.statistics.score_analysis import ALPHA_REPLICATES, AspectAnalysis, analyse_aspect
from evaluation.statistics.score_cube import ScoreCube
from mammo.core.errors import UserError


def build_scores(number: int, options: TableOptions) -> Table:
    """Mean of every arm and aspect with its interval, raters and questions (patients) both random.

    Args:
        number: 1, 2 or 3.

    Raises:
        UserError: no trial was named, the stratum is unknown, or the trial has no arms of this table.
        WrongStateError: the trial is not locked.
    """
    trial = options.trial
    if trial is None:
        raise UserError(_("table %(number)s: name the trial with --trial") % {"number": number})
    scores = trial_scores(trial, simulated=options.simulated)
    arms = _arms_of(number, trial)
    aspects = list(trial.aspects.order_by("position"))
    is_unblinded = trial.state == Trial.State.UNBLINDED
    with_paper = options.paper and is_unblinded
    strata = _strata(scores, options.by)
    rows: list[Row] = []
    every: dict[str, AspectAnalysis] = {}
    for stratum, cubes in strata.items():
        analyses = {
            key: _analysed(trial, cube, arms)
            for key, cube in cubes.items()
            if not np.isnan(cube.values).all()
        }
        every |= {key if stratum is None else f"{key}, {stratum}": found for key, found in analyses.items()}
        if analyses:
            behind = _Behind(scores.sources, cubes, is_part=stratum is not None)
            figures = with_paper and stratum is None
            rows += [
                _row(
                    number,
                    arm,
                    labelled(label, options.by, stratum),
                    stratum,
                    aspects,
                    analyses,
                    behind,
                    figures,
                )
                for arm, label in arms
            ]
    cells = [cell for row in rows for cell in row.cells.values()]
    return Table(
        number=number,
        caption=_caption(number, scores, arms, aspects),
        stub=_("Arm"),
        columns=_columns(aspects, with_paper),
        rows=rows,
        method=_method(every),
        version=software_version(),
        notes=_notes(scores, every, options, arms),
        is_simulated=scores.is_simulated,
        sources=_of_arms(scores.sources, cells),
    )


def _analysed(trial: Trial, cube: ScoreCube, arms: Sequence[tuple[str, str]]) -> AspectAnalysis:
    """Means and contrasts at the level and with the adjustment that the protocol plans; agreement on these arms alone.

    The seed of the bootstrap hangs on the design: the same rows give the same table.
    """
    plan = plan_of(trial.protocol)
    seed = analysis_seed(trial)
    return analyse_aspect(
        cube,
        level=plan.level,
        seed=seed,
        cross_check=False,
        adjustment=plan.adjustment,
        scale=(trial.scale_min, trial.scale_max),
        agreement_on=[arm for arm, _label in arms],
    )


def _arms_of(number: int, trial: Trial) -> list[tuple[str, str]]:
    """(arm id, label) of the arms of this table; all where no arm says where it belongs, or none may be known."""
    said = {
        str(pk): spec["tables"]
        for pk, spec in Arm.objects.filter(trial=trial).values_list("pk", "spec")
        if isinstance(spec, dict) and spec.get("tables")
    }
    labels = arm_labels(trial)
    kept = [(arm, label) for arm, label in labels if number in said.get(arm, [])] if said else labels
    if not kept:
        raise UserError(
            _("table %(number)s: no arm of trial %(name)s belongs to it (spec key tables)")
            % {"number": number, "name": trial.name}
        )
    # That a table has none tells no code; which arms it has would.
    return kept if trial.state == Trial.State.UNBLINDED else labels


def _strata(scores: TrialScores, by: str | None) -> dict[str | None, dict[str, ScoreCube]]:
    """Cubes by stratum of the questions; one entry None without `--by`."""
    if by is None or not scores.cubes:
        return {None: scores.cubes}
    places = scores.trial.trial_questions.values_list("position", "question_id")
    of_question = {f"Q{position:03d}": question for position, question in places}
    strata = of_questions(of_question.values(), by)
    names = {name: strata[question] for name, question in of_question.items()}
    return {
        stratum: {
            key: _part(cube, [names[q] == stratum for q in cube.questions])
            for key, cube in scores.cubes.items()
        }
        for stratum in sorted({names[q] for cube in scores.cubes.values() for q in cube.questions})
    }


def _part(cube: ScoreCube, kept: list[bool]) -> ScoreCube:
    places = [place for place, is_kept in enumerate(kept) if is_kept]
    patients = None if cube.patients is None else tuple(cube.patients[place] for place in places)
    questions = tuple(cube.questions[place] for place in places)
    return ScoreCube(cube.values[:, places, :], cube.raters, questions, cube.systems, patients)


def _paper_figures(number: int, label: str) -> dict[str, float]:
    if number == 1:
        return table_1_figures(label)
    known = (paper_tables.TABLE_2 if number == 2 else paper_tables.TABLE_3).get(paper_tables.key_of(label))
    return dict(zip(paper_tables.ASPECTS, known, strict=True)) if known else {}


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


@dataclass(frozen=True)
class _Behind:
    """Which scores stand behind the cells of a stratum (or of the whole table)."""

    rows: ScoreRows
    cubes: dict[str, ScoreCube]
    is_part: bool

    def cell(self, arm: str, aspect: str) -> CellRows:
        cube = self.cubes[aspect]
        count = int((~np.isnan(cube.values[:, :, cube.systems.index(arm)])).sum())
        asked = frozenset(int(name[1:]) for name in cube.questions) if self.is_part else None
        return CellRows(self.rows, arm, aspect, count, asked)


def _of_arms(rows: ScoreRows, cells: Sequence[Cell]) -> ScoreRows:
    """The rows of the arms that the table shows."""
    behind = [cell.sources for cell in cells if isinstance(cell.sources, CellRows)]
    scores = rows.scores.filter(slot__answer__arm__in={part.arm for part in behind})
    return ScoreRows(scores, rows.pseudonyms, rows.arms, sum(len(part) for part in behind))


def _row(
    number: int,
    arm: str,
    label: str,
    stratum: str | None,
    aspects: Sequence[Aspect],
    analyses: dict[str, AspectAnalysis],
    behind: "_Behind",
    with_paper: bool,
) -> Row:
    cells: dict[str, Cell] = {}
    paper = _paper_figures(number, label) if with_paper else {}
    for aspect in aspects:
        analysis = analyses.get(aspect.key)
        if analysis is not None:
            mean = analysis.means[analysis.systems.index(arm)]
            cells[aspect.key] = Cell(mean, sources=behind.cell(arm, aspect.key))
        if aspect.key in paper:
            figure = Estimate(paper[aspect.key], None, "as printed in the paper")
            cells[f"{aspect.key}_paper"] = Cell(figure)
    key = behind.rows.arms[arm]
    return Row(key if stratum is None else f"{key}:{stratum}", label, cells)


def _caption(number: int, scores: TrialScores, arms: list[tuple[str, str]], aspects: Sequence[Aspect]) -> str:
    trial = scores.trial
    caption = _(
        "Table %(number)s. Mean score [%(level)s CI] of %(arms)s by %(raters)s on %(questions)s of %(patients)s; "
        "%(aspects)s, scale %(low)s to %(high)s."
    ) % {
        "number": number,
        "level": plan_of(trial.protocol).level_name,
        "arms": counted.arms(len(arms)),
        "raters": counted.blinded_raters(scores.raters),
        "questions": counted.questions(scores.questions),
        "patients": counted.patients(scores.patients),
        "aspects": counted.aspects(len(aspects)),
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
    return caption + " " + _("Not a result: %(what)s.") % {"what": listed(named)}


def _method(analyses: dict[str, AspectAnalysis]) -> str:
    names = dict.fromkeys(in_words(mean.method) for analysis in analyses.values() for mean in analysis.means)
    return _("Method: %(method)s.") % {"method": "; ".join(names)} if names else ""


def _without_trained(scores: TrialScores, analyses: dict[str, AspectAnalysis]) -> list[str]:
    """How far the contrasts move without raters who took part in the training set of an arm."""
    if not scores.trained or not analyses:
        return []
    plan, seed, moved = plan_of(scores.trial.protocol), analysis_seed(scores.trial), 0.0
    for key, cube in scores.cubes.items():
        pairs = (
            both_ways(cube, analyses[key].contrasts, scores.trained, plan, seed) if key in analyses else None
        )
        if pairs is None:
            return [
                ngettext(
                    "%(count)s rater picked or corrected for the training set of an arm; too few others are left.",
                    "%(count)s raters picked or corrected for the training set of an arm; too few others are left.",
                    len(scores.trained),
                )
                % {"count": len(scores.trained)}
            ]
        moved = max([moved, *(pair.moved for pair in pairs)])
    return [
        ngettext(
            "%(count)s rater picked or corrected for the training set of an arm; without this one contrasts move by at "
            "most %(points)s points (each of them in the study report).",
            "%(count)s raters picked or corrected for the training set of an arm; without them contrasts move by at "
            "most %(points)s points (each of them in the study report).",
            len(scores.trained),
        )
        % {"count": len(scores.trained), "points": f"{moved:.1f}"}
    ]


def _said(analyses: dict[str, AspectAnalysis], trial: Trial) -> dict[str, str]:
    """How notes name each analysis: the aspect as the table's head names it, and the stratum where there is one."""
    names = {aspect.key: _name(aspect) for aspect in trial.aspects.all()}
    said = {}
    for key in analyses:
        # The longest: a key of an older trial may hold a comma itself.
        aspect = max((one for one in names if key == one or key.startswith(f"{one}, ")), key=len)
        said[key] = listed([names[aspect], *filter(None, [key[len(aspect) + 2 :]])])
    return said


def _notes_of_means(analyses: dict[str, AspectAnalysis], said: dict[str, str]) -> list[str]:
    """Each note of the means once, with the aspects it holds for."""
    holding: dict[str, list[str]] = {}
    for key, analysis in analyses.items():
        for note in dict.fromkeys(note for mean in analysis.means for note in mean.notes):
            holding.setdefault(note, []).append(said[key])
    return sentences(
        _("%(note)s (%(aspects)s)") % {"note": in_words(note), "aspects": listed(names)}
        for note, names in holding.items()
    )


def _notes(
    scores: TrialScores,
    analyses: dict[str, AspectAnalysis],
    options: TableOptions,
    arms: Sequence[tuple[str, str]],
) -> list[str]:
    trial, notes, shown = scores.trial, [], {label for _arm, label in arms}
    if scores.left_out["simulated"]:
        notes.append(
            ngettext(
                "%(count)s score is marked as simulated and left out; --simulated takes it in.",
                "%(count)s scores are marked as simulated and left out; --simulated takes them in.",
                scores.left_out["simulated"],
            )
            % {"count": scores.left_out["simulated"]}
        )
    elif not analyses:
        notes.append(_("The trial holds no scores."))
    if scores.left_out["withdrawn"]:
        notes.append(
            ngettext(
                "%(count)s score of raters who withdrew is left out.",
                "%(count)s scores of raters who withdrew are left out.",
                scores.left_out["withdrawn"],
            )
            % {"count": scores.left_out["withdrawn"]}
        )
    if scores.left_out["erased"]:
        notes.append(
            ngettext(
                "%(count)s score of patients who withdrew is left out.",
                "%(count)s scores of patients who withdrew are left out.",
                scores.left_out["erased"],
            )
            % {"count": scores.left_out["erased"]}
        )
    notes += note_of_forms(scores.left_pictures)
    if trial.state != Trial.State.UNBLINDED:
        notes.append(_("The trial is not unblinded: arms stand under their codes."))
        if any(spec.get("tables") for spec in trial.arms.values_list("spec", flat=True)):
            notes.append(_("All arms stand here until then, not those of this table alone."))
        if options.paper:
            notes.append(_("The paper's figures are shown after unblinding only."))
    notes += spacing_note(shrunk_spacing(trial))
    notes += author_notes(authors_of_arms(trial, dict(arm_labels(trial))))
    if analyses:  # a table without a score names nothing that wrote one
        named = checkpoints_of_arms(trial).items()
        notes += checkpoint_notes({label: checkpoint for label, checkpoint in named if label in shown})
    notes += _without_trained(scores, analyses)
    said = _said(analyses, trial)
    notes += _notes_of_means(analyses, said)
    general = dict.fromkeys(note for analysis in analyses.values() for note in analysis.notes)
    return [*notes, *_agreement(scores, analyses, said, arms), *sentences(general)]


def _agreement(
    scores: TrialScores,
    analyses: dict[str, AspectAnalysis],
    said: dict[str, str],
    arms: Sequence[tuple[str, str]],
) -> list[str]:
    """How far raters agree on the answers of the arms of the table, with alpha's interval, as one sentence."""
    values = [
        f"{said[key]} {analysis.icc_a1.value:.2f}/{Cell(analysis.alpha, digits=2).shown}"
        for key, analysis in analyses.items()
        if analysis.icc_a1 is not None and analysis.alpha is not None
    ]
    if not values:
        return []
    clustered = any(cube.has_clusters for cube in scores.cubes.values())
    return [
        _(
            "Agreement on the answers of the arms of this table (%(arms)s), ICC(A,1)/Krippendorff's alpha "
            "[%(level)s CI, bootstrap over %(units)s, B = %(b)s]: %(values)s."
        )
        % {
            "arms": listed(label for _arm, label in arms),
            "level": plan_of(scores.trial.protocol).level_name,
            "units": unit_word("patients" if clustered else "questions"),
            "b": ALPHA_REPLICATES,
            "values": listed(values),
        }
    ]
