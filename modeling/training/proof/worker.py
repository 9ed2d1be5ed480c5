"""One process that does cells of the proof until none is left or its time is over.

python -m modeling.training.proof.worker FOLDER full|tiny SECONDS SOURCES [KEPT]

SOURCES names the code at work, KEPT a file of results (table.read_kept). Several may work in one folder. A cell that
was done is never done again, here or, as KEPT tells, elsewhere, unless another starts from its weights; one that was
cut short goes on from its last checkpoint.
"""

from __future__ import annotations

import fcntl
import importlib
import json
import os
import sys
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager, redirect_stdout
from datetime import date
from pathlib import Path
from typing import Any

from modeling.data.exchange import EXIT_STOPPED, EXIT_SUCCESS
from modeling.data.phantom_texts import dialogues
from modeling.data.phantoms import write_phantom_snapshot
from modeling.training.callbacks import StopRequest
from modeling.training.config import STAGES
from modeling.training.proof.plan import (
    FULL,
    LOCK_FILE,
    RESULT_FILE,
    SETTING_FILE,
    TINY,
    Cell,
    cells,
    due,
    own_setting,
)
from modeling.training.proof.table import read_kept
from modeling.training.stage import WEIGHTS_FOLDER, run_stage, serve

FAILURE_FILE = "failure.txt"
# Between two looks at cells that another process is still at.
WAIT_SECONDS = 1.0


class Deadline(StopRequest):
    """Asks to stop when the time is over."""

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self.end = time.monotonic() + seconds
        self._told = False

    @property
    def asked(self) -> bool:
        return self._told or time.monotonic() >= self.end

    @asked.setter
    def asked(self, value: bool) -> None:
        self._told = value


def is_done(folder: Path, name: str) -> bool:
    """Whether a cell's result is there."""
    return (folder / name / RESULT_FILE).exists()


def work(
    folder: Path, plan: list[Cell], stop: StopRequest, *, elsewhere: Collection[str] = (), sources: str = ""
) -> None:
    """Do cells in the plan's order; those that others hold or that still wait for another are passed over.

    Args:
        folder: where cells are kept.
        plan: every cell.
        stop: asked before each cell and within its training.
        elsewhere: names of cells whose results are known from another machine.
        sources: the code at work, kept with each result.
    """
    while not stop.asked:
        here = {cell.name for cell in plan if is_done(folder, cell.name)}
        open_cells = [
            c for c in due(plan, here | set(elsewhere), here) if not (folder / c.name / FAILURE_FILE).exists()
        ]
        ready = [c for c in open_cells if all(is_done(folder, need) for need in c.needs.values())]
        if not ready:
            return
        for cell in ready:
            with _held(folder / cell.name) as mine:
                if mine and not is_done(folder, cell.name):
                    _do(folder, cell, stop, sources)
                    break
        else:
            time.sleep(WAIT_SECONDS)


@contextmanager
def _held(folder: Path) -> Iterator[bool]:
    """Whether this process got the cell; the hold ends with the process, however it ends."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / LOCK_FILE).open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        yield True


def _do(folder: Path, cell: Cell, stop: StopRequest, sources: str) -> None:
    place, began, used = folder / cell.name, time.monotonic(), _processor()
    sys.stderr.write(f"{cell.name}\n")
    _write(place / SETTING_FILE, own_setting(cell))
    if cell.stage == "snapshot":
        if not (place / "snapshot").exists():
            write_phantom_snapshot(
                place / "snapshot",
                studies=int(cell.config["studies"]),
                seed=1000 + cell.seed,
                cut_to_breast=True,
            )
        figures: dict[str, Any] = dict(cell.config)
    elif cell.stage == "corpus":
        rows = dialogues(cell.seed, int(cell.config["dialogues"]))
        _write(place / "corpus.jsonl", "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))
        figures = dict(cell.config)
    else:
        found = _train(folder, cell, stop)
        if found is None:
            return
        figures = found
    before = _spent(place)
    result = {
        "cell": cell.name,
        "seconds": round(before["seconds"] + time.monotonic() - began, 1),
        "processor_seconds": round(before["processor_seconds"] + _processor() - used, 1),
        "date": f"{date.today():%Y-%m-%d}",
        "sources": sources,
        "figures": figures,
    }
    _write(place / RESULT_FILE, json.dumps(result))


def _train(folder: Path, cell: Cell, stop: StopRequest) -> dict[str, Any] | None:
    """The figures of the finished checkpoint; None when the time was over before."""
    place, began, used = folder / cell.name, time.monotonic(), _processor()
    init = {name: str(folder / need / "run" / WEIGHTS_FOLDER) for name, need in cell.needs.items()}
    request: dict[str, Any] = {
        "output": str(place / "run"), "config": dict(cell.config), "seed": cell.seed, "resume": True,
        "snapshot": str(folder / cell.needs.get("snapshot", "") / "snapshot"),
        "corpus": str(folder / cell.needs.get("corpus", "") / "corpus.jsonl"),
        "init": {name: path for name, path in init.items() if name not in ("snapshot", "corpus")},
    }  # fmt: skip
    _write(place / "request.json", json.dumps(request))
    arguments = ["", str(place / "request.json"), str(place / "answer.jsonl")]
    module = importlib.import_module(f"modeling.training.{cell.stage}")
    with (place / "progress.log").open("a", encoding="utf-8") as log, redirect_stdout(log):
        if cell.stage == "language":
            code = serve(arguments, module.work, module=cell.stage, required=("corpus", "output"), stop=stop)
        else:
            code = run_stage(arguments, STAGES[cell.stage], module.train, stop=stop)
    if code == EXIT_STOPPED:
        before = _spent(place)
        spent = {
            "seconds": before["seconds"] + time.monotonic() - began,
            "processor_seconds": before["processor_seconds"] + _processor() - used,
        }
        _write(place / "spent.json", json.dumps(spent))
        return None
    if code != EXIT_SUCCESS:
        _write(place / FAILURE_FILE, f"exit code {code}\n")
        return None
    rows = [json.loads(line) for line in (place / "answer.jsonl").read_text("utf-8").splitlines()]
    figures: dict[str, Any] = next(row for row in rows if row["kind"] == "checkpoint")["metrics"]
    return figures


def _spent(place: Path) -> dict[str, float]:
    """Seconds that earlier tries took before they were cut short: by the clock and of the processor."""
    path = place / "spent.json"
    nothing = {"seconds": 0.0, "processor_seconds": 0.0}
    return {**nothing, **json.loads(path.read_text())} if path.exists() else nothing


def _processor() -> float:
    """Seconds of the processor that this process and its ended children have used."""
    used = os.times()
    return used.user + used.system + used.children_user + used.children_system


def _write(path: Path, text: str) -> None:
    part = path.with_name(f".{path.name}.part")
    part.write_text(text, "utf-8")
    part.replace(path)


def main(arguments: list[str]) -> int:
    """Work in a folder for so many seconds; 0 however much is left."""
    os.environ["HF_HUB_OFFLINE"] = "1"
    folder, scale, seconds, sources, *kept = arguments
    stop = Deadline(float(seconds))
    stop.listen()
    plan = cells(TINY if scale == "tiny" else FULL)
    elsewhere = read_kept(Path(kept[0]), plan) if kept else ()
    work(Path(folder), plan, stop, elsewhere=elsewhere, sources=sources)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
