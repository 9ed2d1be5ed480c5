"""What a reader is told and shown under each setting of a reader study: scale, prevalence, unit, report."""

import re
import uuid
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from evaluation.models import Reader, ReaderStudy, Reading
from evaluation.reports.reader_readings import study_readings
from evaluation.services import reader_studies as services
from evaluation.services.readings import Assessment, next_reading, record_reading
from mammo.accounts.models import Site, User
from mammo.archive.models import Pathology, Report
from mammo.core.errors import UserError
from modeling.models import Prediction
from tests.evaluation import reading_scene, scene

REPORT = "双乳腺体致密。左乳外上见结节。"
PREVALENCE = "About half of the cases are malignant, more than in screening."


def client_of(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def page_of(user: User, name: str, *args: Any) -> str:
    answer = client_of(user).get(reverse(f"evaluation:{name}", args=args))
    assert answer.status_code == 200
    return answer.content.decode()


def send(user: User, slot: Any, **data: str) -> Any:
    key = {"idempotency_key": str(uuid.uuid4())}
    return client_of(user).post(reverse("evaluation:read", args=[slot.pk]), data | key)


def reader_of(study: ReaderStudy, user: User) -> Reader:
    return study.readers.get(user=user)


def categories_on(page: str) -> list[str]:
    part = re.search(r'<select[^>]*id="category".*?</select>', page, re.S)
    assert part is not None
    return [value for value in re.findall(r'<option value="([^"]*)"', part[0]) if value]


def test_the_forced_scale_offers_three_and_four_and_stores_the_decision(
    rita: User, june: User, sena: User
) -> None:
    study = reading_scene.open_study(rita, [june, sena], 4, design="sequential", scale="forced_3_4")
    reader = reader_of(study, june)
    Reader.objects.filter(pk=reader.pk).update(consented_at=None)
    assert "a category (3, 4A, 4B, 4C)" in page_of(june, "read-consent", reader.pk)
    agreed = client_of(june).post(reverse("evaluation:read-consent", args=[reader.pk]))
    slot = next_reading(reader)
    assert slot is not None
    # Straight to the first case, as scoring does.
    assert agreed.headers["Location"] == reverse("evaluation:read", args=[slot.pk])
    assert categories_on(page_of(june, "read", slot.pk)) == ["3", "4A", "4B", "4C"]
    assert send(june, slot, finding="none", category="2", likelihood="3").status_code == 400
    assert send(june, slot, finding="none", category="5", likelihood="99").status_code == 400
    assert not Reading.objects.exists()
    while slot is not None:
        category = "4A" if slot.case.truth else "3"
        assert send(june, slot, finding="none", category=category, likelihood="40").status_code == 302
        slot = next_reading(reader)
    stored = Reading.objects.filter(slot__reader=reader).values_list("category", "decision")
    assert set(stored) == {("3", False), ("4A", True)}
    services.lock_readings(study, by_user=rita, reason="one reader is enough here")
    found = study_readings(ReaderStudy.objects.get(pk=study.pk), simulated=False)
    assert {(one.truth, one.called) for one in found} == {(True, True), (False, False)}


def test_the_whole_scale_is_the_default(rita: User, june: User, sena: User) -> None:
    study = reading_scene.open_study(rita, [june, sena], 4)
    slot = next_reading(reader_of(study, june))
    assert categories_on(page_of(june, "read", slot.pk)) == ["1", "2", "3", "4A", "4B", "4C", "5"]


def test_what_readers_are_told_about_the_share_of_cancers_is_shown_before_and_at_every_case(
    rita: User, june: User, sena: User
) -> None:
    study = reading_scene.open_study(rita, [june, sena], 4, prevalence_statement=f"  {PREVALENCE} ")
    reader = reader_of(study, june)
    Reader.objects.filter(pk=reader.pk).update(consented_at=None)
    assert f"<li>{PREVALENCE}</li>" in page_of(june, "read-consent", reader.pk)
    Reader.objects.filter(pk=reader.pk).update(consented_at=reader.created_at)
    slot = next_reading(reader)
    while slot is not None and slot.session == 1:
        assert PREVALENCE in page_of(june, "read", slot.pk)
        record_reading(slot, Assessment("3", 10), by_user=june)
        slot = next_reading(reader)


@pytest.mark.parametrize(("sees", "shown"), [("report", True), ("images", False)])
def test_a_reader_gets_the_report_without_birads_where_the_design_says_so(
    rita: User, june: User, sena: User, sees: str, shown: bool
) -> None:
    study = reading_scene.draft_study(rita, [june, sena], 4, reader_sees=sees, model_sees="images")
    for number, case in enumerate(study.cases.select_related("study")):
        Report(study=case.study, language="zh", sha256=f"{number:064d}", blanked=REPORT).save()
    reading_scene.opened(study, rita)
    page = page_of(june, "read", next_reading(reader_of(study, june)).pk)
    assert (REPORT in page) == shown
    assert [c["reader_sees"] for c in study.conditions] == [sees, sees]
    assert study.conditions[1]["model_sees"] == "images"


def test_reader_and_model_see_the_same_unless_a_design_says_otherwise(rita: User, site: Site) -> None:
    plain = reading_scene.draft_study(rita, [], 2, name="Plain")
    assert (plain.reader_sees, plain.model_sees) == ("images", "images")
    for number, given in enumerate(({"reader_sees": "report"}, {"model_sees": "report"})):
        equal = reading_scene.draft_study(rita, [], 2, name=f"Equal {number}", **given)
        assert (equal.reader_sees, equal.model_sees) == ("report", "report")
        assert equal.conditions[1]["reader_sees"] == equal.conditions[1]["model_sees"] == "report"
    other = reading_scene.draft_study(rita, [], 2, name="Other", reader_sees="images", model_sees="report")
    assert (other.reader_sees, other.model_sees) == ("images", "report")
    page = page_of(rita, "reader-study", other.pk)
    facts = dict(re.findall(r"<dt>(.*?)</dt><dd>(.*?)</dd>", page, re.S))
    assert facts["Readers see"] == "Images"
    assert facts["The model sees"] == "Images and the report without BI-RADS"
    with pytest.raises(UserError, match="reader_sees: 'all' is unknown"):
        reading_scene.draft_study(rita, [], 2, name="Odd", reader_sees="all")


def test_of_a_patient_one_case_stands_for_both_breasts(
    rita: User, june: User, sena: User, site: Site
) -> None:
    study = reading_scene.draft_study(rita, [june, sena], 4, unit="patient", design="sequential")
    # Her right breast is benign, her left one malignant: the patient is malignant, and no second case.
    checkpoint = study.checkpoint
    both = scene.patient_with_study(site, "BOTH", "BOTH")
    for side, result, value in (("L", "malignant", 0.7), ("R", "benign", 0.1)):
        Pathology.objects.create(study=both, laterality=side, method="core_biopsy", result=result)
        Prediction.objects.create(
            checkpoint=checkpoint, unit_kind="breast", unit=f"{both.pk}:{side}", study=both, laterality=side,
            kind="malignancy", method="image", value=value,
        )  # fmt: skip
    services.add_cases(study, [both], by_user=rita)
    case = study.cases.get(study=both)
    assert (case.laterality, case.truth) == ("", True)
    assert study.cases.count() == 5
    services.freeze_reader_study(study, by_user=rita)
    services.open_reading(study, by_user=rita)
    case.refresh_from_db()
    assert case.output["malignancy"] == {"L": 0.7, "R": 0.1}
    reader = reader_of(study, june)
    from evaluation.services.readings import consent_to_read

    consent_to_read(reader, by_user=june)
    reader.refresh_from_db()
    met = {}
    slot = next_reading(reader)
    while slot is not None:
        page = page_of(june, "read", slot.pk)
        assert "Both breasts" in page
        if slot.case_id == case.pk:
            met[slot.condition] = re.findall(r"<strong>(\d+) %</strong>", page)
        record_reading(slot, Assessment("4A" if slot.case.truth else "2", 50), by_user=june)
        slot = next_reading(reader)
    assert met == {"alone": [], "with_ai": ["70", "10"]}


def test_of_a_breast_each_proven_one_is_a_case(rita: User, site: Site) -> None:
    study = reading_scene.draft_study(rita, [], 2, name="Breasts")
    both = scene.patient_with_study(site, "BOTH", "BOTH")
    for side, result in (("L", "malignant"), ("R", "benign")):
        Pathology.objects.create(study=both, laterality=side, method="core_biopsy", result=result)
    services.add_cases(study, [both], by_user=rita)
    found = study.cases.filter(study=both).values_list("laterality", "truth")
    assert sorted(found) == [("L", True), ("R", False)]


def test_a_refused_reading_goes_on_counting_its_seconds(rita: User, june: User, sena: User) -> None:
    study = reading_scene.open_study(rita, [june, sena], 2, design="sequential")
    slot = next_reading(reader_of(study, june))
    given = {"finding": "none", "category": "2", "likelihood": "3.5", "active_seconds": "31.4"}
    refused = send(june, slot, **given)
    assert refused.status_code == 400
    assert 'name="active_seconds" value="31.4" data-before="31.4"' in refused.content.decode()
    assert not Reading.objects.exists()
    assert send(june, slot, **given | {"likelihood": "3", "active_seconds": "40"}).status_code == 302
    assert Reading.objects.get().seconds == 40


def test_of_one_breast_a_lesion_of_the_other_is_refused_and_no_finding_is_not(
    rita: User, june: User, sena: User
) -> None:
    study = reading_scene.open_study(rita, [june, sena], 2, design="sequential")
    slot = next_reading(reader_of(study, june))
    assert slot is not None
    assert slot.case.laterality == "L"
    page = page_of(june, "read", slot.pk)
    side, view = (
        re.search(rf'<select[^>]*name="{name}".*?</select>', page, re.S) for name in ("side", "point_view")
    )
    assert side is not None
    assert view is not None
    assert re.findall(r'value="(\w+)"', side[0]) == ["L"]
    assert re.findall(r"<option[^>]*>(\w+)<", view[0]) == ["LCC", "LMLO"]
    there = {
        "finding": "mass",
        "category": "4B",
        "likelihood": "60",
        "point_across": "40",
        "point_down": "50",
    }
    for where in (
        {"side": "R", "point_view": "RCC"},
        {"side": "L", "point_view": "RMLO"},
        {"side": "R", "point_view": "LCC"},
    ):
        refused = send(june, slot, **there | where)
        assert refused.status_code == 400
        assert "this case is one breast (Left)" in refused.content.decode()
    assert not Reading.objects.exists()
    assert send(june, slot, **there | {"side": "L", "point_view": "LMLO"}).status_code == 302
    assert Reading.objects.get().side == "L"
    following = next_reading(reader_of(study, june))
    assert following is not None
    assert send(june, following, finding="none", category="2", likelihood="3").status_code == 302


def test_of_a_patient_both_breasts_are_offered_and_click_and_side_agree(
    rita: User, june: User, sena: User
) -> None:
    study = reading_scene.open_study(rita, [june, sena], 2, design="sequential", unit="patient")
    slot = next_reading(reader_of(study, june))
    assert slot is not None
    assert 'value="R"' in page_of(june, "read", slot.pk)
    there = {
        "finding": "mass",
        "category": "4B",
        "likelihood": "60",
        "point_across": "40",
        "point_down": "50",
    }
    refused = send(june, slot, **there, side="R", point_view="LCC")
    assert refused.status_code == 400
    assert "the click lies in the other breast than the side" in refused.content.decode()
    assert send(june, slot, **there, side="R", point_view="RCC").status_code == 302
