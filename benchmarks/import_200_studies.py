"""Import of 200 studies (800 images) as the command does it, against a plain loop that writes a PNG of each image.

The plain loop reads with pydicom, windows with numpy and writes with Pillow; it checks nothing, keeps no original and
leaves identity where it is. Files are made one at a time, so that the disk holds few; making them is not counted.
MAMMO_BENCH_STUDIES and MAMMO_BENCH_ROWS change number and height of the images.
"""

import os
import resource
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.alone import measured_alone, show

STUDIES = int(os.environ.get("MAMMO_BENCH_STUDIES", "200"))
ROWS = int(os.environ.get("MAMMO_BENCH_ROWS", "1197"))
VIEWS = (("L", "CC"), ("L", "MLO"), ("R", "CC"), ("R", "MLO"))


class MadeFiles:
    """Mammograms made when the import asks for them; `making` counts the CPU seconds that took."""

    def __init__(self, pictures: dict[str, np.ndarray]) -> None:
        self.pictures, self.making = pictures, 0.0

    def count(self) -> int:
        """Images of all studies."""
        return STUDIES * len(VIEWS)

    def files(self, unpack_into: Path) -> Iterator[Any]:
        """One after the other; the import removes each when it is done with it."""
        from mammo.archive.sources import Source

        for number in range(STUDIES):
            for side, view in VIEWS:
                path = unpack_into / f"made-{number}-{side}{view}.dcm"
                yield Source(str(path), self.make(path, number, side, view), is_temporary=True)

    def make(self, path: Path, number: int, side: str, view: str) -> Path:
        """One file; rolling the texture by a few lines makes the bytes of each study its own."""
        from tests.mammo.archive.files import mammogram

        started = time.process_time()
        image = np.roll(self.pictures[side], number % 50, axis=0)
        mammogram(
            path, side=side, view=view, image=image, PatientID=f"B{number:06d}", AccessionNumber=f"A{number}",
            StudyInstanceUID=f"1.2.3.{number + 1}", SeriesInstanceUID=f"1.2.3.{number + 1}.1",
        )  # fmt: skip
        self.making += time.process_time() - started
        return path


def measure() -> dict[str, float]:
    """Seconds, images per second and core, where the time goes, and the ratio to the plain loop."""
    return measured_alone("import_200_studies")


def here() -> dict[str, float]:
    """The same, in this process."""
    with tempfile.TemporaryDirectory() as home:
        os.environ.update(MAMMO_HOME=home, DJANGO_SETTINGS_MODULE="mammo.settings")
        os.environ.pop("DATABASE_URL", None)
        import django

        django.setup()
        from django.core.management import call_command

        call_command("migrate", verbosity=0)
        return _measured(Path(home))


def _measured(folder: Path) -> dict[str, float]:
    from benchmarks.plain_loop import _plain
    from mammo.accounts.services import create_site
    from mammo.archive.studies_import import run_import

    made = MadeFiles(_pictures())
    site = create_site("bench", "Bench", by_user=None, is_simulated=True)
    images = made.count()
    before, wall = _cpu(), time.perf_counter()
    batch = run_import(made, site=site, by_user=None)
    wall, after = time.perf_counter() - wall, _cpu()
    if batch.counts["imported"] != images:
        raise RuntimeError(f"imported {batch.counts}")
    parent, children = after[0] - before[0] - made.making, after[1] - before[1]
    plain = 0.0
    for number in range(STUDIES):
        for side, view in VIEWS:
            path = made.make(folder / "plain.dcm", number, side, view)
            started = time.process_time()
            _plain(path)
            plain += time.process_time() - started
    total = parent + children
    return {
        f"{STUDIES} studies of {ROWS} lines: wall, s": wall,
        "import, CPU s": total,
        "import, images per second and core": images / total,
        "of which reading, judging, HTJ2K (children)": children / total,
        "of which hashing, encryption, rows (parent)": parent / total,
        "plain loop, CPU s": plain,
        "plain loop, images per second and core": images / plain,
        "ratio, import : plain loop": total / plain,
    }


def _cpu() -> tuple[float, float]:
    own, children = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return own.ru_utime + own.ru_stime, children.ru_utime + children.ru_stime


def _pictures() -> dict[str, np.ndarray]:
    """A smooth half disc with texture on black for each side, 12 bits."""
    from scipy import ndimage

    columns = ROWS * 3 // 4
    y, x = np.mgrid[0:ROWS, 0:columns]
    inside = ((y - ROWS / 2) / (ROWS * 0.38)) ** 2 + (x / (columns * 0.55)) ** 2 < 1
    texture = ndimage.gaussian_filter(np.random.default_rng(0).normal(0, 1, (ROWS, columns)), 8) * 16
    left = np.where(inside, np.clip(1600 + 700 * texture, 200, 3900), 0).astype(np.uint16)
    left = ndimage.gaussian_filter(left, 1.5)
    return {"L": left, "R": np.ascontiguousarray(left[:, ::-1])}


if __name__ == "__main__":
    show(here())
