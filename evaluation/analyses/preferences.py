"""`analyse preferences`: Bradley and Terry's strengths of systems from preferences, with standard errors."""

from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
from django.utils.translation import gettext as _
from scipy import stats

from evaluation.analyses.csv_table import CsvTable, read_csv
from evaluation.analyses.results import AnalysisResult, columns, limits, number, shown
from evaluation.analyses.scores import COLUMNS as SCORE_COLUMNS
from evaluation.analyses.scores import fixed_authors, read_scores
from evaluation.statistics.bradley_terry import BradleyTerry, bradley_terry
from evaluation.statistics.score_cube import FloatArray, ScoreCube
from mammo.core.errors import UserError

COUNTS = ("system_a", "system_b", "wins_a", "wins_b")
SINGLE = ("first", "second", "preferred")
TIE = "tie"
TIES = ("half", "dropped")
FROM_SCORES = "a preference is the higher of two scores of one rater for one question"

Wins = tuple[str, FloatArray, FloatArray, tuple[str, ...]]


def analyse_preferences(
    path: Path, *, level: float = 0.95, reference: str | None = None, ties: str = "half"
) -> AnalysisResult:
    """Strengths on the logit scale against a reference system.

    Forms of the file: system_a,system_b,wins_a,wins_b[,ties] (counts); first,second,preferred (one judgement a row;
    preferred is a system or tie); or scores (rater,question,system,aspect,score), where a preference is the higher of
    two scores of one rater for one question, aspect by aspect.

    Args:
        reference: the system with strength 0; by default the first of the file.
        ties: half (half a win each) or dropped.

    Returns:
        data with key `analyses`, one per aspect: `{"aspect","reference","ties","strengths":[{"system","strength","se",
        "ci","z","p","chance"}],"pairs":[{"system","over","wins","ties"}],"deviance","df"}` (`chance`: of being
        preferred to the reference), and `notes`.

    Raises:
        UserError: the file is unfit, the reference is unknown, or a strength would be infinite.
    """
    if ties not in TIES:
        raise UserError(
            _("--ties %(ties)s: unknown; known: %(known)s") % {"ties": ties, "known": ", ".join(TIES)}
        )
    table = read_csv(path)
    made, lines, notes = [], [], []
    for name, wins, tied, systems in _wins(table):
        title = f"{name}: " if name else ""
        if len(systems) < 2:
            raise UserError(
                _("%(path)s: one system only; preferences need two to choose from") % {"path": path}
            )
        try:
            found = bradley_terry(
                wins, systems, reference=reference or systems[0], tied=tied, ties=ties, level=level
            )
        except ValueError as error:
            raise UserError(f"{path}: {title}{error}") from None
        made.append(_described(name, found, wins, tied, reference or systems[0], ties))
        lines += _lines(title, found, made[-1])
        notes += list(found.notes)
    if set(SCORE_COLUMNS) <= set(table.columns):
        notes += [FROM_SCORES, *fixed_authors(table, "preferences")]
    notes = list(dict.fromkeys(notes))
    data = {"analyses": made, "level": level, "notes": notes}
    return AnalysisResult(data, [*lines, *(f"note: {note}" for note in notes)])


def _wins(table: CsvTable) -> list[Wins]:
    """Wins and ties (systems, systems) of each aspect.

    Raises:
        UserError: the columns are none of the three forms, or a system meets itself.
    """
    if set(SCORE_COLUMNS) <= set(table.columns):
        return [_of_cube(aspect, cube) for aspect, cube in read_scores(table).items()]
    if set(COUNTS) <= set(table.columns):
        return [_of_counts(table)]
    if set(SINGLE) <= set(table.columns):
        return [_of_judgements(table)]
    raise UserError(
        _(
            "%(path)s: give columns system_a,system_b,wins_a,wins_b[,ties], or first,second,preferred, or "
            "rater,question,system,aspect,score; found: %(known)s"
        )
        % {"path": table.path, "known": ", ".join(table.columns)}
    )


