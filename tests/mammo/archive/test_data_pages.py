"""Studies, labels a person states, raw text, cohorts, splits and the overview: what they count and who sees them."""

import uuid
from datetime import date, timedelta
from pathlib import Path
from typing import Any, cast

import pytest
from django.db import IntegrityError, OperationalError, connection, transaction
from django.test import Client
from django.urls import reverse

from mammo.accounts.models import AuditEvent, Role, Site, User
from mammo.accounts.services import create_account, create_site
from mammo.archive.cohorts import baseline, flow_of, is_as_saved, save_cohort
from mammo.archive.label_corrections import correct_labels
from mammo.archive.models import (
    Image,
    ImportBatch,
    ImportItem,
    Pathology,
    Patient,
    Report,
    Split,
    SplitMembership,
    Study,
)
from mammo.archive.overview import overview_tables
from mammo.archive.pseudonyms import installation
from mammo.archive.raw_text import open_raw_text
from mammo.archive.services import import_studies
from mammo.archive.splits import Plan, create_split, freeze_split, members_sha256
from mammo.archive.study_search import PER_PAGE, StudySearch, study_page
from mammo.core.errors import NotAllowedError, StaleVersionError, UserError, WrongStateError
from mammo.core.keys import key_store

from .files import mammogram

pytestmark = pytest.mark.django_db
VIEWS = (("L", "CC"), ("R", "CC"), ("L", "MLO"), ("R", "MLO"))
PASSWORD = "correct horse battery"


@pytest.fixture
def site() -> Site:
    return create_site("north", "North Hospital", by_user=None)


def account(name: str, role: Role, *sites: Site) -> User:
    return create_account(
        name, password=PASSWORD, display_name=name.title(), roles={role: list(sites)}, by_user=None
    )


@pytest.fixture
def dana(site: Site) -> User:
    return account("dana", Role.DATA_MANAGER, site)


@pytest.fixture
def rita(site: Site) -> User:
    return account("rita", Role.RESEARCHER, site)


def add_study(
    site: Site, number: str, *, on: date = date(2019, 3, 11), views: Any = VIEWS, **values: Any
) -> Study:
    """A study of the patient with this hospital number, on this true day."""
    names = installation()
    patient, _ = Patient.objects.get_or_create(
        site=site,
        number_hash=names.number_hash(site.code, number),
        defaults={
            "pseudonym": names.pseudonym(site.code, number), "key_id": key_store().create(),
            "roster": {"numbers": ["A-1", number]},
        },
    )  # fmt: skip
    accession = values.pop("accession", "")
    study = Study.objects.create(
        site=site, patient=patient, study_uid=f"2.25.{uuid.uuid4().int}", study_uid_hash=uuid.uuid4().hex,
        date=names.shifted(on, site.code, number),
        accession_hash=names.accession_hash(site.code, accession) if accession else "", **values,
    )  # fmt: skip
    for laterality, view in views:
        Image.objects.create(
            study=study, laterality=laterality, view=view, sop_uid=uuid.uuid4().hex, sop_uid_hash=uuid.uuid4().hex,
            sha256=uuid.uuid4().hex, original="o", viewing_copy="v", viewing_copy_sha256="", rows=1, columns=1,
            window_center=1, window_width=1, laterality_source="table", procedure_version="1",
        )  # fmt: skip
    return study


def add_report(study: Study, confidence: float = 1.0) -> Report:
    return Report.objects.create(
        study=study, language="zh", original="李秀英，左乳BI-RADS 3类。", cleaned="[姓名]，左乳BI-RADS 3类。",
        blanked="[姓名]，左乳BI-RADS __类。", blanked_strict="[姓名]，左乳BI-RADS __类。",
        reading={"confidence": confidence}, sha256=uuid.uuid4().hex,
    )  # fmt: skip


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


# --- the list


def found(user: User, **asked: str) -> set[Study]:
    return set(StudySearch.of(asked).found_by(user))


def found_by_typing(user: User, typed: str) -> set[Study]:
    """What the list shows after this was typed; the address on the way must not hold a hospital's number."""
    client = signed_in(user)
    answer = client.post(reverse("archive:studies"), {"typed": typed})
    assert answer.status_code == 302
    if not Patient.objects.filter(pseudonym__istartswith=typed).exists():
        assert typed not in answer["Location"]
    shown = client.get(answer["Location"])
    if "No study is called what you typed." in shown.content.decode():
        return set()
    return set(shown.context["page"].rows)


