"""`make bench`: the benchmarks below, or those named (`python -m benchmarks studies_list`); ratios of one run.

One that fails is named, the others go on, and the exit code is 1.
Times are printed for orientation and never tested. Results that were kept stand in docs/benchmarks.md.
"""

import os
import platform
import sys
from pathlib import Path
from types import ModuleType

from benchmarks import (
    archive_bars,
    import_200_studies,
    import_pool,
    kill_points,
    plain_loop,
    snapshot_feed,
    sparse_experts,
    statistics_speed,
    studies_list,
    training_ratios,
    type_one_error,
    viewer,
)

BENCHMARKS = (
    archive_bars,
    sparse_experts,
    snapshot_feed,
    training_ratios,
    kill_points,
    import_pool,
    import_200_studies,
    plain_loop,
    studies_list,
    statistics_speed,
    type_one_error,
    viewer,
)


def machine() -> str:
    """What the figures were measured on."""
    model = next(
        (
            line.split(":", 1)[1].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if "model name" in line
        ),
        platform.processor(),
    )
    return f"{model}, {len(os.sched_getaffinity(0))} cores, Python {platform.python_version()}"


def main() -> None:
    """Run and print."""
    known = {benchmark.__name__.rpartition(".")[2]: benchmark for benchmark in BENCHMARKS}
    if {"-h", "--help"} & set(sys.argv[1:]):
        print(f"{__doc__}\nBenchmarks: {', '.join(known)}")
        return
    unknown = [name for name in sys.argv[1:] if name not in known]
    if unknown:
        sys.exit(f"{unknown[0]}: no such benchmark; one of {', '.join(known)}")
    print(f"machine: {machine()}\n")
    failed = [name for name in sys.argv[1:] or known if not is_measured(known[name])]
    if failed:
        sys.exit(f"failed: {', '.join(failed)}")


def is_measured(benchmark: ModuleType) -> bool:
    """Run one and print its figures, or why there are none; the others do not depend on it."""
    print((benchmark.__doc__ or "").splitlines()[0])
    try:
        figures = benchmark.measure()
    except Exception as error:
        print(f"  FAILED: {type(error).__name__}: {error}", flush=True)
        return False
    for name, value in figures.items():
        print(f"  {name:45s} {value:8.3f}")
    return True


if __name__ == "__main__":
    main()
