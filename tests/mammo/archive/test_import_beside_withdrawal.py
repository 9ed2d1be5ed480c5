"""An image that comes while its patient withdraws is either seen by the withdrawal or not taken."""

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from django.conf import settings
from django.db import connection, connections

from mammo.accounts.models import Site, User
from mammo.accounts.services import create_account
from mammo.archive.models import Image, Patient
from mammo.archive.services import erase_patient, import_studies, request_erasure
from mammo.archive.study_rows import Found, StudyRows

from .files import mammogram

pytestmark = pytest.mark.django_db(transaction=True)
PATIENCE, HEAD_START = 60.0, 2.0


@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has one writer at a time")
def test_no_copy_of_hers_is_left_by_an_import_that_began_before(
    site: Site, dana: User, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import_studies([mammogram(tmp_path / "a.dcm")], site=site, by_user=None)
    ada = create_account("ada", password="correct horse battery", roles={"admin": [site]}, by_user=None)
    erasure = request_erasure(Patient.objects.get(), reason="withdrew", by_user=dana)
    second = mammogram(
        tmp_path / "b.dcm", view="ML"
    )  # none of the four, so that nothing of the study is held
    is_written, ended = threading.Event(), threading.Event()
    write = StudyRows.write

    def slowly(rows: StudyRows, found: Found, keys: object) -> object:
        unused = write(rows, found, keys)  # type: ignore[arg-type]
        is_written.set()
        ended.wait(HEAD_START)  # the withdrawal goes as far as it can
        return unused

    def take() -> None:
        try:
            import_studies([second], site=site, by_user=None)
        finally:
            connections.close_all()

    def withdraw() -> None:
        try:
            assert is_written.wait(PATIENCE)
            erase_patient(erasure, by_user=ada)
            ended.set()
        finally:
            connections.close_all()

    monkeypatch.setattr(StudyRows, "write", slowly)
    with ThreadPoolExecutor(2) as people:
        for done in [people.submit(take), people.submit(withdraw)]:
            done.result(PATIENCE)
    assert Image.objects.count() == 2
    left = [path for path in Path(settings.MAMMO_VIEWING_COPIES).rglob("*") if path.is_file()]
    assert left == []
