"""Whose a DICOM file is, from its beginning alone: also of one that broke off or that an import would refuse."""

from pathlib import Path

from pydicom.filereader import dcmread

from mammo.archive.dicom.reading import is_dicom, text
from mammo.archive.dicom.refusal import rejected


def patient_and_study(path: Path) -> tuple[str, str]:
    """PatientID and StudyInstanceUID, either of which may be empty.

    Raises:
        Refusal: no DICOM file, or it names neither.
    """
    if not is_dicom(path):
        raise rejected("not DICOM (no DICM mark): it does not say whose it is")
    wanted = ["SpecificCharacterSet", "PatientID", "StudyInstanceUID"]
    dataset = dcmread(path, stop_before_pixels=True, specific_tags=wanted)
    number, study = text(dataset, "PatientID"), text(dataset, "StudyInstanceUID")
    if not number and not study:
        raise rejected("neither PatientID nor StudyInstanceUID: it does not say whose it is")
    return number, study