def _of_cube(aspect: str, cube: ScoreCube) -> Wins:
    k = len(cube.systems)
    wins, tied = np.zeros((k, k)), np.zeros((k, k))
    for i, j in combinations(range(k), 2):
        gaps = cube.values[:, :, i] - cube.values[:, :, j]
        wins[i, j], wins[j, i] = (gaps > 0).sum(), (gaps < 0).sum()
        tied[i, j] = tied[j, i] = (gaps == 0).sum()
    return aspect, wins, tied, cube.systems


def _empty(table: CsvTable, names: tuple[str, str]) -> Wins:
    systems = tuple(dict.fromkeys(row.text(name) for row in table for name in names))
    for row in table:
        if row.text(names[0]) == row.text(names[1]):
            raise row.error(names[1], f"{row.text(names[1])!r} meets itself; give two systems")
    k = len(systems)
    return "", np.zeros((k, k)), np.zeros((k, k)), systems


def _of_counts(table: CsvTable) -> Wins:
    name, wins, tied, systems = _empty(table, (COUNTS[0], COUNTS[1]))
    for row in table:
        i, j = systems.index(row.text(COUNTS[0])), systems.index(row.text(COUNTS[1]))
        wins[i, j] += row.count("wins_a")
        wins[j, i] += row.count("wins_b")
        if "ties" in table.columns:
            tied[i, j] += row.count("ties")
            tied[j, i] = tied[i, j]
    return name, wins, tied, systems


def _of_judgements(table: CsvTable) -> Wins:
    name, wins, tied, systems = _empty(table, (SINGLE[0], SINGLE[1]))
    for row in table:
        i, j = systems.index(row.text("first")), systems.index(row.text("second"))
        preferred = row.text("preferred")
        if preferred.lower() == TIE and TIE not in {system.lower() for system in systems}:
            tied[i, j] += 1
            tied[j, i] += 1
        elif preferred == systems[i]:
            wins[i, j] += 1
        elif preferred == systems[j]:
            wins[j, i] += 1
        else:
            raise row.error("preferred", f"{preferred!r} is neither of the two systems nor {TIE!r}")
    return name, wins, tied, systems


def _described(
    name: str, found: BradleyTerry, wins: FloatArray, tied: FloatArray, reference: str, ties: str
) -> dict[str, Any]:
    strengths = []
    for system, strength in found.strengths.items():
        z = strength.value / strength.se if strength.se else None
        strengths.append(
            {
                "system": system,
                "strength": strength.value,
                "se": number(strength.se),
                "ci": limits(strength.interval),
                "z": z,
                "p": None if z is None else float(2 * stats.norm.sf(abs(z))),
                "chance": float(1 / (1 + np.exp(-strength.value))),
            }
        )
    return {
        "aspect": name or None,
        "reference": reference,
        "ties": ties,
        "strengths": strengths,
        "pairs": [
            {
                "system": found.systems[i],
                "over": found.systems[j],
                "wins": int(wins[i, j]),
                "losses": int(wins[j, i]),
                "ties": int(tied[i, j]),
            }
            for i, j in combinations(range(len(found.systems)), 2)
            if wins[i, j] + wins[j, i] + tied[i, j]
        ],
        "deviance": found.deviance,
        "df": found.df,
    }


def _lines(title: str, found: BradleyTerry, data: dict[str, Any]) -> list[str]:
    rows = [["system", "strength [interval]", "SE", "p", "preferred to the reference"]]
    for row in data["strengths"]:
        strength = found.strengths[row["system"]]
        p = "-" if row["p"] is None else f"{row['p']:.3g}"
        se = "-" if row["se"] is None else f"{row['se']:.4f}"
        rows.append([row["system"], shown(strength), se, p, f"{row['chance']:.1%}"])
    return [
        f"{title}Bradley-Terry, reference {data['reference']}, ties {data['ties']}",
        *columns(rows),
        f"deviance {data['deviance']:.4f}, df = {data['df']}",
        "",
    ]
