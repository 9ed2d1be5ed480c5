"""What an erasure empties stands in no old page of the database either: neither in the file nor in the log beside it."""

import sqlite3
import time
from pathlib import Path

import pytest
from django.conf import settings
from django.db import connection

from mammo.accounts.models import Site, User
from mammo.accounts.services import create_account
from mammo.archive.models import Study
from mammo.archive.services import erase_patient, request_erasure
from mammo.core.private_database import forget_old_pages
from mammo.jobs.chores import do_chores
from tests.annotation.scene import patient_with_study

CANARY = "canary-of-her-accession"
pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif("connection.vendor != 'sqlite'", reason="SQLite's own files"),
]


def raw() -> dict[str, int]:
    """How often the canary stands in the database's file and in its log."""
    name = Path(connection.settings_dict["NAME"])
    files = (name, name.with_name(f"{name.name}-wal"))
    return {path.name.removeprefix(name.name): path.read_bytes().count(CANARY.encode()) for path in files}


def test_a_withdrawal_leaves_nothing_in_old_pages(site: Site, dana: User) -> None:
    ada = create_account("ada", password="correct horse battery", roles={"admin": [site]}, by_user=None)
    study = patient_with_study(site)
    Study.objects.filter(pk=study.pk).update(accession_hash=CANARY)
    with connection.cursor() as cursor:  # as a site that has worked for a while: in the file and in the log
        cursor.execute("PRAGMA wal_checkpoint(FULL)")
    assert raw()[""] > 0
    assert raw()["-wal"] > 0
    erase_patient(request_erasure(study.patient, reason="withdrew", by_user=dana), by_user=ada)
    assert raw() == {"": 0, "-wal": 0}


def test_what_is_deleted_is_overwritten_on_every_build_of_sqlite() -> None:
    assert "PRAGMA secure_delete=ON" in settings.SQLITE_OPTIONS["init_command"]
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA secure_delete")
        assert cursor.fetchone() == (1,)


def test_the_log_is_emptied_by_a_chore_where_a_reader_was_in_the_way(site: Site) -> None:
    assert (Path(f"{connection.settings_dict['NAME']}-wal")).stat().st_size > 0
    assert do_chores()["core.log_of_pages"] == 1
    assert (Path(f"{connection.settings_dict['NAME']}-wal")).stat().st_size == 0
    assert forget_old_pages()


def test_a_long_reader_is_not_waited_for_with_the_writers_lock_in_hand(site: Site) -> None:
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA busy_timeout")
        usual = cursor.fetchone()
    reader = sqlite3.connect(connection.settings_dict["NAME"], isolation_level=None)
    try:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM accounts_site").fetchone()
        create_account("late", password="correct horse battery", roles={}, by_user=None)
        began = time.monotonic()
        assert not forget_old_pages()
        assert time.monotonic() - began < usual[0] / 1000 / 2
    finally:
        reader.close()
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA busy_timeout")
        assert cursor.fetchone() == usual
    assert forget_old_pages()
