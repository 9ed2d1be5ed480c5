"""What is taken from a header: identity (for keyed hashes and for cleaning texts) and validated values.

Nothing is copied: each value is checked against an enumeration, a range or a pattern, and dropped otherwise.
"""

import re
from dataclasses import asdict, dataclass, field
from datetime import date
from typing import Any

from pydicom import Dataset

from mammo.archive.dicom.digits import rounded
from mammo.archive.dicom.known_identity import all_texts, known_identity
from mammo.archive.dicom.reading import number, numbers, text
from mammo.archive.vendors import vendor_of

_AGE = re.compile(r"(\d{3})([DWMY])")
_CLOCK = re.compile(r"(\d{2}):?(\d{2})?:?(\d{2})?")
_DAY = re.compile(r"(\d{4})\.?(\d{2})\.?(\d{2})")
_CALIBRATIONS = frozenset({"GEOMETRY", "FIDUCIAL"})


@dataclass
class Header:
    """Values of one file.

    Attributes:
        patient_number, accession, study_uid, series_uid, sop_uid, study_date: originals,
            which live in memory only until they are hashed, remapped or shifted.
        names, doctors, numbers, places: identifying strings to look for in her texts.
        history, indication: free text, to be cleaned and encrypted.
        age: years, 90 for 90 and more; None when absent or impossible.
        spacing: mm per pixel (row, column) at the breast, or None.
        spacing_estimated: it is the detector's over an estimated magnification, or nobody says how it was calibrated.
        taken_at: sorts images of one study by the time they were taken.
    """

    patient_number: str
    accession: str
    study_uid: str
    series_uid: str
    sop_uid: str
    study_date: str
    taken_at: int
    names: list[str]
    doctors: list[str]
    reading_doctors: list[str]
    numbers: list[str]
    places: list[str]
    history: str
    indication: str
    age: int | None
    sex: str
    vendor: str
    spacing: list[float] | None
    spacing_estimated: bool
    implant: str
    exposure: dict[str, float] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """A JSON object."""
        return asdict(self)


def read_header(dataset: Dataset) -> Header:
    """Collect and validate what is taken from a data set."""
    spacing, estimated = _spacing(dataset)
    known = known_identity(dataset)
    return Header(
        patient_number=text(dataset, "PatientID"),
        accession=text(dataset, "AccessionNumber"),
        study_uid=text(dataset, "StudyInstanceUID"),
        series_uid=text(dataset, "SeriesInstanceUID"),
        sop_uid=text(dataset, "SOPInstanceUID"),
        study_date=_iso_day(text(dataset, "StudyDate")),
        taken_at=_taken_at(dataset),
        names=known["names"],
        doctors=known["doctors"],
        reading_doctors=all_texts(dataset, ("NameOfPhysiciansReadingStudy",)),
        numbers=known["numbers"],
        places=known["places"],
        history=text(dataset, "AdditionalPatientHistory")[:2000],
        indication=(text(dataset, "ReasonForStudy") or text(dataset, "ReasonForTheRequestedProcedure"))[
            :2000
        ],
        age=_age(dataset),
        sex=value if (value := text(dataset, "PatientSex").upper()) in {"F", "M", "O"} else "",
        vendor=vendor_of(text(dataset, "Manufacturer")),
        spacing=spacing,
        spacing_estimated=estimated,
        implant=value if (value := text(dataset, "BreastImplantPresent").upper()) in {"YES", "NO"} else "",
        exposure=_exposure(dataset),
    )


def _iso_day(written: str) -> str:
    match = _DAY.fullmatch(written)
    if not match:
        return ""
    try:
        day = date(int(match[1]), int(match[2]), int(match[3]))
    except ValueError:
        return ""
    return day.isoformat() if day.year >= 1900 else ""


def _taken_at(dataset: Dataset) -> int:
    """Hundredths of seconds since the study's first midnight, the instance number as tie-breaker."""
    whole, studied = text(dataset, "AcquisitionDateTime"), _iso_day(text(dataset, "StudyDate"))
    for day, clock in (
        (text(dataset, "AcquisitionDate"), text(dataset, "AcquisitionTime")),
        (whole[:8], whole[8:14]),
        (text(dataset, "ContentDate"), text(dataset, "ContentTime")),
        (text(dataset, "StudyDate"), text(dataset, "StudyTime")),
    ):
        taken, match = _iso_day(day), _CLOCK.match(clock)
        if taken and match:
            days = (date.fromisoformat(taken) - date.fromisoformat(studied)).days if studied else 0
            seconds = int(match[1]) * 3600 + int(match[2] or 0) * 60 + int(match[3] or 0)
            break
    else:
        days = seconds = 0
    order = int(number(dataset, "InstanceNumber") or 0) % 100
    return (min(max(days, 0), 20) * 86400 + min(seconds, 86399)) * 100 + order


def _age(dataset: Dataset) -> int | None:
    """Years from PatientAge, or from the birth date where that is absent; 90 stands for 90 and more."""
    match = _AGE.fullmatch(text(dataset, "PatientAge").upper())
    years: float | None = None
    if match:
        years = int(match[1]) / {"Y": 1, "M": 12, "W": 52, "D": 365}[match[2]]
    else:
        born, studied = _iso_day(text(dataset, "PatientBirthDate")), _iso_day(text(dataset, "StudyDate"))
        if born and studied:
            years = (date.fromisoformat(studied) - date.fromisoformat(born)).days / 365.25
    if years is None or not 10 <= years <= 120:
        return None
    return min(int(years), 90)


def _spacing(dataset: Dataset) -> tuple[list[float] | None, bool]:
    """Spacing at the breast, and whether it is an estimate (PS3.3 10.7.1).

    PixelSpacing that states how it was calibrated is none. One that differs from the detector's was corrected, but
    nobody says how; one without the detector's may be either. One that equals it was not corrected: the detector's
    over the magnification factor is an estimate.
    """
    at_breast = _pair(numbers(dataset, "PixelSpacing"))
    detector = _pair(numbers(dataset, "ImagerPixelSpacing"))
    if at_breast and at_breast != detector:
        return at_breast, text(dataset, "PixelSpacingCalibrationType").upper() not in _CALIBRATIONS
    if detector:
        factor = number(dataset, "EstimatedRadiographicMagnificationFactor") or 1.0
        factor = factor if 1.0 <= factor <= 4.0 else 1.0
        return [rounded(value / factor) for value in detector], True
    return None, True


def _pair(values: list[float]) -> list[float] | None:
    pair = [rounded(value) for value in values[:2]]
    return pair if len(pair) == 2 and all(0.005 <= value <= 2 for value in pair) else None


# Keyword -> lowest and highest value that can be meant.
_EXPOSURE_RANGES = {
    "KVP": (10, 60),
    "BodyPartThickness": (1, 250),
    "CompressionForce": (0, 400),
    "ExposureTime": (0, 20000),
    "ExposureInuAs": (0, 2_000_000),
    "PositionerPrimaryAngle": (-180, 180),
    "OrganDose": (0, 1),
}


def _exposure(dataset: Dataset) -> dict[str, float]:
    found = {}
    for keyword, (low, high) in _EXPOSURE_RANGES.items():
        value = number(dataset, keyword)
        if value is not None and low <= value <= high:
            found[keyword] = round(value, 6)
    return found
