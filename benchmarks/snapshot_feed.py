"""Feeding an epoch from a frozen snapshot against decoding the viewing copies (DICOM, HTJ2K) anew every epoch."""

import tempfile
import time
from pathlib import Path

import numpy as np

IMAGES, ROWS, COLUMNS = 16, 2394, 1800
SIZES = ((1008, 800), (126, 100))
EPOCHS = 3


def measure() -> dict[str, float]:
    """Milliseconds per image of both ways at the paper's and the demo's size, and the ratio."""
    from scipy import ndimage

    from benchmarks.plain_loop import _mammogram
    from mammo.archive.dicom.acceptance import examine
    from mammo.archive.dicom.training_fit import training_fit
    from mammo.archive.dicom.viewing_copy import write_viewing_copy
    from modeling.data.preprocessing import Crop, load_view
    from modeling.data.snapshot import open_snapshot, write_snapshot

    figures: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        copies: list[tuple[Path, Crop]] = []
        for number in range(IMAGES):
            found = examine(_mammogram(folder / "source.dcm", number, ndimage))
            image = found.prepared.image
            copy = folder / f"{number}.dcm"
            write_viewing_copy(
                copy,
                image,
                bits_stored=12,
                laterality="L",
                view="CC",
                uids={"study": "1.2.3", "series": "1.2.3.4", "sop": f"1.2.3.4.{number + 1}"},
                windows=found.prepared.windows,
            )
            copies.append((copy, Crop.from_dict(training_fit(image, laterality="L").as_dict())))
        for height, width in SIZES:

            def decoded(copy: Path, crop: Crop, size: tuple[int, int] = (height, width)) -> np.ndarray:
                return load_view(copy, height=size[0], width=size[1], laterality="L", crop=crop)

            study = {
                "study": "s", "patient": "p", "split": "train", "report": "", "language": "en",
                "views": [{"index": n, "laterality": "L", "view": "CC"} for n in range(IMAGES)],
            }  # fmt: skip
            target = folder / f"snapshot-{height}"
            write_snapshot(
                target, name="bench", images=(decoded(*copy) for copy in copies), image_size=(height, width),
                studies=[study], simulated=True,
            )  # fmt: skip
            snapshot = open_snapshot(target)
            fed = _per_image(lambda n, rows=snapshot.images: np.array(rows[n]))  # type: ignore[misc]
            anew = _per_image(lambda n: decoded(*copies[n]))
            name = f"{height} x {width}"
            figures[f"{name}: from the snapshot, ms per image"] = 1000 * fed
            figures[f"{name}: decoding the copy, ms per image"] = 1000 * anew
            figures[f"{name}: ratio"] = fed / anew
    return figures


def _per_image(read: object) -> float:
    """CPU seconds of one image, over all epochs."""
    started = time.process_time()
    for _epoch in range(EPOCHS):
        for number in range(IMAGES):
            read(number)  # type: ignore[operator]
    return (time.process_time() - started) / (EPOCHS * IMAGES)


if __name__ == "__main__":
    for name, value in measure().items():
        print(f"  {name:45s} {value:10.4f}")
