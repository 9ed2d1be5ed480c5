"""`analyse ranks`: Friedman and Nemenyi, Wilcoxon and Holm, and repeated measures, of systems over blocks."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from django.utils.translation import gettext as _

from evaluation.analyses.csv_table import CsvTable, read_csv
from evaluation.analyses.results import AnalysisResult, columns, limits, number, shown
from evaluation.analyses.scores import COLUMNS as SCORE_COLUMNS
from evaluation.analyses.scores import fixed_authors, read_scores
from evaluation.statistics.friedman import CONCORDANT, Friedman, friedman
from evaluation.statistics.repeated_measures import repeated_measures
from evaluation.statistics.score_cube import FloatArray, ScoreCube
from evaluation.statistics.wilcoxon import SignedRank, all_pairs
from mammo.core.errors import UserError

LONG = ("block", "system", "value")
BLOCKS = ("question", "rater")
# Headings of a first column that names the blocks of a wide table.
NAMES_OF_BLOCKS = frozenset(
    {"block", "question", "rater", "patient", "case", "unit", "subject", "item", "id", "reader"}
)
SCOPES = {
    "question": "questions random, raters fixed: holds for these raters only",
    "patient": "patients random, raters fixed: holds for these raters only",
    "rater": "raters random, questions fixed: holds for these questions only",
    "block": "blocks random, everything else fixed",
}
MEANS = "each value is a mean: p values don't know how sure it is; analyse scores takes raters and questions as random"
EVERY_COLUMN = "every column is a system, every row a block"
OTHER_COLUMNS = "every column but {name} is a system, every row a block"
FORMS_LACK = "forms of a rater and a question that lack a system and are left out: {count} of {total}"
BLOCKS_LACK = "blocks that lack a system and are left out: {count} of {total}"
TWO_SYSTEMS = "two systems: Friedman's test needs three"
# Equal means stay equal: they carry rounding of their sums.
DIGITS = 9


@dataclass(frozen=True)
class Blocks:
    """Attributes:
    table: (blocks, systems) without gaps.
    kind: what a block is, a key of SCOPES.
    """

    name: str
    table: FloatArray
    systems: tuple[str, ...]
    kind: str
    notes: tuple[str, ...] = ()


def analyse_ranks(path: Path, *, level: float = 0.95, blocks: str = "question") -> AnalysisResult:
    """Rank tests of systems: of a file of scores (one analysis per aspect), of block,system,value, or of a wide table.

    Args:
        blocks: of a file of scores, question (mean over raters) or rater (mean over questions).

    Returns:
        data with key `analyses`, one per aspect: `{"aspect","blocks","n_blocks","generalises_to","mean_ranks",
        "friedman","iman_davenport","kendall_w","critical_difference","nemenyi":[...],"wilcoxon":[...],
        "repeated_measures"}`, and `notes`.

    Raises:
        UserError: names file, line and column of what is wrong.
    """
    if blocks not in BLOCKS:
        raise UserError(
            _("--blocks %(blocks)s: unknown; known: %(known)s")
            % {"blocks": blocks, "known": ", ".join(BLOCKS)}
        )
    made, lines, notes = [], [], []
    table = read_csv(path)
    for part in read_blocks(table, blocks):
        title = f"{part.name}: " if part.name else ""
        try:
            found, said = _analysed(part, level)
        except ValueError as error:
            raise UserError(f"{path}: {title}{error}") from None
        made.append(found)
        lines += [f"{title}{len(part.table)} blocks ({SCOPES[part.kind]})", *said, ""]
        notes += [f"{title}{note}" for note in (*part.notes, *found.pop("notes"))]
    fixed = fixed_authors(table, "ranks") if set(SCORE_COLUMNS) <= set(table.columns) else []
    notes = list(dict.fromkeys([*notes, *(SCOPES[part["blocks"]] for part in made), *fixed]))
    data = {"analyses": made, "level": level, "notes": notes}
    return AnalysisResult(data, [*lines, *(f"note: {note}" for note in notes)])


def read_blocks(table: CsvTable, blocks: str) -> list[Blocks]:
    """The blocks of a file, in whichever of the three forms it stands.

    Raises:
        UserError: the form is none of the three, a cell is given twice, or no block holds every system.
    """
    if set(SCORE_COLUMNS) <= set(table.columns):
        return [_of_scores(table.path, name, cube, blocks) for name, cube in read_scores(table).items()]
    if set(LONG) <= set(table.columns):
        return [_of_long(table)]
    first, *others = table.columns
    is_named = first.lower() in NAMES_OF_BLOCKS
    systems = others if is_named else list(table.columns)
    if len(systems) < 2:
        raise UserError(
            _(
                "%(path)s: give columns rater,question,system,aspect,score, or block,system,value, or one column "
                "per system"
            )
            % {"path": table.path}
        )
    values = np.array([[_cell(row.optional_number(name)) for name in systems] for row in table])
    how = OTHER_COLUMNS.format(name=first) if is_named else EVERY_COLUMN
    return [_whole(table.path, "", values, tuple(systems), "block", (how,))]


def _cell(value: float | None) -> float:
    return float("nan") if value is None else value


def _of_long(table: CsvTable) -> Blocks:
    names = list(dict.fromkeys(row.text("block") for row in table))
    systems = tuple(dict.fromkeys(row.text("system") for row in table))
    values = np.full((len(names), len(systems)), np.nan)
    seen: dict[tuple[int, int], int] = {}
    for row in table:
        place = names.index(row.text("block")), systems.index(row.text("system"))
        if place in seen:
            raise row.error("value", f"this block and system stand on line {seen[place]} already; keep one")
        seen[place] = row.line
        values[place] = _cell(row.optional_number("value"))
    return _whole(table.path, "", values, systems, "block", ())


def _of_scores(path: Path, aspect: str, cube: ScoreCube, blocks: str) -> Blocks:
    """Means over raters (or questions) that scored every system in the block; patients are the blocks where they have
    several questions."""
    whole = np.asarray(~np.isnan(cube.values).any(axis=2))
    kept = np.where(whole[:, :, None], cube.values, 0.0)
    notes = [MEANS] if cube.values.shape[0 if blocks == "question" else 1] > 1 else []
    if not whole.all():
        notes.append(FORMS_LACK.format(count=int((~whole).sum()), total=whole.size))
    if blocks == "rater":
        sums, counts, kind = kept.sum(axis=1), whole.sum(axis=1), "rater"
    else:
        sums, counts, kind = kept.sum(axis=0), whole.sum(axis=0), "question"
        if cube.has_clusters and cube.patients is not None:
            _, codes = np.unique(np.array(cube.patients, dtype=str), return_inverse=True)
            into = np.zeros((codes.max() + 1, len(codes)))
            into[codes, np.arange(len(codes))] = 1.0
            sums, counts, kind = into @ sums, into @ counts, "patient"
    with np.errstate(invalid="ignore", divide="ignore"):
        values = np.where(counts[:, None] > 0, sums / counts[:, None], np.nan)
    return _whole(path, aspect, values, cube.systems, kind, tuple(notes))


def _whole(
    path: Path, name: str, values: FloatArray, systems: tuple[str, ...], kind: str, notes: tuple[str, ...]
) -> Blocks:
    """Blocks that hold every system; the others are left out and counted."""
    kept = values[~np.isnan(values).any(axis=1)]
    if not len(kept):
        raise UserError(
            _("%(path)s: no block holds every system; rank tests need at least one")
            % {"path": f"{path}: {name}" if name else path}
        )
    if len(kept) < len(values):
        notes = (*notes, BLOCKS_LACK.format(count=len(values) - len(kept), total=len(values)))
    return Blocks(name, np.round(kept, DIGITS), systems, kind, notes)


def _analysed(part: Blocks, level: float) -> tuple[dict[str, Any], list[str]]:
    if len(part.systems) < 2:
        raise ValueError("one system only: there is nothing to compare")
    if len(part.table) < 2:
        raise ValueError("one block only: rank tests need two")
    pairs = all_pairs(part.table, part.systems, level=level)
    notes, lines = list(dict.fromkeys(note for pair in pairs for note in pair.shift.notes)), []
    data: dict[str, Any] = {
        "aspect": part.name or None,
        "blocks": part.kind,
        "n_blocks": len(part.table),
        "generalises_to": SCOPES[part.kind],
    }
    if len(part.systems) < 3:
        notes.append(TWO_SYSTEMS)
    else:
        ranked = friedman(part.table, part.systems)
        data |= _ranked(ranked)
        lines += _rank_lines(ranked)
        notes += [note for note in ranked.notes if note == CONCORDANT]
    moments = repeated_measures(part.table)
    data["repeated_measures"] = {name: _json(value) for name, value in vars(moments).items()}
    data["wilcoxon"] = [_signed(pair) for pair in pairs]
    lines += columns(
        [
            ["difference", "Hodges-Lehmann [interval]", "V", "p", "p (Holm)"],
            *(
                [f"{p.first} - {p.second}", shown(p.shift, 2), f"{p.v:g}", _p(p.p), _p(p.p_holm)]
                for p in pairs
            ),
        ]
    )
    return data | {"notes": notes}, lines


def _json(value: float | None) -> float | None:
    return number(value) if isinstance(value, float) else value


def _p(value: float | None) -> str:
    return "-" if value is None else f"{value:.3g}"


def _ranked(found: Friedman) -> dict[str, Any]:
    return {
        "mean_ranks": found.mean_ranks,
        "friedman": {"chi2": found.chi2, "df": found.df, "p": found.p},
        "iman_davenport": {"f": number(found.f), "df1": found.df1, "df2": found.df2, "p": found.p_f},
        "kendall_w": found.kendall_w,
        "critical_difference": found.critical_difference,
        "nemenyi": [
            {"system": p.first, "minus": p.second, "rank_difference": p.rank_difference, "q": p.q, "p": p.p}
            for p in found.pairs
        ],
    }


def _rank_lines(found: Friedman) -> list[str]:
    test = "not defined: all systems are equal in every block"
    if found.chi2 is not None:
        test = f"chi2 = {found.chi2:.4f}, df = {found.df}, p = {_p(found.p)}"
    lines = [f"Friedman: {test}; Kendall's W {_p(found.kendall_w)}"]
    if found.f is not None:
        lines.append(f"Iman-Davenport: F = {found.f:.4f}, df = {found.df1}, {found.df2}, p = {_p(found.p_f)}")
    lines += columns([["system", "mean rank"], *([s, f"{r:.3f}"] for s, r in found.mean_ranks.items())])
    lines.append(f"Nemenyi: critical difference of mean ranks at .05 {found.critical_difference:.3f}")
    rows = [[f"{p.first} - {p.second}", f"{p.rank_difference:.3f}", _p(p.p)] for p in found.pairs]
    return [*lines, *columns([["difference", "of mean ranks", "p (Nemenyi)"], *rows])]


def _signed(pair: SignedRank) -> dict[str, Any]:
    return {
        "system": pair.first,
        "minus": pair.second,
        "shift": number(pair.shift.value),
        "ci": limits(pair.shift.interval),
        "v": pair.v,
        "p": pair.p,
        "p_holm": pair.p_holm,
        "method": pair.method,
    }
