"""Whoever is named in the shared set's files and in questions is in no export: training sets, snapshots, raw scores."""

import io
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from django.core.management import call_command
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from annotation.models import Campaign, Correction, TrainingExport
from annotation.services.export import export_training
from annotation.services.picks import pick
from annotation.services.splits import create_split
from evaluation.services.exports import ask_export, decide_export
from evaluation.services.scoring import lock_trial
from mammo.accounts.models import Site, User
from mammo.archive.services import import_studies
from tests.annotation import scene as annotation_scene
from tests.evaluation import scene
from tests.mammo.archive.kept import found_in, planted_in
from tests.modeling.django.test_snapshots import freeze

# The three files of the shared set that are taken: number in the file, telephone, spelt and Chinese name, ID number.
ASKING = [
    ("01", "13800130171", "Zhangwei01 Liphi01", "张伟丽", "440301196302110028"),
    ("03", "13800130371", "Zhangwei03 Liphi03", "欧阳晓燕", "44030119630211004X"),
    ("05", "13800130571", "Zhangwei05 Liphi05", "李静怡", "440301196302110060"),
]
IN_TEXTS = {part for row in ASKING for part in (*row[1:], *row[2].split(), *row[2].upper().split())}


def told_by(number: str, phone: str, spelt: str, name: str, card: str) -> str:
    return (
        f"我叫{name}（{spelt}，{spelt.upper()}），身份证{card}，住院号HN77310{number[1]}55，检查号ACCX0{number[1]}8841，"
        f"电话{phone}，我的乳腺密度是多少？"
    )


@pytest.fixture
def planted(shared_data: Path) -> set[str]:
    """All that is planted in the files, and what the questions say besides."""
    return planted_in(shared_data / "phi" / "manifest.json") | IN_TEXTS


@pytest.fixture
def campaign(site: Site, rita: User, june: User, sena: User, shared_data: Path) -> Campaign:
    """The shared set imported; three of its patients ask and name themselves; each question is picked."""
    assert import_studies([shared_data / "phi"], site=site, by_user=None).counts["imported"] == 3
    made = annotation_scene.open_campaign_of(rita, [june], [sena])
    rows = [
        annotation_scene.row(told_by(*row), line, f"HN77310{row[0][1]}55", f"ACCX0{row[0][1]}8841")
        for line, row in enumerate(ASKING, start=2)
    ]
    questions = annotation_scene.ask(made, *rows)
    assert all(question.study is not None for question in questions)
    annotation_scene.propose(made, questions)
    for question in questions:
        annotation_scene.settle(question, june)
        pick(question, by_user=sena, correction=Correction.objects.candidates(question)[0].pk)
    return made


def opened(data: bytes) -> Iterator[bytes]:
    """The bytes as they are, and what stands in them packed: archives, compressed files, tables, arrays."""
    yield data
    if data.startswith(b"PK"):
        with zipfile.ZipFile(io.BytesIO(data)) as packed:
            for name in packed.namelist():
                yield name.encode()
                yield from opened(packed.read(name))
    elif data.startswith(b"\x1f\x8b"):
        yield from opened(zlib.decompress(data, 47))
    elif data.startswith(b"PAR1"):
        for column in pq.read_table(pa.BufferReader(data)).to_pydict().values():
            yield repr(column).encode()
    elif data.startswith(b"\x93NUMPY"):
        yield np.load(io.BytesIO(data), allow_pickle=False).tobytes()


def left_in_files(folder: Path, planted: set[str]) -> list[tuple[str, str]]:
    """(string, file) of what is left in the names and the content of a folder's files."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert files
    found = []
    for path in files:
        name = str(path.relative_to(folder))
        for piece in (name.encode(), *opened(path.read_bytes())):
            found += [(string, name) for string in found_in(piece, planted)]
            escaped = (string for string in planted if string.encode("unicode_escape") in piece)
            found += [(string, name) for string in escaped]
    return found


def packed_in(folder: Path, name: str, data: bytes) -> Path:
    folder.mkdir()
    (folder / name).write_bytes(data)
    return folder


WAYS = [
    ("llamafactory", "reference"), ("trl", "reference"), ("swift", "reference"), ("parquet", "reference"),
    ("parquet", "packed"), ("llamafactory", "none"),
]  # fmt: skip


def test_training_sets_hold_none_of_it(
    campaign: Campaign, rita: User, planted: set[str], tmp_path: Path
) -> None:
    for way, images in WAYS:
        folder = tmp_path / f"{way} {images}"
        made = export_training(
            campaign, folder, format=way, images=images, by_user=rita, preferences=way != "parquet"
        )
        assert made.counts["samples"] == 3
        assert left_in_files(folder, planted) == [], way
    client = Client()
    client.force_login(rita)
    for row in TrainingExport.objects.all():
        answer = client.post(reverse("annotation:export-download", args=[row.pk]))
        data = b"".join(answer.streaming_content)  # type: ignore[attr-defined]
        assert left_in_files(packed_in(tmp_path / str(row.pk), "export.zip", data), planted) == []


def test_a_frozen_training_set_holds_none_of_it(
    campaign: Campaign, rita: User, planted: set[str], tmp_path: Path
) -> None:
    split = create_split("all", site=campaign.site, by_user=rita, purpose="training")
    (tmp_path / "job").mkdir()
    row = freeze(campaign, split, rita, tmp_path / "job")
    assert row.patients.count() == 3
    assert left_in_files(Path(row.folder), planted) == []
    assert left_in_files(tmp_path / "job", planted) == []


def test_raw_scores_hold_none_of_it(
    campaign: Campaign, site: Site, rita: User, june: User, sena: User, planted: set[str], tmp_path: Path
) -> None:
    author = scene.person(site, "nora", "author")
    trial = scene.draft_trial(rita, list(campaign.questions.all()), author)
    scene.answer_all(trial, rita, author)
    scene.opened(trial, rita, [sena])
    scene.score_all(trial)
    lock_trial(trial, by_user=rita)
    row = ask_export(trial, by_user=rita, reason="analysis in R", expires_on=timezone.localdate())
    decide_export(row, "approved", by_user=scene.person(site, "stan", "researcher"))
    client = Client()
    client.force_login(rita)
    answer = client.post(reverse("evaluation:export-download", args=[row.pk]))
    assert answer.status_code == 200
    assert left_in_files(packed_in(tmp_path / "page", "scores.zip", answer.content), planted) == []
    call_command("export_scores", tmp_path / "command", "--request", str(row.pk))
    assert left_in_files(tmp_path / "command", planted) == []


def test_the_search_opens_what_exports_are_packed_in(tmp_path: Path) -> None:
    """An archive in an archive, a compressed file, a compressed table, an array."""
    inner, outer = io.BytesIO(), io.BytesIO()
    with zipfile.ZipFile(inner, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("a.txt", "李静怡 " * 40)
    with zipfile.ZipFile(outer, "w") as packed:
        packed.writestr("inner.zip", inner.getvalue())
    (tmp_path / "outer.zip").write_bytes(outer.getvalue())
    pq.write_table(pa.table({"text": ["13800130171"] * 9}), tmp_path / "t.parquet", compression="zstd")
    np.savez_compressed(tmp_path / "a.npz", names=np.array(["ZHANGWEI03"] * 9))
    (tmp_path / "j.json").write_text('"\\u5f20\\u4f1f\\u4e3d"')
    strings = {"李静怡", "13800130171", "张伟丽"}
    assert {string for string, _where in left_in_files(tmp_path, strings)} == strings