def test_the_list_is_narrowed_by_each_choice(site: Site, dana: User) -> None:
    one = add_study(site, "100", density="C", birads_overall="4A", accession="ACC1")
    two = add_study(site, "200", density="B", birads_overall="", views=VIEWS[:3])
    assert found(dana) == {one, two}
    assert found(dana, density="C") == {one}
    assert found(dana, birads="none") == {two}
    assert found(dana, attention="incomplete") == {two}
    assert found(dana, attention="unlabelled") == {two}
    assert found_by_typing(dana, "200") == {two}, "by hospital number"
    assert found_by_typing(dana, "ACC1") == {one}, "by accession"
    assert found_by_typing(dana, one.patient.pseudonym[:6].lower()) == {one}
    assert found_by_typing(dana, "300") == set()
    assert found_by_typing(dana, " ") == {one, two}
    assert found(dana, patient=f"{one.patient_id},no-key") == {one}
    assert found(dana, q="200") == set(), "an address finds by pseudonym alone"
    split = Split.objects.create(site=site, name="s", purpose="sft")
    SplitMembership.objects.create(split=split, patient=two.patient, side="test")
    assert found(dana, split=str(split.pk)) == found(dana, split=str(split.pk), side="test") == {two}
    assert found(dana, split=str(split.pk), side="train") == set()
    assert found(dana, split="no-key", density="Z", attention="everything") == {one, two}, "no choices"


def test_the_list_is_narrowed_by_hospital_and_only_to_ones_own(site: Site, dana: User) -> None:
    south, west = create_site("south", "South", by_user=None), create_site("west", "West", by_user=None)
    both = account("both", Role.DATA_MANAGER, site, south)
    ours, theirs = add_study(site, "100"), add_study(south, "200")
    add_study(west, "300")
    assert found(both) == {ours, theirs}
    assert found(both, site=str(site.pk)) == {ours}
    assert found(both, site=str(south.pk)) == {theirs}
    assert found(both, site=str(west.pk)) == set()
    assert found(dana, site=str(south.pk)) == set()


def test_a_researcher_does_not_find_by_hospital_number(site: Site, rita: User) -> None:
    add_study(site, "100")
    assert found_by_typing(rita, "100") == set()


def test_doubtful_readings_wait_until_a_person_states_the_labels(site: Site, dana: User) -> None:
    sure, doubtful = add_study(site, "100"), add_study(site, "200")
    add_report(sure)
    add_report(doubtful, confidence=0.4)
    assert found(dana, attention="doubtful") == {doubtful}
    correct_labels(doubtful, {"density": "C"}, reason="read", expected_version=1, by_user=dana)
    assert found(dana, attention="doubtful") == set()


def test_studies_are_found_whose_import_has_files_in_quarantine(site: Site, dana: User) -> None:
    held, free = add_study(site, "100"), add_study(site, "200")
    for study, outcome in ((held, "quarantined"), (free, "rejected")):
        batch = ImportBatch.objects.create(site=site, kind="studies")
        ImportItem.objects.create(batch=batch, source="a", outcome="imported", image=study.images.first())
        ImportItem.objects.create(batch=batch, source="b", outcome=outcome)
    assert found(dana, attention="quarantine") == {held}


def test_pages_by_key_show_every_study_once(site: Site, dana: User) -> None:
    studies = [add_study(site, str(number), views=()) for number in range(PER_PAGE + 3)]
    moment = studies[0].created_at
    Study.objects.update(created_at=moment)  # equal times must not lose or repeat a row
    first = study_page(StudySearch().found_by(dana))
    second = study_page(StudySearch().found_by(dana), first.next_key)
    assert len(first.rows) == PER_PAGE
    assert {row.pk for row in [*first.rows, *second.rows]} == {study.pk for study in studies}
    assert len(second.rows) == 3
    assert second.next_key == ""
    assert study_page(StudySearch().found_by(dana), "broken").rows == first.rows


def test_raters_see_neither_list_nor_study(site: Site, dana: User, rita: User) -> None:
    study = add_study(site, "100", density="C")
    report = add_report(study)
    sena, stan = account("sena", Role.SENIOR, site), account("stan", Role.STATISTICIAN, site)
    south = account("sid", Role.DATA_MANAGER, create_site("south", "South", by_user=None))
    addresses = [reverse("archive:study", args=[study.pk]), reverse("archive:raw-report", args=[report.pk])]
    lists = [reverse(f"archive:{name}") for name in ("studies", "cohorts", "splits", "overview")]
    assert [signed_in(sena).get(url).status_code for url in addresses + lists] == [404] * 6
    assert [signed_in(south).get(url).status_code for url in addresses] == [404] * 2
    assert signed_in(stan).get(lists[3]).status_code == 200
    assert [signed_in(rita).get(url).status_code for url in addresses + lists] == [
        200,
        404,
        200,
        200,
        200,
        200,
    ]
    assert [signed_in(dana).get(url).status_code for url in addresses + lists] == [200] * 6


