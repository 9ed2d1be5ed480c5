"""Table 1 with all its intervals from a database of 43,200, 400,000 and 2,000,000 scores: seconds, and per score.

    python -m benchmarks.table_1 [--middle] [--large]

The database is an SQLite file in a temporary folder, or the one that MAMMO_BENCH_DATABASE names. Rows are written in
bulk, not through the services: what is measured is reading and computing.
"""

import os
import resource
import sys
import tempfile
import time
from collections.abc import Iterable, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

# raters, questions, arms; five aspects: 12 x 48 x 15 x 5 = 43,200, 50 x 200 x 8 x 5 = 400,000 and
# 100 x 500 x 8 x 5 = 2,000,000 scores.
SMALL, MIDDLE, LARGE = (12, 48, 15), (50, 200, 8), (100, 500, 8)
ASPECTS = 5


def _settings(folder: Path) -> None:
    os.environ["MAMMO_HOME"] = str(folder)
    if address := os.environ.get("MAMMO_BENCH_DATABASE"):
        os.environ["DATABASE_URL"] = address
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mammo.settings")
    sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "platform"))
    import django
    from django.core.management import call_command

    django.setup()
    call_command("migrate", verbosity=0)


def _fill(name: str, raters: int, questions: int, arms: int) -> object:
    """A locked trial with every score."""
    import numpy as np

    from annotation.models import Campaign, Question
    from evaluation.models import Arm, Aspect, Protocol, Score, Slot, Trial, TrialQuestion, TrialRater
    from evaluation.services.freezing import design_hash
    from mammo.accounts.models import Site, User
    from mammo.core.keys import key_store

    site = Site.objects.create(code=name, name=name, key_id=key_store().create())
    rita = User.objects.create(username=f"rita-{name}")
    campaign = Campaign.objects.create(site=site, name=name, by_user=rita, proposer={}, seed=1)
    protocol = Protocol.objects.create(site=site, title=name, by_user=rita)
    trial = Trial.objects.create(site=site, name=name, protocol=protocol, seed=1, by_user=rita)
    aspects = Aspect.objects.bulk_create(
        [Aspect(trial=trial, key=f"a{i}", name=f"a{i}", position=i) for i in range(1, ASPECTS + 1)]
    )
    rows = Arm.objects.bulk_create(
        [
            Arm(trial=trial, kind="system", name=f"arm {i}", code=f"C{i}", position=i)
            for i in range(1, arms + 1)
        ]
    )
    asked: list[Question] = []
    for place in range(1, questions + 1):
        question = Question(
            campaign=campaign, position=place, language="en", source="bench", turns_hash=f"{name}{place}"
        )
        question.wording_received, question.turns = "[]", ["?"]
        asked.append(question)
    Question.objects.bulk_create(asked)
    trial_questions = TrialQuestion.objects.bulk_create(
        [TrialQuestion(trial=trial, question=q, position=i) for i, q in enumerate(asked, start=1)]
    )
    answers = _answers(rows, trial_questions)
    rng = np.random.default_rng(1)
    for number in range(raters):
        user = User.objects.create(username=f"rater-{name}-{number}")
        rater = TrialRater.objects.create(trial=trial, user=user)
        slots = Slot.objects.bulk_create(
            [Slot(rater=rater, answer=a, position=i) for i, a in enumerate(answers, start=1)], batch_size=1000
        )
        values = rng.integers(60, 101, size=(len(slots), ASPECTS)).tolist()
        Score.objects.bulk_create(
            [
                Score(slot=slot, aspect=aspect, value=value, by_user=user)
                for slot, row in zip(slots, values, strict=True)
                for aspect, value in zip(aspects, row, strict=True)
            ],
            batch_size=5000,
        )
    Trial.objects.filter(pk=trial.pk).update(state="locked", design_sha256=design_hash(trial))
    return Trial.objects.get(pk=trial.pk)


def _answers(arms: Iterable[Any], questions: Sequence[Any]) -> list[Any]:
    """An answer of every arm to every question, stored."""
    from evaluation.models import Answer
    from evaluation.services.answers import shown_hash

    answers = []
    for arm in arms:
        for row in questions:
            answer = Answer(arm=arm, question=row, shown_sha256=shown_hash("answer"))
            answer.raw_text = answer.shown_text = "answer"
            answers.append(answer)
    Answer.objects.bulk_create(answers, batch_size=1000)
    return answers


def measure(name: str, raters: int, questions: int, arms: int) -> tuple[float, float]:
    """Seconds for Table 1 of a trial of this size, and MB by which the process's peak grew."""
    from evaluation.models import Trial
    from evaluation.reports.options import TableOptions
    from evaluation.reports.tables import build_table

    trial = _fill(name, raters, questions, arms)
    if not isinstance(trial, Trial):
        raise TypeError("no trial")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    started = time.perf_counter()
    table = build_table(1, TableOptions(trial))
    seconds = time.perf_counter() - started
    row = table.rows[-1]
    behind = row.cells["a1"].sources
    if len(behind) != raters * questions or len(list(islice(behind, 20))) != 20:
        raise ValueError("a cell does not lead to its rows")
    cells = sum(cell.estimate is not None for row in table.rows for cell in row.cells.values())
    if cells != arms * ASPECTS:
        raise ValueError(f"{cells} numbers in the table, not {arms * ASPECTS}")
    return seconds, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024


def run(*, middle: bool = False, large: bool = False) -> list[str]:
    """Lines to print."""
    lines = []
    with tempfile.TemporaryDirectory() as folder:
        _settings(Path(folder))
        for size in (SMALL, *((MIDDLE,) if middle else ()), *((LARGE,) if large else ())):
            raters, questions, arms = size
            scores = raters * questions * arms * ASPECTS
            seconds, grown = measure(f"t{scores}", *size)
            lines.append(
                f"Table 1 of {scores:,} scores: {seconds:.1f} s ({1e6 * seconds / scores:.0f} µs a score), "
                f"peak of memory {grown:.0f} MB above that of filling the database"
            )
    return lines


if __name__ == "__main__":
    for line in run(middle="--middle" in sys.argv, large="--large" in sys.argv):
        print(line, flush=True)
