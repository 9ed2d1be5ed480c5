"""A day as people write it in a table: whole or not at all."""

from datetime import date
from pathlib import Path

import pytest

from mammo.accounts.models import Site
from mammo.archive.models import Pathology
from mammo.archive.parsed_values import parse_day
from mammo.archive.services import import_pathology
from mammo.archive.unmatched import unmatched_csv
from mammo.core.errors import UserError

from .test_pathology import made_study, table

THE_DAY = date(2019, 11, 3)


@pytest.mark.parametrize(
    "written",
    [
        "2019-11-03", "2019-11-3", "2019/11/03", "2019/11/3", "2019.11.03", "2019.11.3", "20191103",
        "2019年11月3日", "2019年11月03日", "2019年11月3",
        "2019-11-03 14:25", "2019-11-03T14:25:09", "2019/11/3 9:05:00", "2019-11-03 00:00:00.000",
        "20191103142509", "201911031425", "2019110314", "20191103142509123", "20191103 142509", "2019年11月3日 14时25分",
    ],
)  # fmt: skip
def test_a_whole_day_is_read_and_a_time_behind_it_passed_over(written: str) -> None:
    assert parse_day(written, "date") == THE_DAY


@pytest.mark.parametrize(
    "written",
    [
        "", "2019", "2019-11", "2019/11", "2019.11", "201911", "2019年11月", "2019年",
        "2019-1103", "201911-03", "2019-11/03", "2019/11-03", "2019.1103", "2019-11-031", "2019-111-03",
        "2019110", "201911030", "20191103142", "2019-13-01", "2019-02-30", "20191131", "20190000", "0000-01-01",
        "03/11/2019", "11.03.2019", "43772", "19-11-03", "about 2019-11-03", "November 2019", "二〇一九年十一月三日",
        "２０１９-11-03",
    ],
)  # fmt: skip
def test_what_is_no_whole_day_is_refused_by_its_column_without_its_words(written: str) -> None:
    with pytest.raises(UserError, match=r"^column 'date': no date; write it as 2019-03-11$"):
        parse_day(written, "date")


@pytest.mark.django_db
def test_a_result_with_a_month_alone_comes_back_and_one_with_a_time_is_taken(
    tmp_path: Path, site: Site
) -> None:
    """November is not the first of January: no result is hung on a day that nobody wrote."""
    made_study(site, "H1", "A1", date(2019, 10, 20))
    made_study(site, "H2", "A2", date(2019, 10, 20))
    batch = import_pathology(
        table(
            tmp_path / "p.csv",
            "H1,A1,2019-11,R,,surgery,benign,",
            "H1,A1,201911,L,,surgery,benign,",
            "H2,A2,2019年11月3日 14:25,R,,surgery,malignant,",
        ),
        site=site,
        by_user=None,
    )
    assert [row.study.accession_hash for row in Pathology.objects.select_related("study")] == [
        Pathology.objects.get(result="malignant").study.accession_hash
    ]
    back = unmatched_csv(batch).decode()
    assert back.count("no date; write it as 2019-03-11") == 2
    assert "2019-11," in back
