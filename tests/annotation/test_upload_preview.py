"""What a table's preview says is what taking it in does, and one reading names every wrong row."""

import uuid

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from annotation.models import Campaign, Question, QuestionUpload
from annotation.services import uploads
from annotation.services.uploads import confirm_upload, read_upload
from mammo.accounts.models import AuditEvent, User
from mammo.archive.models import Patient
from mammo.core.errors import UserError
from tests.annotation.test_views import signed_in
from tests.api.conftest import Caller, caller  # noqa: F401  (a fixture)

HEADER = "patient,accession,text,source,consent\n"
MIXED = (
    "P001,A001,第一问？,ward,IC-1\n"
    "H999,A999,第二问？,ward,IC-2\n"
    "P001,A999,第三问？,ward,IC-3\n"
    "P001,A001,第四问？,ward,患者姓名：张三\n"
    "P001,A001,第一问？,ward,IC-1\n"
    "N001,,第五问？,ward,IC-5\n"
)


def read(campaign: Campaign, rita: User, rows: str) -> QuestionUpload:
    file = SimpleUploadedFile("q.csv", (HEADER + rows).encode())
    return read_upload(campaign, file, by_user=rita)


def shown(upload: QuestionUpload, rita: User) -> str:
    """The preview, without its markup's line breaks."""
    body = signed_in(rita).get(reverse("annotation:upload", args=[upload.pk])).content.decode()
    return " ".join(body.split())


def test_the_preview_foretells_what_the_import_does(campaign: Campaign, rita: User) -> None:
    upload = read(campaign, rita, MIXED)
    patients = Patient.objects.count()
    body = shown(upload, rita)
    assert Patient.objects.count() == patients, "a look adds nobody"
    for number, words in (("2", "would be taken in"), ("1", "are there already"), ("3", "would be rejected")):
        assert f'<span class="figure">{number}</span> {words}' in body
    assert '<span class="figure">1</span> with a study' in body
    problems = body.split("Rows that would be rejected</caption>")[1].split("</table>")[0]
    result = confirm_upload(upload, by_user=rita)
    rejected = [item for item in result.items if item.outcome == "rejected"]
    assert [item.row for item in rejected] == [3, 4, 5]
    assert [item.reason.split(":")[0] for item in rejected] == ["patient", "accession", "consent"]
    for item in rejected:
        assert f'<td class="number">{item.row}</td><td>{item.reason}</td>' in problems
    assert (result.counts["imported"], result.counts["duplicate"]) == (2, 1)
    assert Question.objects.exclude(study=None).count() == 1


def test_more_problems_than_fit_are_counted(campaign: Campaign, rita: User) -> None:
    upload = read(campaign, rita, "".join(f"H{n},A{n},问{n}？,ward,IC\n" for n in range(100, 123)))
    body = shown(upload, rita)
    assert body.count("no patient of this number") == 20
    assert "And 3 more rows." in body
    address = reverse("annotation:upload", args=[upload.pk])
    sent = {"idempotency_key": str(uuid.uuid4()), "do": "confirm"}
    after = signed_in(rita).post(address, sent, follow=True).content.decode()
    assert "And 3 more rows." in after


def test_one_reading_names_every_wrong_row(campaign: Campaign, rita: User) -> None:
    rows = "P001,A001,,ward,IC\nP001,A001,好？,,IC\nH999,A999,好？,ward,IC\nP001,A001,可以吗？,ward,IC\n"
    with pytest.raises(UserError) as refused:
        read(campaign, rita, rows)
    said = str(refused.value)
    assert [said.count(f"q.csv, row {row}: ") for row in (2, 3, 4, 5)] == [1, 1, 1, 0]
    for words in ("the question is empty", "source is empty", "patient: no patient of this number"):
        assert words in said
    assert not QuestionUpload.objects.exists()
    many = "".join(f"P001,A001,问{n}？,,IC\n" for n in range(25))
    with pytest.raises(UserError, match="and 5 more rows"):
        read(campaign, rita, many)


def test_of_a_long_table_the_first_rows_are_looked_through_and_the_page_says_so(
    campaign: Campaign, rita: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uploads, "MOST_FORESEEN", 3)
    upload = read(campaign, rita, MIXED)
    body = shown(upload, rita)
    assert "The first 3 rows were looked through" in body
    assert '<span class="figure">1</span> would be taken in' in body
    monkeypatch.setattr(uploads, "MOST_FORESEEN", 6)
    assert "were looked through" not in shown(upload, rita)


def test_the_interface_foretells_the_same_and_takes_nothing_in(
    campaign: Campaign,
    rita: User,
    june: User,
    caller: Caller,  # noqa: F811
) -> None:
    upload = read(campaign, rita, MIXED)
    body, patients, looks = shown(upload, rita), Patient.objects.count(), seen()
    answer = caller(rita).get(f"/api/v1/uploads/{upload.pk}/preview/")
    assert answer.status_code == 200, answer.content
    found = answer.json()
    assert (found["count"], found["looked_through"], found["with_study"], found["several_rounds"]) == (
        6,
        6,
        1,
        0,
    )
    assert found["counts"] == {"imported": 2, "duplicate": 1, "rejected": 3, "quarantined": 0}
    for problem in found["problems"]:
        assert f'<td class="number">{problem["row"]}</td><td>{problem["reason"]}</td>' in body
    assert [row["turns"] for row in found["rows"]][:2] == [["第一问？"], ["第二问？"]]
    assert found["rows"][0] == {
        "row": 2, "turns": ["第一问？"], "language": "zh", "source": "ward", "consent": "IC-1",
        "asked_on": None, "pool": "",
    }  # fmt: skip
    assert (Patient.objects.count(), Question.objects.count()) == (patients, 0)
    assert seen() == looks + 1, "her words before cleaning were shown"
    result = confirm_upload(upload, by_user=rita)
    assert result.counts == found["counts"]
    rejected = [(item.row, item.reason) for item in result.items if item.outcome == "rejected"]
    assert [(one["row"], one["reason"]) for one in found["problems"]] == rejected
    assert caller(rita).get(f"/api/v1/uploads/{upload.pk}/preview/").status_code == 404
    assert caller(june).get(f"/api/v1/uploads/{upload.pk}/preview/").status_code == 404


def seen() -> int:
    return AuditEvent.objects.filter(action="annotation.table_seen").count()


def test_of_a_long_table_the_interface_says_how_far_it_looked(
    campaign: Campaign,
    rita: User,
    caller: Caller,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(uploads, "MOST_FORESEEN", 3)
    upload = read(campaign, rita, MIXED)
    found = caller(rita).get(f"/api/v1/uploads/{upload.pk}/preview/").json()
    assert (found["count"], found["looked_through"], len(found["problems"])) == (6, 3, 2)
    many = read(campaign, rita, "".join(f"H{n},A{n},问{n}？,ward,IC\n" for n in range(100, 130)))
    monkeypatch.setattr(uploads, "MOST_FORESEEN", 500)
    found = caller(rita).get(f"/api/v1/uploads/{many.pk}/preview/").json()
    assert (len(found["problems"]), len(found["rows"])) == (30, 20)
