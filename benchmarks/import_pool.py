"""Import of phantoms with two parsing children against one (ratio of seconds; below 1 is faster)."""

import os
import statistics
import tempfile
import time
from pathlib import Path

from benchmarks.alone import show

STUDIES, ROUNDS = 6, 3


def measure() -> dict[str, float]:
    """Median seconds of the same files (decode, identity out, viewing copy) with one and two children."""
    with tempfile.TemporaryDirectory() as home:
        os.environ["MAMMO_HOME"] = home
        os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mammo.settings")
        import django

        django.setup()
        from mammo.demo import hospital

        folder = hospital.build(Path(home) / "hospital", seed=1, studies=STUDIES, patients=STUDIES)
        files = sorted((folder / "dicom").rglob("*.dcm"))
        one, two = [], []
        for _ in range(ROUNDS):
            one.append(_seconds(files, 1))
            two.append(_seconds(files, 2))
    return {
        "one child, s per image": statistics.median(one) / len(files),
        "two children, s per image": statistics.median(two) / len(files),
        "ratio": statistics.median(b / a for a, b in zip(one, two, strict=True)),
    }


def _seconds(files: list[Path], children: int) -> float:
    from mammo.archive.parsing import ParsingPool
    from mammo.archive.pseudonyms import Pseudonyms

    started = time.perf_counter()
    with tempfile.TemporaryDirectory() as target, ParsingPool[int](Pseudonyms(bytes(32)), children) as pool:
        requests = (
            (
                number,
                {
                    "task": "import",
                    "path": str(file),
                    "target": f"{target}/{number}.dcm",
                    "site": "bench",
                    "label": None,
                },
            )
            for number, file in enumerate(files)
        )
        outcomes = [answer["outcome"] for _, answer in pool.answers(requests)]
    # A phantom whose lines look like text waits in quarantine: it was decoded and searched all the same.
    if (
        len(outcomes) != len(files)
        or "rejected" in outcomes
        or outcomes.count("quarantined") > len(files) // 10
    ):
        raise RuntimeError(f"phantoms were not imported: {outcomes}")
    return time.perf_counter() - started


if __name__ == "__main__":
    show(measure())
