"""Splits by each rule and frozen ones, cohorts with what each exclusion takes, and the baseline table."""

import uuid
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction
from django.urls import reverse

from mammo.accounts.models import Role, Site, User
from mammo.accounts.services import create_site
from mammo.archive.cohorts import baseline, flow_of, is_as_saved, save_cohort, write_cohort
from mammo.archive.erasure import erase_patient, request_erasure
from mammo.archive.models import (
    Cohort,
    Pathology,
    Split,
    SplitMembership,
    Study,
)
from mammo.archive.pseudonyms import installation
from mammo.archive.services import import_studies
from mammo.archive.splits import Plan, create_split, freeze_split, members_sha256
from mammo.core.errors import NotAllowedError, UserError, WrongStateError

from .files import mammogram
from .studies import VIEWS, account, add_study, signed_in

pytestmark = pytest.mark.django_db


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


def test_eras_divide_by_the_true_day_of_the_latest_study_and_only_the_side_leaves(
    site: Site, rita: User
) -> None:
    begins, ends = date(2019, 3, 1), date(2019, 6, 30)
    add_study(site, "old", on=begins - timedelta(days=1), views=())
    add_study(site, "first", on=begins, views=())
    add_study(site, "last", on=ends, views=())
    add_study(site, "new", on=ends + timedelta(days=1), views=())
    for gap in (900, 100, 0):
        add_study(site, "often", on=ends + timedelta(days=30 - gap), views=())
    plan = Plan(rule="eras", begins=begins, ends=ends)
    split = create_split("eras", plan, site=site, purpose="umicon", by_user=rita)
    names = ("old", "first", "last", "new", "often")
    expected = dict(zip(names, ("train", "validation", "validation", "test", "test"), strict=True))
    assert sides(split) == {
        installation().number_hash("north", name): side for name, side in expected.items()
    }
    # The shift differs from patient to patient: nothing but the side is stored of the true days.
    stored = str(list(SplitMembership.objects.values()))
    assert not [day for day in ("2019-02-28", "2019-03-01", "2019-06-30", "2019-07-01") if day in stored]
    with pytest.raises(UserError, match="era would be empty"):
        create_split(
            "none",
            Plan(rule="eras", begins=begins, ends=date(2030, 1, 1)),
            site=site,
            purpose="x",
            by_user=rita,
        )
    with pytest.raises(UserError, match="last day"):
        create_split("half", Plan(rule="eras", begins=begins), site=site, purpose="x", by_user=rita)


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


def test_a_stratified_split_balances_the_worst_pathology_within_one_density(site: Site, rita: User) -> None:
    for number in range(40):
        study = add_study(site, str(number), density="B", views=())
        if number < 20:
            results = ("benign", "malignant") if number < 10 else ("benign",)
            for result in results:
                Pathology.objects.create(study=study, laterality="L", method="surgery", result=result)
        elif number < 30:  # corrected: nothing malignant stands
            wrong = Pathology.objects.create(
                study=study, laterality="L", method="surgery", result="malignant"
            )
            Pathology.objects.create(
                study=study, laterality="L", method="surgery", result="benign", replaces=wrong
            )
    plan = Plan(rule="stratified", shares={"train": 0.5, "test": 0.5})
    split = create_split("s", plan, site=site, purpose="p", by_user=rita)
    stands = {"patient__studies__pathology__replaced_by": None}
    malignant = split.members.filter(patient__studies__pathology__result="malignant", **stands)
    benign = split.members.filter(patient__studies__pathology__result="benign").exclude(pk__in=malignant)
    for members in (malignant, benign, split.members.filter(patient__studies__pathology=None)):
        assert (
            members.filter(side="train").count()
            == members.filter(side="test").count()
            == members.count() / 2
            > 4
        )


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
    late = add_study(site, "new", views=()).patient
    with pytest.raises(Exception, match="the split is frozen"), transaction.atomic():
        SplitMembership.objects.create(split=split, patient=late, side="test")
    for change in ("UPDATE archive_split SET frozen_at = NULL", "DELETE FROM archive_split"):
        with pytest.raises(Exception, match="a frozen split never"), transaction.atomic():
            connection.cursor().execute(change)
    assert "changed since" not in client.get(page).content.decode()
    other = Split.objects.create(site=site, name="s2", frozen_at=split.frozen_at, members_sha256="0" * 64)
    page = reverse("archive:split", args=[other.pk])
    assert "changed since" in client.get(page).content.decode(), "a row that slipped in would be seen"


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


def test_of_one_womans_studies_without_a_date_the_cohort_keeps_one(site: Site, rita: User) -> None:
    """Pictures from a table of labels have no day; a dated study of hers comes before them."""
    for patient, days in {"1": (None, None, None), "2": (None, date(2020, 3, 11)), "3": (None,)}.items():
        for day in days:
            study = add_study(site, patient, views=())
            Study.objects.filter(pk=study.pk).update(date=day)
    cohort = save_cohort("c", {"rules": ["repeat"]}, site=site, by_user=rita)
    assert [(step.rule, step.excluded) for step in flow_of(cohort)][-1] == ("repeat", 3)
    kept = {study.patient_id: study.date for study in cohort.studies.all()}
    assert len(kept) == 3, "one study of each woman"
    assert sorted(filter(None, kept.values())) == [date(2020, 3, 11)], "her dated study is the first one"


def test_a_saved_cohort_never_changes(site: Site, rita: User) -> None:
    hers = add_study(site, "1", views=())
    cohort = save_cohort("c", {}, site=site, by_user=rita)
    late = add_study(site, "2", views=())
    for change in (cohort.studies.clear, cohort.save, cohort.delete, hers.cohorts.clear):
        with pytest.raises(Exception, match=r"append-only|protected"), transaction.atomic():
            change()
    for statement in (
        "UPDATE archive_cohort SET exclusions = '[]'", "DELETE FROM archive_cohort",
        "UPDATE archive_cohort_studies SET study_id = study_id", "DELETE FROM archive_cohort_studies",
    ):  # fmt: skip
        with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
            connection.cursor().execute(statement)
    with pytest.raises(DatabaseError, match="the cohort is saved"), transaction.atomic():
        cohort.studies.add(late)
    assert is_as_saved(cohort)
    other = write_cohort(Cohort(site=site, name="d", members_sha256=cohort.members_sha256), [late.pk])
    assert not is_as_saved(other), "a row that slipped in would be seen"


def test_a_patient_of_a_cohort_can_withdraw(site: Site, rita: User, dana: User) -> None:
    hers = add_study(site, "1", views=())
    cohort = save_cohort("c", {}, site=site, by_user=rita)
    adam = account("adam", Role.ADMIN, site)
    erase_patient(request_erasure(hers.patient, reason="withdrew", by_user=dana), by_user=adam)
    hers.patient.refresh_from_db()
    assert hers.patient.erased_at
    assert is_as_saved(cohort)


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
