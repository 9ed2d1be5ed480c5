"""What a header knows of the patient, her doctors, her numbers and places: searched for in her texts.

Read at the top level and in the sequences that name persons or orders (PS3.3 C.2, C.7, C.12 and 10.6), at any depth.
"""

from collections import deque

from pydicom import Dataset

from mammo.archive.dicom.reading import texts

_PATIENT_NAMES = (
    "PatientName",
    "OtherPatientNames",
    "PatientBirthName",
    "PatientMotherBirthName",
    "ResponsiblePerson",
)
_DOCTOR_NAMES = (
    "ReferringPhysicianName", "ConsultingPhysicianName", "PerformingPhysicianName", "NameOfPhysiciansReadingStudy",
    "OperatorsName", "RequestingPhysician", "ScheduledPerformingPhysicianName", "PhysiciansOfRecord",
    "NamesOfIntendedRecipientsOfResults", "HumanPerformerName", "VerifyingObserverName", "PersonName",
    "ContentCreatorName", "OrderEnteredBy", "ReviewerName", "InterpretationAuthor", "InterpretationRecorder",
    "InterpretationTranscriber", "PhysicianApprovingInterpretation", "DistributionName",
)  # fmt: skip
_NUMBERS = (
    "PatientID",
    "OtherPatientIDs",
    "AccessionNumber",
    "StudyID",
    "PatientTelephoneNumbers",
    "AdmissionID",
)
# Systems also write a word here ("MAMMO"): only what has a digit is a number.
_ORDERS = (
    "RequestedProcedureID", "ScheduledProcedureStepID", "PlacerOrderNumberImagingServiceRequest",
    "FillerOrderNumberImagingServiceRequest", "ServiceEpisodeID", "MedicalRecordLocator", "PersonTelephoneNumbers",
    "OrderCallbackPhoneNumber", "ReferringPhysicianTelephoneNumbers", "PatientTelecomInformation",
    "PersonTelecomInformation", "InsurancePlanIdentification",
)  # fmt: skip
_PLACES = (
    "PatientAddress", "InstitutionName", "InstitutionAddress", "PersonAddress", "HumanPerformerOrganization",
    "VerifyingOrganization", "ReferringPhysicianAddress", "ResponsibleOrganization", "IssuerOfPatientID",
    "PatientInstitutionResidence",
)  # fmt: skip
# Here mostly stand words of every report (MAMMO, Radiology): only what has a digit is searched for. Departments,
# alerts and occupations are such words always, and name nobody.
_STATIONS = ("StationName", "CurrentPatientLocation")
_SEQUENCES = (
    "OtherPatientIDsSequence", "RequestAttributesSequence", "ReferencedRequestSequence",
    "ScheduledStepAttributesSequence", "ScheduledProcedureStepSequence", "ContributingEquipmentSequence",
    "ReferringPhysicianIdentificationSequence", "ConsultingPhysicianIdentificationSequence",
    "PhysiciansOfRecordIdentificationSequence", "PhysiciansReadingStudyIdentificationSequence",
    "PerformingPhysicianIdentificationSequence", "OperatorIdentificationSequence",
    "RequestingPhysicianIdentificationSequence", "ScheduledPerformingPhysicianIdentificationSequence",
    "PersonIdentificationCodeSequence", "ActualHumanPerformersSequence", "ScheduledHumanPerformersSequence",
    "HumanPerformerCodeSequence", "VerifyingObserverSequence", "AuthorObserverSequence", "ParticipantSequence",
    "CustodialOrganizationSequence", "ContentCreatorIdentificationCodeSequence", "OriginalAttributesSequence",
    "ModifiedAttributesSequence", "ResultsDistributionListSequence", "InterpretationApproverSequence",
    "IntendedRecipientsOfResultsIdentificationSequence",
)  # fmt: skip
# A code that stands for a person: its meaning is her name, its value her number in the hospital.
_PERSON_CODES = frozenset(
    ("PersonIdentificationCodeSequence", "HumanPerformerCodeSequence", "ContentCreatorIdentificationCodeSequence")
)  # fmt: skip


def known_identity(dataset: Dataset) -> dict[str, list[str]]:
    """`names`, `doctors`, `numbers` and `places` of a data set, in reading order, each value once."""
    found: dict[str, dict[str, None]] = {kind: {} for kind in ("names", "doctors", "numbers", "places")}
    waiting: deque[tuple[Dataset, bool]] = deque([(dataset, False)])
    while waiting:
        current, is_person_code = waiting.popleft()
        for kind, values in _values(current, is_person_code=is_person_code):
            found[kind].update(dict.fromkeys(value for value in values if value))
        for keyword in _SEQUENCES:
            waiting.extend((item, keyword in _PERSON_CODES) for item in _items(current, keyword))
    return {kind: list(values) for kind, values in found.items()}


def all_texts(dataset: Dataset, keywords: tuple[str, ...]) -> list[str]:
    """Values of several text elements, each once."""
    return list(dict.fromkeys(value for keyword in keywords for value in texts(dataset, keyword) if value))


def _values(dataset: Dataset, *, is_person_code: bool) -> list[tuple[str, list[str]]]:
    if is_person_code:
        codes = all_texts(dataset, ("CodeValue", "LongCodeValue"))
        return [("doctors", texts(dataset, "CodeMeaning")), ("numbers", _with_digit(codes))]
    return [
        ("names", all_texts(dataset, _PATIENT_NAMES)),
        ("doctors", all_texts(dataset, _DOCTOR_NAMES)),
        ("numbers", all_texts(dataset, _NUMBERS)),
        ("numbers", _with_digit(all_texts(dataset, _ORDERS))),
        ("places", all_texts(dataset, _PLACES)),
        ("places", _with_digit(all_texts(dataset, _STATIONS))),
    ]


def _with_digit(values: list[str]) -> list[str]:
    return [value for value in values if any(character.isdigit() for character in value)]


def _items(dataset: Dataset, keyword: str) -> list[Dataset]:
    """Items of a sequence; none when it is absent or is no sequence that can be read."""
    try:
        return [item for item in dataset.get(keyword) or () if isinstance(item, Dataset)]
    except Exception:  # any value of any file may break any converter
        return []
