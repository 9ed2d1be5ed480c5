"""What the archive's forms do with numbers and days as people, and as scripts, write them."""

import uuid
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.http import HttpResponse
from django.urls import reverse

from mammo.accounts.models import Site, User
from mammo.archive.models import Cohort, Pathology, Split
from mammo.archive.pseudonyms import installation
from mammo.archive.services import import_pathology

from .studies import add_study, signed_in
from .test_pathology import made_study, table

pytestmark = pytest.mark.django_db

TOO_LONG = pytest.param("9" * 5000, id="5000 digits")
NO_NUMBERS = ["²", "-1", "x", TOO_LONG]


def sent(user: User, page: str, /, *args: Any, **fields: str) -> HttpResponse:
    """A form as its page sends it."""
    fields["idempotency_key"] = str(uuid.uuid4())
    return signed_in(user).post(reverse(f"archive:{page}", args=args), fields)  # type: ignore[return-value]


def split_form(user: User, **changes: str) -> HttpResponse:
    form = {"name": "s", "purpose": "umicon", "site": "north", "rule": "stratified", "seed": "0", "test_site": "",
            "train": "80", "validation": "10", "test": "10", "begins": "", "ends": ""}  # fmt: skip
    return sent(user, "split-create", **{**form, **changes})


def test_the_page_makes_a_split_by_eras_from_two_days(site: Site, rita: User) -> None:
    begins, ends = date(2019, 3, 1), date(2019, 6, 30)
    for number, day in (("old", begins - timedelta(1)), ("mid", ends), ("new", ends + timedelta(1))):
        add_study(site, number, on=day, views=())
    days = {"begins": begins.isoformat(), "ends": ends.isoformat()}
    assert split_form(rita, rule="eras", **days).status_code == 302
    made = Split.objects.get()
    assert made.rule == "eras"
    assert dict(made.members.values_list("patient__number_hash", "side")) == {
        installation().number_hash("north", number): side
        for number, side in (("old", "train"), ("mid", "validation"), ("new", "test"))
    }
    shown = signed_in(rita).get(reverse("archive:split", args=[made.pk])).content.decode()
    assert "era" in shown
    for name, wrong in (
        ("no last", {"ends": ""}),
        ("turned", {"begins": "2019-07-01"}),
        ("no day", {"ends": "30 June"}),
        ("one empty", {"ends": "2030-01-01"}),
    ):
        assert split_form(rita, name=name, rule="eras", **{**days, **wrong}).status_code == 400
    assert Split.objects.count() == 1


@pytest.mark.parametrize("seed", NO_NUMBERS)
def test_a_seed_that_is_no_number_makes_no_split(site: Site, rita: User, seed: str) -> None:
    add_study(site, "1", views=())
    answer = split_form(rita, seed=seed)
    assert answer.status_code == 400
    assert "Seed: give a number" in answer.content.decode()
    assert not Split.objects.exists()
    assert split_form(rita, seed="").status_code == 302
    assert Split.objects.get().seed == 0


@pytest.mark.parametrize("share", ["nan", "inf", "1e999", "ten", TOO_LONG])
def test_a_share_that_is_no_percentage_makes_no_split(site: Site, rita: User, share: str) -> None:
    add_study(site, "1", views=())
    assert split_form(rita, train=share).status_code == 400
    assert not Split.objects.exists()


@pytest.mark.parametrize("age", NO_NUMBERS)
def test_an_age_limit_that_is_no_number_saves_no_cohort(site: Site, rita: User, age: str) -> None:
    add_study(site, "1", age=50)
    form = {"name": "c", "site": "north", "rules": "too_young", "vendor": ""}
    answer = sent(rita, "cohort-save", **form, min_age=age)
    assert answer.status_code == 400
    assert "Age limit, years: give a number" in answer.content.decode()
    assert not Cohort.objects.exists()
    assert sent(rita, "cohort-save", **form, min_age=" 40 ").status_code == 302
    assert Cohort.objects.get().query["min_age"] == 40


@pytest.mark.parametrize("version", ["", *NO_NUMBERS])
def test_labels_with_a_version_that_no_page_sends_change_nothing(
    site: Site, dana: User, version: str
) -> None:
    study = add_study(site, "1", density="B")
    answer = sent(dana, "study-labels", study.pk, version=version, density="C", reason="seen")
    assert answer.status_code == 400
    study.refresh_from_db()
    assert study.density == "B"


@pytest.mark.parametrize("offset", ["", *NO_NUMBERS])
def test_a_piece_of_an_upload_without_a_place_is_refused(site: Site, dana: User, offset: str) -> None:
    address = reverse("archive:upload-piece", args=[uuid.uuid4()])
    browser = signed_in(dana)

    def put(at: str) -> int:
        headers = {"X-File-Name": "a.dcm"}
        return int(
            browser.put(f"{address}?site=north&offset={at}", b"x", "image/x", headers=headers).status_code
        )

    assert put(offset) == 400
    assert put("99999999999") == 200  # a place behind 100 GB is one; the answer says where to go on


@pytest.mark.parametrize("size", ["", *NO_NUMBERS])
def test_an_upload_does_not_end_at_a_size_that_is_no_number(site: Site, dana: User, size: str) -> None:
    address = reverse("archive:upload-finish", args=[uuid.uuid4()])
    answer = signed_in(dana).post(f"{address}?site=north&size={size}&batch={uuid.uuid4()}")
    assert answer.status_code == 400


@pytest.mark.parametrize("months", ["²", "x", "99999", "999999999", TOO_LONG])
def test_months_that_are_no_number_are_a_reason_on_their_row(tmp_path: Path, site: Site, months: str) -> None:
    made_study(site, "H1", "A1", date(2019, 3, 1))
    made_study(site, "H2", "A2", date(2019, 3, 1))
    rows = (f"H1,A1,,L,,随访,,{months}", "H2,A2,,L,,随访,,36")
    import_pathology(table(tmp_path / "p.csv", *rows), site=site, by_user=None)
    assert [found.follow_up_months for found in Pathology.objects.all()] == [36]
