"""What pages and the programming interface call the files of an import: never by the server's own folders."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.core.management import call_command
from django.test import Client
from django.urls import reverse
from PIL import Image as Picture
from PIL import ImageDraw, ImageFont

from mammo.accounts.models import Role, Site, User
from mammo.accounts.services import create_account
from mammo.archive.models import ImportBatch, ImportItem
from mammo.archive.services import import_studies

from .files import mammogram, picture, zipped


@pytest.fixture
def dana(site: Site) -> User:
    return create_account(
        "dana", password="Wide-river-71", display_name="Dana", roles={Role.DATA_MANAGER: [site]}, by_user=None
    )


@pytest.fixture
def given(tmp_path: Path) -> list[Path]:
    """A folder, a single file and an archive: readable files, one that is none, one with text burned in."""
    mammogram(tmp_path / "ward" / "2019" / "a.dcm")
    (tmp_path / "ward" / "2019" / "notes.txt").write_text("no picture", encoding="utf-8")
    inside = mammogram(tmp_path / "packed.dcm", side="R")
    (tmp_path / "archives").mkdir()
    image, canvas = picture("L", 500, 420), Picture.new("L", (420, 500))
    ImageDraw.Draw(canvas).text((265, 30), "ZHANG 1963", fill=255, font=ImageFont.load_default(24))
    image[np.array(canvas) > 128] = 1500
    alone = mammogram(tmp_path / "alone" / "b.dcm", view="MLO", image=image)
    return [
        tmp_path / "ward",
        alone,
        zipped(tmp_path / "archives" / "set.zip", {"x/c.dcm": inside.read_bytes()}),
    ]


SHOWN = {"ward/2019/a.dcm", "ward/2019/notes.txt", "b.dcm", "set.zip!x/c.dcm"}


def test_pages_name_files_from_the_imported_folder_on(
    given: list[Path], tmp_path: Path, site: Site, dana: User
) -> None:
    batch = import_studies(given, site=site, by_user=dana)
    assert batch.finished_at is not None
    client = Client()
    client.force_login(dana)
    page = client.get(reverse("archive:import-batch", args=[batch.pk])).content.decode()
    assert all(f">{name}<" in page for name in SHOWN)
    assert str(tmp_path) not in page
    held = ImportItem.objects.get(outcome="quarantined")
    decide = client.get(reverse("archive:quarantine-item", args=[held.pk])).content.decode()
    assert ">b.dcm<" in decide
    assert str(tmp_path) not in decide
    # Nor is it kept anywhere.
    assert {str(item.source) for item in batch.items.select_related("batch__site")} == SHOWN


def test_the_command_tells_its_own_caller_the_paths_as_they_were_given(
    given: list[Path], site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    call_command("import_studies", *map(str, given), site=site.code, json=True)
    told = {item["source"] for item in json.loads(capsys.readouterr().out)["items"]}
    folder, alone, archive = given
    assert told == {
        str(folder / "2019" / "a.dcm"), str(folder / "2019" / "notes.txt"), str(alone), f"{archive}!x/c.dcm",
    }  # fmt: skip


def test_a_folder_given_as_a_point_is_called_by_its_name(
    tmp_path: Path, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    mammogram(tmp_path / "ward" / "2019" / "a.dcm")
    monkeypatch.chdir(tmp_path / "ward")
    batch = import_studies([Path()], site=site, by_user=None)
    assert [str(item.source) for item in batch.items.select_related("batch__site")] == ["ward/2019/a.dcm"]


@pytest.mark.parametrize(
    ("stored", "shown"),
    [
        ("/srv/pacs/ward/2019/a.dcm", "2019/a.dcm"),
        ("/a.dcm", "a.dcm"),
        ("C:\\exports\\ward\\a.dcm", "ward/a.dcm"),
        ("/srv/pacs/set.zip!x/y/c.dcm", "pacs/set.zip!x/y/c.dcm"),
        ("https://pacs/dicom-web/studies/1", "https://pacs/dicom-web/studies/1"),
        ("ward/2019/a.dcm", "ward/2019/a.dcm"),
    ],
)
def test_rows_of_an_earlier_version_show_no_more_than_the_last_folder(
    stored: str, shown: str, site: Site
) -> None:
    batch = ImportBatch.objects.create(site=site, kind="studies")
    made: Any = ImportItem.objects.create(batch=batch, source=stored, outcome="rejected")
    assert made.shown_source == shown
