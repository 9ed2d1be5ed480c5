"""One file that comes by ten ways at the same moment is stored once; the files of one import are read side by side."""

import hashlib
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psutil
import pytest
from django.conf import settings
from django.db import connection, connections

from mammo.accounts.models import Site
from mammo.archive.labels import Labels
from mammo.archive.models import Image, ImportItem, Patient, Study
from mammo.archive.parsing import ParsingPool
from mammo.archive.pseudonyms import installation
from mammo.archive.services import import_studies
from mammo.archive.sources import Source
from mammo.archive.studies_import import StudyImport, finish_batch, open_batch
from mammo.archive.study_rows import Found, StudyRows

from .files import mammogram, picture

pytestmark = pytest.mark.django_db(transaction=True)
IMPORTS, PATIENCE = 10, 30.0


@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has one writer at a time")
def test_ten_imports_of_one_file_at_once_store_one_image(site: Site, tmp_path: Path) -> None:
    keys_before = {path.stem for path in (Path(settings.MAMMO_KEYS) / "data").glob("*.key")}
    source = mammogram(tmp_path / "a.dcm")
    read = [
        (tmp_path / f"{n}.view", {"task": "import", "path": str(source), "site": site.code, "label": None})
        for n in range(IMPORTS)
    ]
    with ParsingPool[Path](installation(), children=1) as pool:
        answers = dict(pool.answers((path, {**asked, "target": str(path)}) for path, asked in read))
    together = threading.Barrier(IMPORTS)

    def work(staged: Path, answer: dict[str, Any]) -> None:
        try:
            batch = open_batch(site, "files", by_user=None, is_simulated=False, batch_id=None)
            digest = hashlib.sha256(source.read_bytes()).hexdigest()
            found = Found(Source(str(source), source), sha256=digest, staged=staged, answer=answer)
            run = StudyImport(batch, Labels([], None), None)
            together.wait(PATIENCE)
            run.store([found])
            finish_batch(batch)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(IMPORTS) as people:
        for done in [people.submit(work, *pair) for pair in answers.items()]:
            done.result(PATIENCE)
    outcomes = Counter(ImportItem.objects.values_list("outcome", flat=True))
    assert outcomes == {"imported": 1, "duplicate": IMPORTS - 1}
    assert (Patient.objects.count(), Study.objects.count(), Image.objects.count()) == (1, 1, 1)
    image = Image.objects.get()
    originals = [path for path in Path(settings.MAMMO_ORIGINALS).rglob("*") if path.is_file()]
    copies = [path for path in Path(settings.MAMMO_VIEWING_COPIES).rglob("*") if path.is_file()]
    assert [str(path.relative_to(settings.MAMMO_ORIGINALS)) for path in originals] == [image.original]
    assert sorted(path.suffix for path in copies) == [".dcm", ".png"]
    made = {path.stem for path in (Path(settings.MAMMO_KEYS) / "data").glob("*.key")} - keys_before
    assert made == {str(Patient.objects.get().key_id)}, "the losers' keys are gone"


def test_bytes_that_another_import_stores_between_two_looks_are_a_duplicate(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PostgreSQL shows each statement of a transaction what others committed before it."""
    source = mammogram(tmp_path / "a.dcm")
    import_studies([source], site=site, by_user=None)
    asked = {
        "task": "import", "path": str(source), "target": str(tmp_path / "b.view"), "site": site.code, "label": None,
    }  # fmt: skip
    with ParsingPool[int](installation(), children=1) as pool:
        answer = next(iter(pool.answers([(0, asked)])))[1]
    digest = hashlib.sha256(source.read_bytes()).hexdigest()
    found = Found(Source(str(source), source), sha256=digest, staged=tmp_path / "b.view", answer=answer)
    look = StudyRows.known_image
    looks = iter([None])
    monkeypatch.setattr(StudyRows, "known_image", lambda rows, sha256: next(looks, look(rows, sha256)))
    batch = open_batch(site, "files", by_user=None, is_simulated=False, batch_id=None)
    StudyImport(batch, Labels([], None), None).store([found])
    assert (found.outcome, found.image) == ("duplicate", Image.objects.get())


def parsing_children() -> set[int]:
    """Process ids of the parsing children that this process has now."""
    found = set()
    for child in psutil.Process().children():
        try:
            if "mammo.archive.parse_child" in child.cmdline():
                found.add(child.pid)
        except psutil.Error:  # it ended meanwhile
            continue
    return found


def test_files_are_read_by_as_many_children_as_the_pool_may_have(tmp_path: Path) -> None:
    files = [mammogram(tmp_path / f"{n}.dcm", image=picture(seed=n)) for n in range(8)]
    requests = [
        (n, {"task": "import", "path": str(path), "target": str(tmp_path / f"{n}.view"), "site": "north", "label": None})
        for n, path in enumerate(files)
    ]  # fmt: skip
    seen: set[int] = set()
    answered = []
    with ParsingPool[int](installation(), children=2) as pool:
        for number, answer in pool.answers(requests):
            seen |= parsing_children()
            answered.append(number)
            assert answer["outcome"] == "imported", answer
    assert sorted(answered) == list(range(8))
    assert len(seen) == 2
    assert not parsing_children(), "the pool ends them"


def test_an_import_reads_its_files_in_pooled_children(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mammo.archive.parsing.default_children", lambda: 2)
    files = [mammogram(tmp_path / f"{n}.dcm", image=picture(seed=n)) for n in range(6)]
    seen: set[int] = set()
    batch = import_studies(
        files, site=site, by_user=None, progress=lambda done, total: seen.update(parsing_children())
    )
    assert batch.counts["imported"] == 6
    assert len(seen) == 2
