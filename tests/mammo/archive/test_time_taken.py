"""Images of one study are sorted by when they were taken, wherever the file says it."""

import pytest
from pydicom import Dataset

from mammo.archive.dicom.header import read_header


def taken_at(**values: str) -> int:
    dataset = Dataset()
    for keyword, value in {"StudyDate": "20190311", "StudyTime": "080000", **values}.items():
        setattr(dataset, keyword, value)
    return read_header(dataset).taken_at


@pytest.mark.parametrize(
    "written",
    [
        {"AcquisitionDate": "20190311", "AcquisitionTime": "091733"},
        {"AcquisitionDateTime": "20190311091733.424242+0800"},
        {"AcquisitionDateTime": "20190311091733", "ContentDate": "20190312", "ContentTime": "101010"},
        {"AcquisitionDateTime": "2019", "ContentDate": "20190311", "ContentTime": "091733"},
    ],
)
def test_the_time_of_the_exposure_counts_before_those_of_content_and_study(written: dict[str, str]) -> None:
    assert taken_at(**written) == (9 * 3600 + 17 * 60 + 33) * 100
