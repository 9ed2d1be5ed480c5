"""The reference files of R, read once."""

import csv
import json
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest

from evaluation.statistics.score_cube import ScoreCube, ScoreRow, cubes


@lru_cache(maxsize=4)
def _cubes(path: Path) -> dict[str, ScoreCube]:
    with path.open(encoding="utf-8") as handle:
        rows = [
            ScoreRow(r["rater"], r["question"], r["system"], r["aspect"], float(r["score"]))
            for r in csv.DictReader(handle)
        ]
    return cubes(rows)


@pytest.fixture
def reference(shared_data: Path) -> Callable[[str], Any]:
    """A JSON file of reference results by name."""
    return lambda name: json.loads((shared_data / "statistics" / name).read_text(encoding="utf-8"))


@pytest.fixture
def score_cubes(shared_data: Path) -> Callable[[str], dict[str, ScoreCube]]:
    """The cubes of a score file by name."""
    return lambda name: _cubes(shared_data / "statistics" / name)
