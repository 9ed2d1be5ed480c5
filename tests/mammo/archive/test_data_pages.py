"""Lists and pages of studies, labels a person states, raw text, the overview: what they count and who sees them."""

import uuid
from typing import Any, cast

import pytest
from django.db import IntegrityError, OperationalError, transaction
from django.urls import reverse

from mammo.accounts.models import AuditEvent, Role, Site, User
from mammo.accounts.services import create_site
from mammo.archive.label_corrections import correct_labels
from mammo.archive.models import (
    ImportBatch,
    ImportItem,
    Pathology,
    Patient,
    Split,
    SplitMembership,
    Study,
)
from mammo.archive.overview import overview_tables
from mammo.archive.raw_text import open_raw_text
from mammo.archive.study_search import PER_PAGE, StudySearch, study_page
from mammo.core.errors import NotAllowedError, StaleVersionError, UserError

from .studies import VIEWS, account, add_report, add_study, signed_in

pytestmark = pytest.mark.django_db


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


@pytest.mark.parametrize("whose", ["person", "study", ""])
def test_stated_labels_are_simulated_where_the_study_or_the_person_is(
    site: Site, dana: User, whose: str
) -> None:
    study = add_study(site, "100", density="B", is_simulated=whose == "study")
    User.objects.filter(pk=dana.pk).update(is_simulated=whose == "person")
    dana.refresh_from_db()
    kept = correct_labels(study, {"density": "C"}, reason="read", expected_version=1, by_user=dana)
    assert kept.is_simulated == bool(whose)


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
