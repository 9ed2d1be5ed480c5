"""`prove`: train every part on phantoms, over several seeds, and write the table of what came out."""

import os
import platform
import subprocess
import sys
import time
from datetime import date
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import CommandParser

from mammo.core.code_version import SHOWN, sources_sha256
from mammo.core.command import Command as BaseCommand
from mammo.core.errors import UserError
from modeling.training.proof.plan import FULL, TINY, cells, forget_stale, stale_cells
from modeling.training.proof.table import (
    Figure,
    figure,
    lines,
    markdown,
    read_kept,
    read_results,
    write_kept,
)

WORKER = "modeling.training.proof.worker"


class Command(BaseCommand):
    """Runs the proof's cells in child processes; each cell that is done is kept."""

    help = "Prove the parts of the model on phantoms: about 70 minutes on two cores, in as many calls as you like."
    example = "manage.py prove --minutes 9 --results docs/proof.jsonl --write docs/proof.md"

    def arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--folder", type=Path, help="where cells are kept (MAMMO_HOME/proof)")
        parser.add_argument(
            "--minutes", type=float, default=600.0, help="stop after so long; call again to go on"
        )
        parser.add_argument("--workers", type=int, default=2, help="cells at once (2)")
        parser.add_argument(
            "--tiny", action="store_true", help="every cell in seconds; the figures mean nothing"
        )
        parser.add_argument(
            "--results", type=Path,
            help="file of results that other machines can go on from: read, and written anew (docs/proof.jsonl)",
        )  # fmt: skip
        parser.add_argument("--write", type=Path, help="file that the table is written to, as Markdown")

    def run(self, **options: Any) -> dict[str, Any]:
        if options["minutes"] < 0 or options["workers"] < 1:
            raise UserError("--minutes must not be below 0, --workers not below 1")
        scale, name = (TINY, "tiny") if options["tiny"] else (FULL, "full")
        folder = (options["folder"] or Path(settings.MAMMO_HOME) / "proof").absolute() / name
        folder.mkdir(parents=True, exist_ok=True)
        plan = cells(scale)
        kept = options["results"]
        try:
            elsewhere = read_kept(kept, plan) if kept else {}
        except (OSError, ValueError) as error:
            raise UserError(str(error)) from error
        if options["minutes"]:
            forgotten = forget_stale(folder, plan)
            if forgotten:
                self.say(f"Done anew, since the setting changed: {', '.join(forgotten)}.", **options)
            self._work(folder, name, options["minutes"] * 60, options["workers"], kept)
        stale = set(stale_cells(folder, plan))
        here = {name: result for name, result in read_results(folder, plan).items() if name not in stale}
        results = {**elsewhere, **here}
        if kept:
            write_kept(kept, results, plan)
        figures = [figure(line, results, scale.classifier_seeds) for line in lines()]
        self._tell(figures, **options)
        text = markdown(
            results, plan, seeds=scale.classifier_seeds, machine=machine(), date=f"{date.today():%Y-%m-%d}",
            command=f"manage.py prove{' --tiny' if options['tiny'] else ''}",
        )  # fmt: skip
        if options["write"]:
            options["write"].write_text(text, "utf-8")
        failed = sorted(path.parent.name for path in folder.glob("*/failure.txt"))
        self.exit_code = int(bool(failed))
        self.say(f"{len(results)} of {len(plan)} cells are done in {folder}.", **options)
        for cell in failed:
            self.say(
                f"{cell}: failed; read {folder / 'log.txt'}, mend, remove {folder / cell} and run again.",
                **options,
            )
        return {
            "done": sorted(results),
            "left": [cell.name for cell in plan if cell.name not in results],
            "failed": failed,
            "figures": [
                {"part": f.line.part, "figure": f.line.label, "aim": f.line.aim, "mean": f.mean,
                 "interval": f.interval, "values": f.values, "holds": f.holds}
                for f in figures
            ],
        }  # fmt: skip

    def _work(self, folder: Path, name: str, seconds: float, workers: int, kept: Path | None) -> None:
        base = Path(settings.BASE_DIR)
        paths = [str(base), str(base / "platform"), os.environ.get("PYTHONPATH", "")]
        environment = os.environ | {
            "PYTHONPATH": os.pathsep.join(path for path in paths if path),
            "OMP_NUM_THREADS": "1",
            "CUDA_VISIBLE_DEVICES": os.environ.get("CUDA_VISIBLE_DEVICES", ""),
        }
        end = time.monotonic() + seconds
        arguments = [_sources(), *([str(kept.absolute())] if kept else [])]
        command = [sys.executable, "-m", WORKER, str(folder), name, str(seconds), *arguments]
        with (folder / "log.txt").open("ab") as log:
            children = [
                subprocess.Popen(command, stderr=log, stdout=log, env=environment) for _ in range(workers)
            ]
            try:
                codes = [child.wait(timeout=max(end - time.monotonic(), 0) + 120) for child in children]
            except (subprocess.TimeoutExpired, KeyboardInterrupt):
                codes = [1]
                raise
            finally:
                for child in children:
                    if child.poll() is None:
                        child.kill()
        if any(codes):
            raise UserError(f"a worker ended with exit code {max(codes)}; read {folder / 'log.txt'}")

    def _tell(self, figures: list[Figure], **options: Any) -> None:
        for each in figures:
            if each.mean is not None:
                spread = f" [{each.interval[0]:.3f}, {each.interval[1]:.3f}]" if each.interval else ""
                holds = "" if each.holds is None else "  holds" if each.holds else "  DOES NOT HOLD"
                self.say(
                    f"{each.line.part}: {each.line.label}: {each.mean:.3f}{spread} ({len(each.values)}){holds}",
                    **options,
                )


def _sources() -> str:
    """The code that a cell's figures come from, as the first hex digits of its hash."""
    root = Path(settings.BASE_DIR) / "modeling"
    return sources_sha256([root / name for name in ("data", "nn", "training")])[:SHOWN]


def machine() -> str:
    """What the figures were measured on."""
    try:
        known = Path("/proc/cpuinfo").read_text()
        model = next(line.split(":", 1)[1].strip() for line in known.splitlines() if "model name" in line)
    except (OSError, StopIteration):
        model = platform.processor() or platform.machine()
    return f"{model}, {os.cpu_count()} cores, no GPU used, Python {platform.python_version()}"
