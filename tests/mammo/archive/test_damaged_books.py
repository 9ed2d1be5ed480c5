"""A damaged workbook is one clear line wherever it is read, and no withdrawal stops at it."""

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from mammo.accounts.models import AuditEvent, Site, User
from mammo.archive.models import Pathology, Patient, Report, TableUpload
from mammo.archive.table_uploads import PURPOSE, path_of, tables_folder
from mammo.archive.tables import header_and_rows
from mammo.core.errors import UserError
from mammo.core.jsonlines import write_atomically
from mammo.core.keys import key_store

from .damaged_books import DAMAGES, book, broken_xml, flipped_bit
from .test_erasure_of_tables import COLUMNS, ROWS, as_xlsx, erase, kept
from .test_erasure_of_tables import hers as hers

pytestmark = pytest.mark.django_db
PATHOLOGY_ROWS = [
    ["patient", "accession", "date", "side", "method", "class"],
    *([f"H{number}", f"A{number}", "2019-04-02", "L", "surgery", "benign"] for number in range(400)),
]
Damage = Callable[[Any], bytes]


def written(path: Path, data: bytes) -> str:
    path.write_bytes(data)
    return str(path)


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.__name__)
def test_the_command_for_pathology_says_so_in_one_line(site: Site, tmp_path: Path, damage: Damage) -> None:
    file = written(tmp_path / "p.xlsx", damage(PATHOLOGY_ROWS))
    with pytest.raises(CommandError, match=r"p\.xlsx: not a readable XLSX file; save it again") as refused:
        call_command("import_pathology", file, site="north")
    assert "\n" not in str(refused.value)
    assert not Pathology.objects.exists()


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.__name__)
def test_the_command_for_tables_says_so_in_one_line(site: Site, tmp_path: Path, damage: Damage) -> None:
    file = written(tmp_path / "t.xlsx", damage(PATHOLOGY_ROWS))
    with pytest.raises(CommandError, match=r"t\.xlsx: not a readable XLSX file; save it again") as refused:
        call_command("import_table", "pathology", file, "--site", "north")
    assert "\n" not in str(refused.value)
    assert not Pathology.objects.exists()


def test_wherever_a_bit_is_another_a_workbook_is_read_or_refused(tmp_path: Path) -> None:
    """Nothing else comes of it; a bit in a time or a style changes no cell."""
    whole, chance, refused = book(PATHOLOGY_ROWS[:20]), random.Random(20), 0
    for _ in range(150):
        data = bytearray(whole)
        data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
        path = tmp_path / "b.xlsx"
        path.write_bytes(data)
        try:
            header_and_rows(path, 20)
        except UserError:
            refused += 1
    assert refused > 50


def damaged_since(upload: TableUpload, data: bytes) -> None:
    """The kept table is damaged further down than its preview looked, as a broken disk leaves it."""
    write_atomically(path_of(upload), key_store().encrypt(upload.site.key_id, data, PURPOSE))


@pytest.mark.parametrize("damage", [broken_xml, flipped_bit], ids=lambda damage: damage.__name__)
def test_a_withdrawal_destroys_a_table_that_is_damaged_further_down_and_goes_on(
    hers: Patient, dana: User, site: Site, damage: Damage, django_capture_on_commit_callbacks: Any
) -> None:
    damaged = kept("ris.xlsx", as_xlsx(ROWS), dana, site)
    sound = kept("other.xlsx", as_xlsx(ROWS), dana, site)
    damaged_since(damaged, damage([COLUMNS, *(ROWS * 100)]))
    path = path_of(damaged)
    with django_capture_on_commit_callbacks(execute=True):
        erasure = erase(hers, dana)
    assert (erasure.destroyed["tables"], erasure.destroyed["table_rows"]) == (1, 2)
    assert not path.exists()
    assert list(TableUpload.objects.all()) == [sound]
    assert len(list(tables_folder().glob("*.enc"))) == 1
    assert AuditEvent.objects.get(action="archive.table_discarded").reason == "erasure"
    assert not Report.objects.filter(study__patient=hers).exists()