def test_the_page_of_a_study_shows_cleaned_text_only_and_the_door_to_the_raw_one_is_logged(
    site: Site, dana: User, rita: User
) -> None:
    report = add_report(add_study(site, "100"))
    page = signed_in(dana).get(reverse("archive:study", args=[report.study_id])).content.decode()
    assert "[姓名]，左乳BI-RADS 3类。" in page
    assert "李秀英" not in page
    raw = signed_in(dana).get(reverse("archive:raw-report", args=[report.pk])).content.decode()
    assert "李秀英" in raw
    event = AuditEvent.objects.get(action="archive.raw_text_opened")
    assert (event.actor, event.object_id) == (dana, str(report.pk))
    with pytest.raises(NotAllowedError):
        open_raw_text(report, by_user=rita)


def test_what_follows_from_pathology_stands_beside_the_reported_category(site: Site, rita: User) -> None:
    study = add_study(site, "100", birads_overall="3")
    Pathology.objects.create(study=study, laterality="L", method="core_biopsy", result="benign")
    Pathology.objects.create(study=study, laterality="L", method="surgery", result="malignant")
    page = " ".join(signed_in(rita).get(reverse("archive:study", args=[study.pk])).content.decode().split())
    assert "Left malignant; Right –" in page
    assert "3: probably benign" in page


# --- labels


def test_a_person_states_labels_and_the_history_keeps_what_stood(site: Site, dana: User) -> None:
    study = add_study(site, "100", density="B", birads_overall="3", label_source="report")
    url = reverse("archive:study-labels", args=[study.pk])
    sent = {
        "idempotency_key": str(uuid.uuid4()), "version": "1", "density": "C", "birads_left": "4A",
        "birads_right": "2", "birads_overall": "4A", "reason": "addendum read",
    }  # fmt: skip
    assert signed_in(dana).post(url, sent).status_code == 302
    study.refresh_from_db()
    assert (study.density, study.birads_left, study.label_source) == ("C", "4A", "person")
    kept = study.label_corrections.get()
    assert cast("Any", kept.before)["birads_overall"] == "3"
    second = correct_labels(study, {"density": "D"}, reason="again", expected_version=2, by_user=dana)
    assert second.replaces == kept
    with (
        pytest.raises((IntegrityError, OperationalError, Exception), match="append-only"),
        transaction.atomic(),
    ):
        type(kept).objects.filter(pk=kept.pk).update(created_at=kept.created_at)


@pytest.mark.parametrize(
    ("labels", "reason", "version", "error"),
    [
        ({"density": "E"}, "x", 1, UserError),
        ({"birads_left": "7"}, "x", 1, UserError),
        ({"density": "C"}, "  ", 1, UserError),
        ({"density": "C"}, "x", 9, StaleVersionError),
    ],
)
def test_wrong_labels_change_nothing(
    site: Site, dana: User, labels: dict[str, str], reason: str, version: int, error: type[Exception]
) -> None:
    study = add_study(site, "100", density="B")
    with pytest.raises(error):
        correct_labels(study, labels, reason=reason, expected_version=version, by_user=dana)
    study.refresh_from_db()
    assert (study.density, study.label_corrections.count()) == ("B", 0)


def test_only_a_data_manager_states_labels(site: Site, rita: User) -> None:
    with pytest.raises(NotAllowedError):
        correct_labels(add_study(site, "100"), {"density": "C"}, reason="x", expected_version=1, by_user=rita)


# --- splits


def sides(split: Split) -> dict[str, str]:
    return dict(split.members.values_list("patient__number_hash", "side"))


def test_a_window_holds_out_by_the_true_days_and_takes_all_of_a_patient(site: Site, rita: User) -> None:
    first = date(2019, 3, 1)
    for number in range(20):
        add_study(site, f"early{number}", on=first - timedelta(days=5 + number), views=())
    add_study(site, "inside", on=first + timedelta(days=60), views=())
    add_study(site, "both", on=first, views=())
    add_study(site, "both", on=first - timedelta(days=400), views=())
    add_study(site, "late", on=first + timedelta(days=61), views=())
    plan = Plan(rule="window", begins=first, ends=first + timedelta(days=60))
    window = create_split("w", plan, site=site, purpose="umicon", by_user=rita)
    after = create_split("a", Plan(rule="after", begins=first), site=site, purpose="umicon", by_user=rita)
    names = {number: installation().number_hash("north", number) for number in ("inside", "both", "late")}

    def tested(split: Split) -> set[str]:
        return {name for name, side in sides(split).items() if side == "test"}

    assert tested(window) == {names["inside"], names["both"]}
    assert tested(after) == set(names.values())
    assert len(sides(window)) == 23
    assert window.parameters["begins"] == "2019-03-01"


