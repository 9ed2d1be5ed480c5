"""Everything that a header knows of a person is searched for in her texts, wherever it stands."""

from pathlib import Path
from typing import Any

import pytest
from pydicom import Dataset, dcmread
from pydicom.sequence import Sequence

from mammo.archive.cleaning import clean_text
from mammo.archive.dicom.header import read_header
from mammo.archive.roster import Roster, merged_roster

from .files import mammogram


def roster_of(tmp_path: Path, **values: Any) -> Roster:
    return merged_roster({}, read_header(dcmread(mammogram(tmp_path / "a.dcm", **values))).as_dict())


def item(**values: Any) -> Sequence:
    data = Dataset()
    for keyword, value in values.items():
        setattr(data, keyword, value)
    return Sequence([data])


@pytest.mark.parametrize(
    ("values", "text", "gone"),
    [
        ({"ConsultingPhysicianName": "顾^莉"}, "顾莉会诊", "顾莉"),
        ({"NamesOfIntendedRecipientsOfResults": "顾^莉"}, "抄送顾莉看过", "顾莉"),
        ({"RequestedProcedureID": "RP5512"}, "编RP5512同前", "RP5512"),
        ({"ScheduledProcedureStepID": "SPS88431"}, "步SPS88431同前", "SPS88431"),
        ({"OtherPatientIDsSequence": item(PatientID="ZX77120")}, "旧ZX77120同前", "ZX77120"),
        ({"RequestAttributesSequence": item(RequestedProcedureID="RP5512")}, "编RP5512同前", "RP5512"),
        ({"RequestAttributesSequence": item(ScheduledProcedureStepID="SPS88431")}, "步SPS88431同前", "SPS88431"),
        ({"RequestAttributesSequence": item(AccessionNumber="AC99120")}, "旧AC99120同前", "AC99120"),
        ({"RequestAttributesSequence": item(RequestingPhysician="顾^莉")}, "顾莉看过", "顾莉"),
        ({"ContributingEquipmentSequence": item(OperatorsName="顾^莉", InstitutionName="仁济")}, "顾莉看过", "顾莉"),
        ({"ContributingEquipmentSequence": item(InstitutionName="仁济")}, "仁济转来", "仁济"),
        ({"VerifyingObserverSequence": item(VerifyingObserverName="顾^莉")}, "顾莉看过", "顾莉"),
        ({"ActualHumanPerformersSequence": item(HumanPerformerName="顾^莉")}, "顾莉看过", "顾莉"),
        ({"AuthorObserverSequence": item(PersonName="顾^莉")}, "顾莉看过", "顾莉"),
        (
            {"ReferringPhysicianIdentificationSequence": item(
                PersonIdentificationCodeSequence=item(CodeValue="D40021", CodeMeaning="顾莉"))},
            "顾莉看过，工D40021同", "顾莉",
        ),
        (
            {"OperatorIdentificationSequence": item(PersonIdentificationCodeSequence=item(CodeValue="D40021"))},
            "工D40021同前", "D40021",
        ),
        (
            {"OriginalAttributesSequence": item(ModifiedAttributesSequence=item(PatientName="赵^晓梅"))},
            "赵晓梅复查", "晓梅",
        ),
        ({"InstitutionName": "协和"}, "协和转来", "协和"),
        ({"ResponsibleOrganization": "仁济"}, "仁济转来", "仁济"),
        ({"PatientInstitutionResidence": "松鹤苑"}, "松鹤苑送来", "松鹤苑"),
        ({"ReferringPhysicianAddress": "苏家村"}, "苏家村来诊", "苏家村"),
        ({"IssuerOfPatientID": "仁济"}, "仁济转来", "仁济"),
        ({"StationName": "SELENIA7"}, "机SELENIA7摄片", "SELENIA7"),
        ({"CurrentPatientLocation": "WING7B"}, "自WING7B来", "WING7B"),
        ({"ReferringPhysicianTelephoneNumbers": "TK77882"}, "询TK77882同前", "TK77882"),
        ({"PatientTelecomInformation": "TK77882"}, "询TK77882同前", "TK77882"),
        ({"InsurancePlanIdentification": "YB40021"}, "险YB40021同前", "YB40021"),
        ({"PatientAddress": "苏家村"}, "苏家村来诊", "苏家村"),
    ],
)  # fmt: skip
def test_what_the_header_knows_is_gone_from_a_text(
    tmp_path: Path, values: dict[str, Any], text: str, gone: str
) -> None:
    assert gone in clean_text(text, roster_of(tmp_path)).text  # nothing but the header tells it
    assert gone not in clean_text(text, roster_of(tmp_path, **values)).text


def test_a_word_in_place_of_a_number_and_of_a_place_is_left(tmp_path: Path) -> None:
    roster = roster_of(
        tmp_path, RequestedProcedureID="MAMMO", InstitutionName="门诊", PatientAddress="NY", StationName="MAMMO",
        IssuerOfPatientID="LOCAL", InstitutionalDepartmentName="Breast Imaging", Occupation="教师",
        CurrentPatientLocation="Radiology", ResponsibleOrganization="Hospital",
    )  # fmt: skip
    text = "MAMMO bilateral. 门诊复查。NY. Breast Imaging, Radiology: no local recurrence. hospital 教师"
    assert clean_text(text, roster).text == text


def test_a_sequence_that_is_none_stops_nothing(tmp_path: Path) -> None:
    data = dcmread(mammogram(tmp_path / "a.dcm"))
    data.add_new("RequestAttributesSequence", "LO", "RP5512")
    assert read_header(data).numbers == ["H1234567", "ACC1"]
