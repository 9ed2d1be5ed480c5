"""Writes one phantom view as a digital mammogram (PS3.3 A.26, For Presentation, 12 bits in 16)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.uid import UID, DigitalMammographyXRayImageStorageForPresentation, ExplicitVRLittleEndian

from modeling.data.phantom_anatomy import FIELD_HEIGHT_MM, Laterality, ViewPosition

# Value, scheme, meaning: PS3.16 CID 4014; the older machine writes the SRT codes of its time.
_VIEW_CODES = {
    "siemens": {
        "CC": ("R-10242", "SRT", "cranio-caudal"),
        "MLO": ("R-10226", "SRT", "medio-lateral oblique"),
    },
    "giotto": {
        "CC": ("399162004", "SCT", "cranio-caudal"),
        "MLO": ("399368009", "SCT", "medio-lateral oblique"),
    },
}
_MACHINES = {"siemens": ("SIEMENS", "Mammomat Inspiration"), "giotto": ("I.M.S. s.r.l.", "GIOTTO IMAGE 3DL")}
# Directions of a row and of a column in the patient, PS3.3 C.7.6.1.1.1.
_ORIENTATION: dict[tuple[str, str], list[str]] = {
    ("L", "CC"): ["A", "R"],
    ("L", "MLO"): ["A", "FR"],
    ("R", "CC"): ["P", "L"],
    ("R", "MLO"): ["P", "FL"],
}
VENDORS = tuple(_MACHINES)


@dataclass(frozen=True)
class StudyHeader:
    """What the four files of a study say about patient and study; identifying fields are invented."""

    patient_number: str
    patient_name: str
    birth: date
    phone: str
    accession: str
    study_uid: str
    series_uid: str
    day: date
    age: int
    indication: str
    vendor: str  # siemens | giotto
    doctor: str
    history: str


def write_view(
    path: Path,
    image: NDArray[np.float32],
    header: StudyHeader,
    *,
    laterality: Laterality,
    view: ViewPosition,
    instance_uid: str,
    number: int,
) -> None:
    """Write `image` (rows, columns; 0..1) to `path`; the same input gives the same bytes."""
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = DigitalMammographyXRayImageStorageForPresentation
    meta.MediaStorageSOPInstanceUID = UID(instance_uid)
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    file = FileDataset(str(path), {}, file_meta=meta, preamble=b"\0" * 128)
    file.SpecificCharacterSet = "ISO_IR 192"
    file.SOPClassUID = DigitalMammographyXRayImageStorageForPresentation
    file.SOPInstanceUID = instance_uid
    _add_patient_and_study(file, header)
    _add_view(file, header.vendor, laterality, view, number)
    _add_pixels(file, image)
    file.save_as(path, enforce_file_format=True)


def _add_patient_and_study(file: Dataset, header: StudyHeader) -> None:
    day = header.day.strftime("%Y%m%d")
    file.StudyDate = file.SeriesDate = file.AcquisitionDate = file.ContentDate = day
    file.StudyTime = file.ContentTime = "093000"
    file.AccessionNumber = header.accession
    file.InstitutionName = "演示医院 Demonstration Hospital"
    file.InstitutionAddress = "演示路1号"
    file.ReferringPhysicianName = header.doctor
    file.StudyDescription = "双乳钼靶 Bilateral mammography"
    file.OperatorsName = header.doctor
    file.PatientName = header.patient_name
    file.PatientID = header.patient_number
    file.PatientBirthDate = header.birth.strftime("%Y%m%d")
    file.PatientSex = "F"
    file.PatientAge = f"{header.age:03d}Y"
    file.PatientTelephoneNumbers = header.phone
    file.ReasonForStudy = header.indication
    file.AdditionalPatientHistory = header.history
    file.StudyInstanceUID = header.study_uid
    file.SeriesInstanceUID = header.series_uid
    file.StudyID = header.accession
    file.SeriesNumber = 1


def _add_view(file: Dataset, vendor: str, laterality: str, view: str, number: int) -> None:
    file.ImageType = ["ORIGINAL", "PRIMARY"]
    file.Modality = "MG"
    file.PresentationIntentType = "FOR PRESENTATION"
    file.Manufacturer, file.ManufacturerModelName = _MACHINES[vendor]
    file.BodyPartExamined = "BREAST"
    file.ViewPosition = view
    file.InstanceNumber = number
    file.PatientOrientation = _ORIENTATION[laterality, view]
    file.ImageLaterality = laterality
    file.OrganExposed = "BREAST"
    file.BreastImplantPresent = "NO"
    code = Dataset()
    code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = _VIEW_CODES[vendor][view]
    code.ViewModifierCodeSequence = []
    file.ViewCodeSequence = [code]


def _add_pixels(file: Dataset, image: NDArray[np.float32]) -> None:
    rows, columns = image.shape
    spacing = f"{FIELD_HEIGHT_MM / rows:.6g}"
    file.ImagerPixelSpacing = [spacing, spacing]
    file.SamplesPerPixel = 1
    file.PhotometricInterpretation = "MONOCHROME2"
    file.PresentationLUTShape = "IDENTITY"
    file.Rows, file.Columns = rows, columns
    file.BitsAllocated, file.BitsStored, file.HighBit, file.PixelRepresentation = 16, 12, 11, 0
    file.BurnedInAnnotation = "NO"
    file.LossyImageCompression = "00"
    file.WindowCenter, file.WindowWidth = ["2048", "1900"], ["4096", "3000"]
    file.WindowCenterWidthExplanation = ["NORMAL", "HARDER"]
    file.RescaleIntercept, file.RescaleSlope, file.RescaleType = "0", "1", "US"
    file.PixelData = np.round(np.clip(image, 0, 1) * 4095).astype("<u2").tobytes()
    file["PixelData"].VR = "OW"
