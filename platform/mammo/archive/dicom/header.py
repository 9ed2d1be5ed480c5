"""What is taken from a header: identity (for keyed hashes and for cleaning texts) and validated values.

Nothing is copied: each value is checked against an enumeration, a range or a pattern, and dropped otherwise.
"""

import re
from dataclasses import asdict, dataclass, field
from datetime import date
from typing import Any

from pydicom import Dataset

from mammo.archive.dicom.reading import number, numbers, text, texts
from mammo.archive.vendors import vendor_of

_AGE = re.compile(r"(\d{3})([DWMY])")
_CLOCK = re.compile(r"(\d{2}):?(\d{2})?:?(\d{2})?")
_DAY = re.compile(r"(\d{4})\.?(\d{2})\.?(\d{2})")
# Names of people, and numbers, that may stand in a patient's texts.
_PATIENT_NAMES = (
    "PatientName",
    "OtherPatientNames",
    "PatientBirthName",
    "PatientMotherBirthName",
    "ResponsiblePerson",
)
_DOCTOR_NAMES = (
    "ReferringPhysicianName", "PerformingPhysicianName", "NameOfPhysiciansReadingStudy", "OperatorsName",
    "RequestingPhysician", "ScheduledPerformingPhysicianName", "PhysiciansOfRecord",
)  # fmt: skip
_NUMBERS = (
    "PatientID",
    "OtherPatientIDs",
    "AccessionNumber",
    "StudyID",
    "PatientTelephoneNumbers",
    "AdmissionID",
)
_PLACES = ("PatientAddress", "InstitutionName", "InstitutionAddress")


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
        spacing_estimated: it is the detector's spacing over an estimated magnification.
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
    return Header(
        patient_number=text(dataset, "PatientID"),
        accession=text(dataset, "AccessionNumber"),
        study_uid=text(dataset, "StudyInstanceUID"),
        series_uid=text(dataset, "SeriesInstanceUID"),
        sop_uid=text(dataset, "SOPInstanceUID"),
        study_date=_iso_day(text(dataset, "StudyDate")),
        taken_at=_taken_at(dataset),
        names=_all(dataset, _PATIENT_NAMES),
        doctors=_all(dataset, _DOCTOR_NAMES),
        reading_doctors=_all(dataset, ("NameOfPhysiciansReadingStudy",)),
        numbers=_all(dataset, _NUMBERS),
        places=_all(dataset, _PLACES),
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


def _all(dataset: Dataset, keywords: tuple[str, ...]) -> list[str]:
    found: list[str] = []
    for keyword in keywords:
        found += [value for value in texts(dataset, keyword) if value and value not in found]
    return found


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
    for day, clock in (
        ("AcquisitionDate", "AcquisitionTime"),
        ("ContentDate", "ContentTime"),
        ("StudyDate", "StudyTime"),
    ):
        taken, studied = _iso_day(text(dataset, day)), _iso_day(text(dataset, "StudyDate"))
        match = _CLOCK.match(text(dataset, clock))
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
    """Spacing at the breast: PixelSpacing if calibrated, else ImagerPixelSpacing over the magnification factor."""
    calibrated = _pair(numbers(dataset, "PixelSpacing"))
    imager = _pair(numbers(dataset, "ImagerPixelSpacing"))
    if (
        calibrated
        and calibrated != imager
        and text(dataset, "PixelSpacingCalibrationType").upper() == "GEOMETRY"
    ):
        return calibrated, False
    if imager:
        factor = number(dataset, "EstimatedRadiographicMagnificationFactor") or 1.0
        factor = factor if 1.0 <= factor <= 4.0 else 1.0
        return [value / factor for value in imager], True
    return calibrated, True


def _pair(values: list[float]) -> list[float] | None:
    return values[:2] if len(values) >= 2 and all(0.005 <= value <= 2 for value in values[:2]) else None


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
