"""One image through the whole import against a plain loop of pydicom, numpy and Pillow that writes a PNG (one core).

The plain loop checks nothing and leaves identity wherever it is; the ratio is the price of what the import adds.
"""

import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from benchmarks.alone import show

ROWS, COLUMNS, IMAGES = 2394, 1800, 4


def measure() -> dict[str, float]:
    """CPU seconds per image of both, of the import's parts, and the sizes of what they write."""
    import pydicom
    from scipy import ndimage

    from mammo.archive.dicom.acceptance import examine
    from mammo.archive.dicom.burned_in import text_lines
    from mammo.archive.dicom.training_fit import training_fit
    from mammo.archive.parse_child import answer_request
    from mammo.archive.pseudonyms import Pseudonyms

    pseudonyms = Pseudonyms(bytes(32))
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        files = [_mammogram(folder / f"{number}.dcm", number, ndimage) for number in range(IMAGES)]

        def whole(file: Path) -> None:
            request = {
                "task": "import",
                "path": str(file),
                "target": str(file.with_suffix(".view")),
                "site": "b",
            }
            answer = answer_request(request, pseudonyms)
            if answer["outcome"] != "imported":
                raise RuntimeError(answer["reason"])

        whole(files[0])  # the first call loads libraries
        images = [examine(file).prepared.image for file in files]
        imported, plain = _seconds(whole, files), _seconds(_plain, files)
        found = {
            "import, CPU s per image": imported,
            "plain loop, CPU s per image": plain,
            "ratio": imported / plain,
            "of which the text detector, s": _seconds(text_lines, images),
            "of which the training fit, s": _seconds(lambda i: training_fit(i, laterality="L"), images),
        }
        raw = sum(len(pydicom.dcmread(file).PixelData) for file in files)
        copies = sum(file.with_suffix(".view").stat().st_size for file in files)
    return {**found, "viewing copy, bytes against raw pixels": copies / raw}


def _seconds(act: Callable[..., object], over: list[object] | list[Path]) -> float:
    started = time.process_time()
    for each in over:
        act(each)
    return (time.process_time() - started) / len(over)


def _plain(file: Path) -> None:
    import pydicom
    from PIL import Image

    dataset = pydicom.dcmread(file)
    values = dataset.pixel_array.astype(np.float32)
    low = float(dataset.WindowCenter) - float(dataset.WindowWidth) / 2
    greys = np.clip((values - low) / float(dataset.WindowWidth), 0, 1) * 255
    Image.fromarray(greys.astype(np.uint8)).save(file.with_suffix(".png"))


def _mammogram(path: Path, seed: int, ndimage: object) -> Path:
    """A smooth half disc with texture on black, 12 bits, with a window."""
    from tests.mammo.archive.files import mammogram

    y, x = np.mgrid[0:ROWS, 0:COLUMNS]
    inside = ((y - ROWS / 2) / (ROWS * 0.42)) ** 2 + (x / (COLUMNS * 0.55)) ** 2 < 1
    noise = np.random.default_rng(seed).normal(0, 1, (ROWS // 4, COLUMNS // 4))
    texture = np.kron(ndimage.gaussian_filter(noise, 2), np.ones((4, 4)))  # type: ignore[attr-defined]
    texture = np.pad(texture, ((0, ROWS - texture.shape[0]), (0, COLUMNS - texture.shape[1])), mode="edge")
    image = np.where(inside, np.clip(1600 + 1500 * texture, 200, 3900), 0).astype(np.uint16)
    return mammogram(path, image=ndimage.gaussian_filter(image, 1.5))  # type: ignore[attr-defined]


if __name__ == "__main__":
    show(measure())