def test_a_study_without_a_hospital_number_falls_into_the_window_by_its_true_day(
    site: Site, rita: User, tmp_path: Path
) -> None:
    files = [
        mammogram(
            tmp_path / "first.dcm", StudyInstanceUID="1.2.8", StudyDate="20190311", drop=("PatientID",)
        ),
        mammogram(tmp_path / "second.dcm", StudyInstanceUID="1.2.9", StudyDate="20190601", PatientID=""),
    ]
    import_studies(files, site=site, by_user=None)
    plan = Plan(rule="window", begins=date(2019, 3, 11), ends=date(2019, 3, 11))
    window = create_split("w", plan, site=site, purpose="umicon", by_user=rita)
    after = create_split(
        "a", Plan(rule="after", begins=date(2019, 6, 1)), site=site, purpose="umicon", by_user=rita
    )
    first, second = (installation().number_hash("north", f"study:1.2.{last}") for last in (8, 9))
    assert sides(window) == {first: "test", second: "train"}
    assert sides(after) == {first: "train", second: "test"}


def test_a_stratified_split_balances_density(site: Site, rita: User) -> None:
    for number in range(40):
        add_study(site, str(number), density="D" if number < 10 else "B", views=())
    split = create_split(
        "s", Plan(rule="stratified", shares={"train": 0.5, "test": 0.5}), site=site, purpose="p", by_user=rita
    )
    dense = split.members.filter(patient__studies__density="D")
    assert dense.filter(side="train").count() == dense.filter(side="test").count() == 5


def test_a_split_by_site_tests_on_the_other_hospital(site: Site) -> None:
    south = create_site("south", "South", by_user=None)
    both = account("bea", Role.RESEARCHER, site, south)
    add_study(site, "1", views=())
    add_study(south, "2", views=())
    split = create_split("x", Plan(rule="site", test_site=south), site=site, purpose="p", by_user=both)
    assert dict(split.members.values_list("patient__site__code", "side")) == {
        "north": "train",
        "south": "test",
    }
    rita = account("rita", Role.RESEARCHER, site)
    with pytest.raises(NotAllowedError):
        create_split("y", Plan(rule="site", test_site=south), site=site, purpose="p", by_user=rita)


@pytest.mark.parametrize(
    "plan",
    [
        Plan(rule="window", begins=date(2019, 3, 1)),
        Plan(rule="window", begins=date(2019, 3, 2), ends=date(2019, 3, 1)),
        Plan(rule="after"),
        Plan(rule="after", begins=date(2030, 1, 1)),
        Plan(rule="site"),
        Plan(rule="dice"),
        Plan(rule="random", shares={"train": 0.5, "test": 0.4}),
    ],
)
def test_an_incomplete_plan_makes_no_split(site: Site, rita: User, plan: Plan) -> None:
    add_study(site, "1", views=())
    with pytest.raises(UserError):
        create_split("s", plan, site=site, purpose="p", by_user=rita)
    assert not Split.objects.exists()


