"""Tables 4 and 9 as figures to read and to download, and what a study lacks."""

import xml.etree.ElementTree as ElementTree

import pytest
from django.conf import settings
from django.urls import reverse

from mammo.accounts.models import Site, User
from mammo.accounts.services import create_account
from mammo.archive.models import Pathology, Split, SplitMembership, Study
from mammo.archive.overview import overview_tables
from mammo.archive.study_search import PER_PAGE, counted_page

from .studies import VIEWS, add_report, add_study, signed_in

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture
def studies(site: Site) -> None:
    """Three biopsied women: one benign BI-RADS 3, two malignant 4A."""
    for number, (category, result) in enumerate([("3", "benign"), ("4A", "malignant"), ("4A", "malignant")]):
        study = add_study(site, str(number), density="C", birads_overall=category, views=VIEWS[:3])
        Pathology.objects.create(study=study, laterality="L", method="surgery", result=result)


def _bars(user: User, name: str) -> dict[str, int]:
    answer = signed_in(user).get(reverse("archive:overview-figure", args=[name]))
    assert answer["Content-Type"] == "image/svg+xml"
    assert answer["Content-Disposition"] == f'attachment; filename="{name}.svg"'
    drawing = ElementTree.fromstring(answer.content)
    texts = [each.text or "" for each in drawing.iter(f"{SVG}text")]
    widths = [int(each.attrib["width"]) for each in drawing.iter(f"{SVG}rect")][1:]
    counts = [int(text) for text in texts[1::2]]
    most = max(counts)
    assert widths == [round(210 * count / most) for count in counts]
    return dict(zip(texts[::2], counts, strict=True))


def test_section_4_1_counts_what_is_there_and_as_a_file(
    site: Site, other_site: Site, rita: User, dana: User
) -> None:
    first = add_study(site, "1", density="C", vendor="siemens")
    add_study(site, "1", density="C", vendor="hologic", views=VIEWS[:2])  # her second examination
    add_study(site, "2", density="B", vendor="siemens", views=())
    add_report(first)
    add_study(other_site, "9", density="A", vendor="ge")
    add_study(site, "3", density="D", is_simulated=True)
    counted = {table.name: table for table in overview_tables(rita.sites_as(), simulated=False)}[
        "section_4_1"
    ]
    rows = dict(counted.rows)
    assert rows["Studies"] == 3
    assert rows["Studies with a report"] == 1
    assert rows["Patients"] == 2
    assert rows["Hospitals"] == 1
    assert rows["Images"] == 6
    assert sorted(value for name, value in rows.items() if name.startswith("Studies of")) == [1, 2]
    page = signed_in(rita).get(reverse("archive:overview")).content.decode()
    assert "section 4.1" in page
    assert reverse("archive:overview-table", args=["section_4_1"]) in page
    written = signed_in(rita).get(reverse("archive:overview-table", args=["section_4_1"])).content.decode()
    for name, value in rows.items():
        assert f"{name},{value}" in written
    both = create_account(
        "both", password="correct horse battery", roles={"researcher": [site, other_site]}, by_user=None
    )
    tables = {table.name: table for table in overview_tables(both.sites_as(), simulated=False)}
    whole = dict(tables["section_4_1"].rows)
    assert (whole["Studies"], whole["Hospitals"]) == (4, 2)


def test_a_studys_page_names_the_splits_she_is_in_and_her_side(site: Site, rita: User) -> None:
    one, two = add_study(site, "1"), add_study(site, "2")
    page = signed_in(rita).get(reverse("archive:study", args=[one.pk])).content.decode()
    assert "This patient is in no split." in page
    for name, side in (("density", "test"), ("umicon", "train")):
        split = Split.objects.create(site=site, name=name, purpose="sft")
        SplitMembership.objects.create(split=split, patient=one.patient, side=side)
    page = " ".join(signed_in(rita).get(reverse("archive:study", args=[one.pk])).content.decode().split())
    assert "density</a>: Test" in page
    assert "umicon</a>: Training" in page
    assert "in no split" in signed_in(rita).get(reverse("archive:study", args=[two.pk])).content.decode()


def test_table_4_is_a_figure_by_category_and_result(studies: None, rita: User) -> None:
    bars = _bars(rita, "table_4")
    assert bars["BI-RADS 3: Negative"] == 1
    assert bars["BI-RADS 4A: Positive"] == 2
    assert bars["BI-RADS 4A: Negative"] == 0


def test_table_9_is_a_figure_by_category(studies: None, rita: User) -> None:
    bars = _bars(rita, "table_9")
    assert bars["BI-RADS 4A: Malignant"] == 2
    assert bars["BI-RADS 3: Benign"] == 1
    page = signed_in(rita).get(reverse("archive:overview")).content.decode()
    assert reverse("archive:overview-figure", args=["table_9"]) in page
    assert "BI-RADS 4A: Malignant" in page


def test_section_4_1_is_a_figure_in_both_languages(studies: None, rita: User) -> None:
    bars = _bars(rita, "section_4_1")
    assert (bars["Studies"], bars["Patients"], bars["Images"]) == (3, 3, 9)
    assert "Hospitals" not in bars, "one beside thousands is no bar"
    client = signed_in(rita)
    page = client.get(reverse("archive:overview")).content.decode()
    assert reverse("archive:overview-figure", args=["section_4_1"]) in page
    client.cookies[settings.LANGUAGE_COOKIE_NAME] = "zh-hans"
    drawn = client.get(reverse("archive:overview-figure", args=["section_4_1"])).content.decode()
    assert "检查" in drawn
    assert "Studies" not in drawn
    assert "医院" not in drawn


def test_an_unknown_table_has_no_figure_and_others_see_none(studies: None, rita: User, june: User) -> None:
    assert signed_in(rita).get(reverse("archive:overview-figure", args=["table_5"])).status_code == 404
    assert signed_in(june).get(reverse("archive:overview-figure", args=["table_4"])).status_code == 404


def test_pages_cut_from_keys_show_every_study_once_in_the_same_order(site: Site, rita: User) -> None:
    for number in range(PER_PAGE + 15):
        add_study(site, str(number), views=VIEWS[:3] if number % 9 else VIEWS)
    lacking = Study.objects.readable_by(rita).needing("incomplete")
    for is_dear in (False, True):
        page, count = counted_page(lacking, is_dear=is_dear)
        shown, pages = [study.pk for study in page.rows], 1
        while page.next_key:
            page, again = counted_page(lacking, page.next_key, is_dear=is_dear)
            assert again == count
            shown, pages = shown + [study.pk for study in page.rows], pages + 1
        assert shown == list(lacking.order_by("-created_at", "-pk").values_list("pk", flat=True))
        assert (len(shown), pages) == (count, 1 if count <= PER_PAGE else 2)
    page_of_list = signed_in(rita).get(f"{reverse('archive:studies')}?attention=incomplete")
    assert f'<span class="figure">{count}</span>' in page_of_list.content.decode()


def test_a_study_says_which_standard_views_it_lacks(site: Site, rita: User) -> None:
    whole = add_study(site, "whole", views=VIEWS)
    lacking = add_study(site, "lacking", views=VIEWS[:3])
    missing = f"{VIEWS[3][0]} {VIEWS[3][1]}"
    page = signed_in(rita).get(reverse("archive:study", args=[lacking.pk])).content.decode()
    assert "Views that are missing" in page
    assert missing in page
    assert (
        "Views that are missing"
        not in signed_in(rita).get(reverse("archive:study", args=[whole.pk])).content.decode()
    )
