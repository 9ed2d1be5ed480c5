"""Small mammograms written for tests: every value can be set, every identity is invented."""

import io
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.uid import (
    UID,
    DigitalMammographyXRayImageStorageForPresentation,
    ExplicitVRLittleEndian,
    generate_uid,
)


def picture(side: str = "L", rows: int = 96, columns: int = 80, *, seed: int = 0) -> np.ndarray:
    """A bright half disc on the chest-wall edge of its side, 12 bits."""
    y, x = np.mgrid[0:rows, 0:columns]
    inside = (((y - rows / 2) / (rows * 0.45)) ** 2 + (x / (columns * 0.6)) ** 2) < 1
    texture = np.random.default_rng(seed).integers(800, 2600, (rows, columns))
    image = np.where(inside, texture, 0).astype(np.uint16)
    return image if side == "L" else np.ascontiguousarray(image[:, ::-1])


def mammogram(
    path: Path,
    *,
    side: str = "L",
    view: str = "CC",
    image: np.ndarray | None = None,
    drop: tuple[str, ...] = (),
    **values: Any,
) -> Path:
    """Write one digital mammogram; `values` set or add attributes, `drop` removes them."""
    pixels = picture(side) if image is None else image
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = values.get(
        "SOPClassUID", DigitalMammographyXRayImageStorageForPresentation
    )
    meta.MediaStorageSOPInstanceUID = values.setdefault("SOPInstanceUID", generate_uid())
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    file = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
    defaults: dict[str, Any] = {
        "SpecificCharacterSet": "ISO_IR 192",
        "SOPClassUID": DigitalMammographyXRayImageStorageForPresentation,
        "StudyInstanceUID": "1.2.3.4",
        "SeriesInstanceUID": "1.2.3.4.5",
        "StudyDate": "20190311",
        "AccessionNumber": "ACC1",
        "PatientID": "H1234567",
        "PatientName": "Li^Xiuying=李^秀英",
        "PatientAge": "052Y",
        "PatientSex": "F",
        "Modality": "MG",
        "Manufacturer": "SIEMENS",
        "PresentationIntentType": "FOR PRESENTATION",
        "ImageType": ["ORIGINAL", "PRIMARY"],
        "ViewPosition": view,
        "ImageLaterality": side,
        "PatientOrientation": ["A", "R"] if side == "L" else ["P", "L"],
        "SamplesPerPixel": 1,
        "PhotometricInterpretation": "MONOCHROME2",
        "Rows": pixels.shape[0],
        "Columns": pixels.shape[1],
        "BitsAllocated": pixels.dtype.itemsize * 8,
        "BitsStored": 12 if pixels.dtype.itemsize == 2 else 8,
        "HighBit": 11 if pixels.dtype.itemsize == 2 else 7,
        "PixelRepresentation": 0,
        "WindowCenter": "2048",
        "WindowWidth": "4096",
        "ImagerPixelSpacing": ["0.1", "0.1"],
        "PixelData": pixels.tobytes(),
    }
    for keyword, value in {**defaults, **values}.items():
        if keyword not in drop:
            setattr(file, keyword, value)
    file["PixelData"].VR = "OW" if pixels.dtype.itemsize == 2 else "OB"
    path.parent.mkdir(parents=True, exist_ok=True)
    file.save_as(path, enforce_file_format=True)
    return path


def code(value: str, scheme: str) -> Dataset:
    """An item of a code sequence."""
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, scheme, "whatever the vendor wrote"
    return item


def study(folder: Path, **values: Any) -> list[Path]:
    """The four standard views of one study."""
    return [
        mammogram(
            folder / f"{side}{view}.dcm", side=side, view=view, image=picture(side, seed=number), **values
        )
        for number, (side, view) in enumerate((("L", "CC"), ("L", "MLO"), ("R", "CC"), ("R", "MLO")))
    ]


def zipped(path: Path, members: dict[str, bytes]) -> Path:
    """A zip archive of these members."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    path.write_bytes(buffer.getvalue())
    return path


__all__ = ["UID", "code", "mammogram", "picture", "study", "zipped"]
