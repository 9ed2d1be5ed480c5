"""The proof's table: figures of the cells that were run, over seeds, with their intervals and aims. No torch."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from scipy import stats

from modeling.training.ablations import TABLE_3, TABLE_8
from modeling.training.proof.plan import COMPARED, ENCODERS, Cell, fingerprints

Results = dict[str, dict[str, Any]]


@dataclass(frozen=True)
class Line:
    """One figure: how it is read from the results of a seed, and what it should reach.

    `read` gives None where the seed's cells were not run or the data can't give it.
    """

    part: str
    label: str
    read: Callable[[Results, int], float | None]
    aim: float | None = None
    # "above": the whole interval lies above the aim, not the mean alone.
    side: Literal["at least", "at most", "above"] = "at least"


@dataclass(frozen=True)
class Figure:
    """A line's mean over seeds with its 95 % interval (Student's t), None with fewer than two seeds."""

    line: Line
    values: tuple[float, ...]
    mean: float | None
    interval: tuple[float, float] | None

    @property
    def holds(self) -> bool | None:
        """Whether the mean, or with "above" the interval, reaches the aim; None where there is no aim or no value."""
        if self.mean is None or self.line.aim is None:
            return None
        if self.line.side == "above":
            return None if self.interval is None else self.interval[0] > self.line.aim
        return self.mean >= self.line.aim if self.line.side == "at least" else self.mean <= self.line.aim


def read_results(folder: Path, plan: Sequence[Cell]) -> Results:
    """Results of the cells that were done, by name."""
    found = {}
    for cell in plan:
        path = folder / cell.name / "result.json"
        if path.exists():
            found[cell.name] = json.loads(path.read_text("utf-8"))
    return found


def read_kept(path: Path, plan: Sequence[Cell]) -> Results:
    """Results that `write_kept` kept, of those cells alone whose setting is still the plan's; none without the file.

    Raises:
        ValueError: a line is no result; the message names the file, the line and the mend.
    """
    known, found = fingerprints(plan), {}
    for number, line in enumerate(path.read_text("utf-8").splitlines() if path.exists() else (), start=1):
        try:
            row = json.loads(line)
            name, setting = row["cell"], row["setting"]
            dict(row["figures"])
            float(row["seconds"])
        except (ValueError, KeyError, TypeError) as error:
            raise ValueError(
                f"{path}, line {number}: not a cell's result ({error}); take the line out, or the file from its history"
            ) from error
        if known.get(name) == setting:
            found[name] = row
    return found


def write_kept(path: Path, results: Results, plan: Sequence[Cell]) -> None:
    """Write the results as JSON lines in the plan's order, each with the fingerprint of its setting."""
    known = fingerprints(plan)
    rows = [{**results[cell.name], "setting": known[cell.name]} for cell in plan if cell.name in results]
    part = path.with_name(f".{path.name}.part")
    part.write_text("".join(json.dumps(row, sort_keys=True) + "\n" for row in rows), "utf-8")
    part.replace(path)


def figure(line: Line, results: Results, seeds: int) -> Figure:
    """A line over the seeds that have it."""
    values = [value for seed in range(seeds) if (value := line.read(results, seed)) is not None]
    if not values:
        return Figure(line, (), None, None)
    mean = float(np.mean(values))
    if len(values) < 2:
        return Figure(line, tuple(values), mean, None)
    half = float(stats.t.ppf(0.975, len(values) - 1) * np.std(values, ddof=1) / np.sqrt(len(values)))
    return Figure(line, tuple(values), mean, (mean - half, mean + half))


def lines() -> list[Line]:
    """Every figure of the proof in the order of the table."""
    tuned = "sft-moe_umicon_sft"
    default, faithful = "umicon_unsupervised-umicon", "umicon_unsupervised-faithful"
    return [
        Line("Density selector", "macro AUC, held-out studies", _of("density", "test_macro_auc"), 0.97),
        *(
            Line("Table 6 (tiny stand-ins)", f"{label}: {said}", _of(f"encoder_probe-{label}", f"test_{figure}"))
            for label in ENCODERS
            for figure, said in (("macro_auc", "macro AUC"), *((f"auc_{one}", f"AUC {one}") for one in "ABCD"))
        ),
        *(
            Line("Table 8 (UMiCon)", f"{row.label}: AUC {method}", _of(f"umicon_supervised-{name}", f"test_{method}_auc"))
            for name, row in TABLE_8.items()
            for method in ("image", "report", "fused")
        ),
        *(
            Line("Table 7 (compared)", f"{name}: AUC image", _of(f"classifier-{name}", "test_image_auc"))
            for name in COMPARED
        ),
        Line("Collapse", "faithful loss collapses (share of seeds)", _of(faithful, "collapse"), 1.0),
        Line("Collapse", "default collapses (share of seeds)", _of(default, "collapse"), 0.0, "at most"),
        Line("Collapse", "std as a part of its start: default / faithful", _kept_ratio(default, faithful), 10.0),
        Line("Collapse", "default: R@1 / chance", _within(default, "r_at_1", "chance"), 4.0),
        Line("Collapse", "faithful: R@1 / chance", _within(faithful, "r_at_1", "chance")),
        Line("MammoVLM", "states the right density", _of(tuned, "density_right"), 0.90),
        # A phantom's picked answer tells its images; its label is what a radiologist read, wrong in a part of them.
        Line("MammoVLM", "states the images' side of the 3/4 line (biopsied)", _of(tuned, "line_as_picked"), 0.80),
        Line("MammoVLM", "states the label's side of the 3/4 line (biopsied)", _of(tuned, "line_right")),
        Line("MammoVLM", "follows exchanged images", _of(tuned, "follows_swap"), 0.90),
        Line("MammoVLM", "black images: right density", _of(tuned, "blank_density_right"), 0.40, "at most"),
        Line("MammoVLM", "states the right breast", _of(tuned, "laterality_right")),
        Line("SFT", "density right, untuned", _of(tuned, "untuned_density_right")),
        Line("SFT", "density right, gained by SFT", _gained(tuned, "density_right"), 0.0, "above"),
        Line("SFT", "3/4 line right, gained by SFT", _gained(tuned, "line_as_picked"), 0.0, "above"),
        Line("SFT", "right breast, untuned", _of(tuned, "untuned_laterality_right")),
        Line("SFT", "right breast, gained by SFT", _gained(tuned, "laterality_right")),
        *(
            Line("Table 3", f"{row.label}: right density", _of(f"sft-{name}", "density_right"))
            for name, row in TABLE_3.items()
        ),
        *(
            Line("Table 3", f"{row.label}: right side of the 3/4 line", _of(f"sft-{name}", "line_as_picked"))
            for name, row in TABLE_3.items()
        ),
    ]  # fmt: skip