def test_a_frozen_split_never_moves(site: Site, rita: User) -> None:
    for number in range(5):
        add_study(site, str(number), views=())
    split = create_split("s", Plan(rule="random"), site=site, purpose="p", by_user=rita)
    client = signed_in(rita)
    page = reverse("archive:split", args=[split.pk])
    client.post(reverse("archive:split-freeze", args=[split.pk]), {"idempotency_key": str(uuid.uuid4())})
    split.refresh_from_db()
    assert split.frozen_at is not None
    assert split.members_sha256 == members_sha256(split)
    with pytest.raises(WrongStateError):
        freeze_split(split, by_user=rita)
    with pytest.raises(Exception, match="append-only"), transaction.atomic():
        split.members.update(side="test")
    with pytest.raises(Exception, match="append-only"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("DELETE FROM archive_splitmembership")
    assert "changed since" not in client.get(page).content.decode()
    SplitMembership.objects.create(split=split, patient=add_study(site, "new", views=()).patient, side="test")
    assert "changed since" in client.get(page).content.decode(), "a row slipped in is seen"


# --- cohorts


def test_a_cohort_counts_each_exclusion_in_order_and_stays(site: Site, rita: User) -> None:
    kept = add_study(site, "1", density="C", birads_overall="4A", age=50)
    Pathology.objects.create(study=kept, laterality="L", method="core_biopsy", result="malignant")
    add_study(site, "1", density="C", birads_overall="4A", age=51, on=date(2020, 3, 11))
    add_study(site, "2", density="C", birads_overall="0", age=40)
    add_study(site, "3", density="", birads_overall="2")
    add_study(site, "4", views=VIEWS[:2])
    rules = ["views_missing", "no_density", "birads_0", "repeat"]
    cohort = save_cohort("c", {"rules": rules}, site=site, by_user=rita)
    assert [(step.rule, step.excluded, step.studies, step.patients) for step in flow_of(cohort)] == [
        ("", 0, 5, 4), ("withdrawn", 0, 5, 4), ("views_missing", 1, 4, 3), ("no_density", 1, 3, 2),
        ("birads_0", 1, 2, 1), ("repeat", 1, 1, 1),
    ]  # fmt: skip
    assert list(cohort.studies.all()) == [kept]
    assert is_as_saved(cohort)
    cohort.studies.clear()
    assert not is_as_saved(cohort)


def test_the_baseline_table_has_a_column_per_side(site: Site, rita: User) -> None:
    for number, (density, age) in enumerate((("C", 40), ("C", 50), ("B", 60))):
        study = add_study(site, str(number), density=density, age=age, views=())
        if number == 2:
            split = Split.objects.create(site=site, name="s", purpose="p")
            SplitMembership.objects.create(split=split, patient=study.patient, side="test")
    cohort = save_cohort("c", {}, site=site, by_user=rita)
    columns, rows = baseline(cohort, split)
    assert columns == ["All", "Training", "Validation", "Test", "In no side"]
    cells = {(row.characteristic, row.value[:1]): row.cells for row in rows}
    assert cells["Studies", ""] == ["3", "0", "0", "1", "2"]
    assert cells["Age, years: mean (SD)", ""] == ["50.0 (10.0)", "–", "–", "60.0 (0.0)", "45.0 (7.1)"]
    assert cells["Density", "C"] == ["2 (66.7 %)", "0", "0", "0 (0.0 %)", "2 (100.0 %)"]
    written = signed_in(rita).get(reverse("archive:cohort-baseline", args=[cohort.pk]) + "?split=s")
    assert "2 (66.7 %),0,0,0 (0.0 %),2 (100.0 %)" in written.content.decode()


@pytest.mark.parametrize("query", [{"rules": ["luck"]}, {"rules": ["too_young"]}, {"rules": ["no_report"]}])
def test_a_cohort_that_cannot_be_is_refused(site: Site, rita: User, query: dict[str, Any]) -> None:
    add_study(site, "1", views=())
    with pytest.raises(UserError):
        save_cohort("c", query, site=site, by_user=rita)


# --- overview


def test_the_overview_counts_as_tables_4_and_9_of_the_paper_do(site: Site, dana: User) -> None:
    for number, (category, result) in enumerate(
        [
            ("3", "benign"),
            ("4A", "malignant"),
            ("4A", "high_risk"),
            ("4C", "malignant"),
            ("5", "malignant"),
            ("0", ""),
        ]
    ):
        study = add_study(site, str(number), density="C", birads_overall=category, views=VIEWS[:1])
        if result:
            Pathology.objects.create(study=study, laterality="L", method="core_biopsy", result=result)
    add_study(site, "simulated", is_simulated=True, birads_overall="1")
    tables = {table.name: table for table in overview_tables(dana.sites_as(), simulated=False)}
    four = tables["table_4"]
    assert list(four.head) == ["Pathology", "3", "4A", "4B", "4C", "Total"]
    assert [list(row) for row in four.rows] == [
        ["Negative", 1, 1, 0, 0, 2], ["Positive", 0, 1, 0, 1, 2], ["Total", 1, 2, 0, 1, 4],
    ]  # fmt: skip
    nine = {(row[0], row[1]): row[2:] for row in tables["table_9"].rows}
    assert nine["Malignant", "4A"] == (2, 4)
    assert nine["Excluded", "0"] == (1, 1)
    assert nine["Benign", "1"] == (0, 1)
    assert dict(tables["density"].rows)["C: heterogeneously dense"] == 6  # type: ignore[call-overload]
    page = signed_in(dana).get(reverse("archive:overview"))
    assert page.status_code == 200
    written = signed_in(dana).get(reverse("archive:overview-table", args=["table_4"])).content.decode()
    assert "Positive,0,1,0,1,2" in written
    assert signed_in(dana).get(reverse("archive:overview-table", args=["table_5"])).status_code == 404
