"""Which standard views a study has is kept beside it, so that the list of incomplete studies asks no image."""

from importlib import import_module
from types import SimpleNamespace

import pytest
from django.apps import apps
from django.db import connection

from mammo.accounts.models import Site
from mammo.archive.models import Image, Study

from .studies import VIEWS, add_study

ALL = 15


def _more(study: Study, laterality: str, view: str, **values: object) -> Image:
    fields = {
        field.name: getattr(study.images.all()[0], field.name)
        for field in Image._meta.concrete_fields
        if field.name not in ("id", "created_at")
    }
    name = f"{laterality}{view}{values}"
    return Image.objects.create(
        **{
            **fields,
            "is_extra": False,
            "laterality": laterality,
            "view": view,
            "sop_uid_hash": name,
            "sha256": name,
            **values,
        }
    )


def test_a_study_lacks_a_view_until_its_image_comes(site: Site) -> None:
    study = add_study(site, "1", views=VIEWS[:3])
    lacking = Study.objects.all().needing("incomplete")
    assert list(lacking.all()) == [study]
    _more(study, *VIEWS[3], is_extra=True)  # a close-up is none of the four
    _more(study, "R", "ML")
    _more(study, *VIEWS[0])  # a repeat
    assert list(lacking.all()) == [study]
    _more(study, *VIEWS[3])
    assert not lacking.exists()
    image = study.images.all()[0]
    image.flags = ["looked at"]
    image.save()
    study.refresh_from_db()
    assert (study.standard_views, study.version) == (ALL, 1)


@pytest.mark.parametrize("count", [0, 1, 3, 4])
def test_studies_of_before_are_told_what_they_have(site: Site, count: int) -> None:
    study = add_study(site, "1", views=VIEWS[:count])
    known = Study.objects.get(pk=study.pk).standard_views
    Study.objects.update(standard_views=0)
    migration = import_module("mammo.archive.migrations.0013_standard_views_of_studies")
    migration.note_views(apps, SimpleNamespace(connection=connection))
    study.refresh_from_db()
    assert study.standard_views == known
    assert known.bit_count() == count
    assert (known == ALL) == (count == len(VIEWS))
