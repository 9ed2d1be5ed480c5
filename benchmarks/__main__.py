"""`make bench`: the benchmarks below, or those named (`python -m benchmarks studies_list`); ratios of one run.

Times are printed for orientation and never tested. Results that were kept stand in docs/benchmarks.md.
"""

import os
import platform
import sys
from pathlib import Path

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
    for benchmark in [known[name] for name in sys.argv[1:] or known]:
        print((benchmark.__doc__ or "").splitlines()[0])
        for name, value in benchmark.measure().items():
            print(f"  {name:45s} {value:8.3f}")


if __name__ == "__main__":
    main()