def markdown(
    results: Results, plan: Sequence[Cell], *, seeds: int, command: str, machine: str, date: str
) -> str:
    """The whole page."""
    seconds = sum(result["seconds"] for result in results.values())
    used = sum(result.get("processor_seconds", 0) for result in results.values())
    processor = f" ({used / 60:.0f} of the processor)" if used else ""
    rows = []
    for each in (figure(line, results, seeds) for line in lines()):
        shown = (each.line.part, each.line.label, _aim(each), _mean(each), len(each.values), _holds(each))
        rows.append(f"| {' | '.join(str(part) for part in shown)} |")
    left = _left(plan, results)
    return "\n".join(
        [
            "# Proof on phantoms",
            f"Written by `{command}` on {date}; {machine}. {len(results)} of {len(plan)} cells were run, in "
            f"{seconds / 60:.0f} minutes of single processes altogether{processor}; two work at once on two cores. "
            f"{left}",
            "",
            *_made_when(results),
            "Small networks with random weights on easy phantoms of 126 x 100 pixels: figures of the code, nothing about "
            "mammograms. Each seed has its own phantoms and weights; mean with its 95 % interval (Student's t over "
            "seeds). A report's figures come from an invented report that agrees with pathology four times in five.",
            "",
            "| part | figure | aim | mean [95 %] | seeds | holds |",
            "|---|---|---|---|---|---|",
            *rows,
            "",
        ]
    )  # fmt: skip


def _left(plan: Sequence[Cell], results: Results) -> str:
    """Which cells were not run: by seed where none of its cells was, else by name."""
    missing = [cell for cell in plan if cell.name not in results]
    if not missing:
        return "All cells were run."
    begun = {cell.seed for cell in plan if cell.name in results}
    whole = sorted({cell.seed for cell in missing} - begun)
    told = [f"every cell of seed {seed}" for seed in whole]
    told += [cell.name for cell in missing if cell.seed in begun]
    return f"Not run ({len(missing)}): {', '.join(told)}."


def _made_when(results: Results) -> list[str]:
    """A paragraph on days and code, where cells were run on more than one day or by more than one code."""
    made: dict[tuple[str, str], list[str]] = {}
    for name, result in results.items():
        made.setdefault((result.get("date", ""), result.get("sources", "")), []).append(name)
    if len(made) < 2:
        return []
    told = [
        f"{day or 'day not kept'}, sources {code or 'not kept'}: seeds "
        f"{', '.join(sorted({name.rsplit('-', 1)[-1] for name in names}))} ({len(names)} cells)"
        for (day, code), names in sorted(made.items())
    ]
    return [f"Run when, and by which code (hash of modeling/data, nn and training): {'; '.join(told)}.", ""]


def _mean(each: Figure) -> str:
    if each.mean is None:
        return "not run"
    if each.interval is None:
        return f"{each.mean:.3f}"
    return f"{each.mean:.3f} [{each.interval[0]:.3f}, {each.interval[1]:.3f}]"


def _aim(each: Figure) -> str:
    sign = {"at least": "≥", "at most": "≤", "above": "interval >"}[each.line.side]
    return "" if each.line.aim is None else f"{sign} {each.line.aim:g}"


def _holds(each: Figure) -> str:
    return {None: "", True: "yes", False: "**no**"}[each.holds]


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, bool | int | float) else None


def _of(cell: str, name: str) -> Callable[[Results, int], float | None]:
    def read(results: Results, seed: int) -> float | None:
        found = results.get(f"{cell}-{seed}")
        return None if found is None else _number(found["figures"].get(name))

    return read


def _kept_ratio(cell: str, other: str) -> Callable[[Results, int], float | None]:
    """How much more of its first spread one keeps than the other: vectors of unit length and raw ones have no
    common scale."""
    first, second = _within(cell, "std", "start_std"), _within(other, "std", "start_std")

    def read(results: Results, seed: int) -> float | None:
        above, below = first(results, seed), second(results, seed)
        return None if above is None or not below else above / below

    return read


def _within(cell: str, name: str, unit: str) -> Callable[[Results, int], float | None]:
    first, second = _of(cell, name), _of(cell, unit)

    def read(results: Results, seed: int) -> float | None:
        above, below = first(results, seed), second(results, seed)
        return None if above is None or not below else above / below

    return read


def _gained(cell: str, name: str) -> Callable[[Results, int], float | None]:
    after, before = _of(cell, name), _of(cell, f"untuned_{name}")

    def read(results: Results, seed: int) -> float | None:
        now, then = after(results, seed), before(results, seed)
        return None if now is None or then is None else now - then

    return read
