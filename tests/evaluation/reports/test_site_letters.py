"""What leaves the platform names a hospital by a letter; who works there is told which."""

from django.test import Client
from django.urls import reverse

from evaluation.reports.strata import of_studies
from mammo.accounts.models import Site, User
from mammo.accounts.site_letters import _letters, site_letters
from mammo.archive.models import Split
from mammo.archive.splits import exported_name
from tests.evaluation import scene


def test_a_hospital_is_a_letter_in_tables_and_training_sets(site: Site, other_site: Site, rita: User) -> None:
    letters = site_letters()
    assert sorted(letters.values()) == ["A", "B"]
    assert [_letters(place) for place in (0, 25, 26, 51, 52)] == ["A", "Z", "AA", "AZ", "BA"]
    here = scene.patient_with_study(site, "P1", "A1")
    there = scene.patient_with_study(other_site, "P1", "A1")
    found = of_studies([here.pk, there.pk], "site")
    assert found == {here.pk: letters[site.pk], there.pk: letters[other_site.pk]}
    split = Split(site=site, name=f"{site.code} dense breasts")
    assert exported_name(split) == f"{letters[site.pk]} dense breasts"
    client = Client()
    client.force_login(rita)
    page = client.get(reverse("archive:overview") + "?real").content.decode()
    assert f"{letters[site.pk]} – {site.name}" in page
    assert other_site.name not in page
