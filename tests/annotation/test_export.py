"""From question to training set; the files held against LLaMA-Factory's written rules."""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest
from django.core.management import CommandError, call_command

from annotation.exporting.pictures import windowed
from annotation.models import Campaign, Correction, Question, StatedFacts, TrainingExport
from annotation.services import export as exporting
from annotation.services import proposals
from annotation.services.export import campaign_split, export_training
from annotation.services.picks import pick
from annotation.services.splits import create_split
from mammo.accounts.models import AuditEvent, User
from mammo.archive.models import Image, Split, SplitMembership
from mammo.core.errors import NotAllowedError, UserError
from mammo.core.keys import key_store
from tests.annotation import scene


def picked(campaign: Campaign, june: User, sena: User, *rows: Any) -> list[Question]:
    """Questions taken all the way to a pick of the first proposal's correction."""
    questions = scene.ask(campaign, *rows)
    scene.propose(campaign, questions)
    for question in questions:
        scene.settle(question, june)
        chosen = Correction.objects.candidates(question).get(proposal__index=0)
        pick(question, by_user=sena, correction=chosen.pk)
    return questions


@pytest.fixture
def done(campaign: Campaign, june: User, sena: User) -> Campaign:
    """The campaign with twelve patients' questions picked, one of them of two rounds, one without a study."""
    rows = []
    for number in range(12):
        if number:
            scene.patient_with_study(campaign.site, f"P10{number}", f"A10{number}")
        rows.append(
            scene.row(
                f"问题{number}？",
                number + 2,
                *(("P001", "A001") if not number else (f"P10{number}", f"A10{number}")),
            )
        )
    rows.append(scene.row(number=20, turns=("什么是钙化？", "是钙盐沉积。", "<image>那<video>严重吗？")))
    rows.append(scene.row("没有片子的问题？", 21, "", ""))
    picked(campaign, june, sena, *rows)
    return campaign


def lines(path: Path) -> list[dict[str, Any]]:
    """Rows of a JSON-lines file."""
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def check_llamafactory(folder: Path) -> dict[str, list[dict[str, Any]]]:
    """Hold a folder against LLaMA-Factory's data/README.md (sharegpt, multimodal, ranking)."""
    info = json.loads((folder / "dataset_info.json").read_text())
    found = {}
    for name, entry in info.items():
        rows = found[name] = lines(folder / entry["file_name"])
        assert entry["formatting"] == "sharegpt"
        assert set(entry["tags"]) >= {"role_tag", "content_tag", "user_tag", "assistant_tag"}
        for row in rows:
            assert set(entry["columns"].values()) <= set(row)
            messages = row["messages"]
            roles = [message["role"] for message in messages]
            assert roles == ["user", "assistant"] * (len(roles) // 2) + ["user"] * (len(roles) % 2)
            answers = [row["chosen"], row["rejected"]] if entry.get("ranking") else messages[-1:]
            assert roles[-1] == ("user" if entry.get("ranking") else "assistant")
            assert all(answer["role"] == "assistant" and answer["content"].strip() for answer in answers)
            text = "".join(message["content"] for message in [*messages, *answers])
            assert text.count("<image>") == len(row["images"])
            assert "<video>" not in text
            assert all((folder / name).is_file() for name in row["images"])
    return found


def test_llamafactory_files_keep_the_formats_rules(done: Campaign, rita: User, tmp_path: Path) -> None:
    export = export_training(done, tmp_path / "out", format="llamafactory", by_user=rita, preferences=True)
    found = check_llamafactory(tmp_path / "out")
    supervised = [row for name, rows in found.items() if name.startswith("mammo_sft") for row in rows]
    pairs = [row for name, rows in found.items() if name.startswith("mammo_dpo") for row in rows]
    assert len(supervised) == export.counts["samples"] == 14
    assert len(pairs) == export.counts["pairs"] == 28
    assert all(pair["chosen"] != pair["rejected"] for pair in pairs)
    card = (tmp_path / "out" / "README.md").read_text("utf-8")
    assert "not learned (train with `mask_history: true`, else they are): 1\n" in card
    assert sorted({len(row["images"]) for row in supervised}) == [0, 4]
    assert all(row["messages"][-1]["content"] == f"{scene.ANSWERS[0]}（已核对0）" for row in supervised)


def test_no_patient_stands_on_two_sides(done: Campaign, rita: User, tmp_path: Path) -> None:
    export_training(done, tmp_path / "out", format="llamafactory", by_user=rita)
    sides: dict[str, set[str]] = {}
    for row in lines(tmp_path / "out" / "lineage.jsonl"):
        patient = str(Question.objects.get(pk=row["id"]).patient_id)
        sides.setdefault(patient, set()).add(row["split"])
    assert all(len(found) == 1 for patient, found in sides.items() if patient != "None")
    assert {side for found in sides.values() for side in found} == {"train", "validation", "test"}


def test_lineage_leads_back_to_every_row(
    done: Campaign, rita: User, june: User, sena: User, tmp_path: Path
) -> None:
    export_training(done, tmp_path / "out", format="swift", by_user=rita)
    rows = lines(tmp_path / "out" / "lineage.jsonl")
    assert [row["id"] for row in rows] == [str(q.pk) for q in Question.objects.order_by("position")]
    first = rows[0]
    assert (first["corrected_by"], first["picked_by"]) == (str(june.pk), str(sena.pk))
    assert Correction.objects.get(pk=first["correction"]).proposal_id.hex == first["proposal"].replace(
        "-", ""
    )
    assert (first["revision"], first["proposer_context"]) == ("b" * 64, "none")


def test_the_hash_covers_the_files_and_repeats(done: Campaign, rita: User, tmp_path: Path) -> None:
    first = export_training(done, tmp_path / "one", format="llamafactory", by_user=rita)
    second = export_training(done, tmp_path / "two", format="llamafactory", by_user=rita)
    manifest = json.loads((tmp_path / "one" / "manifest.json").read_text())
    for name, sha256 in manifest["files"].items():
        assert hashlib.sha256((tmp_path / "one" / name).read_bytes()).hexdigest() == sha256
    joined = "".join(f"{name} {sha256}\n" for name, sha256 in sorted(manifest["files"].items()))
    assert hashlib.sha256(joined.encode()).hexdigest() == first.content_hash == second.content_hash
    assert first.content_hash in (tmp_path / "one" / "README.md").read_text()
    assert first.patients.count() == 12


def test_an_export_is_an_audit_event(
    campaign: Campaign, june: User, sena: User, rita: User, tmp_path: Path
) -> None:
    picked(campaign, june, sena)
    row = export_training(campaign, tmp_path / "out", format="trl", by_user=rita)
    event = AuditEvent.objects.get(action="annotation.exported")
    assert (event.actor, event.site) == (rita, campaign.site)
    assert (event.object_type, event.object_id) == ("annotation.trainingexport", str(row.pk))
    assert event.details == {"format": "trl", "content_hash": row.content_hash, "counts": row.counts}
    with pytest.raises(NotAllowedError):
        export_training(campaign, tmp_path / "again", format="trl", by_user=june)
    assert AuditEvent.objects.filter(action="annotation.exported").count() == 1


def test_pictures_are_8_bit_png_without_text(done: Campaign, rita: User, tmp_path: Path) -> None:
    export_training(done, tmp_path / "out", format="llamafactory", by_user=rita)
    path = next((tmp_path / "out" / "images").iterdir())
    data = path.read_bytes()
    pixels = imagecodecs.png_decode(data)
    assert (pixels.dtype, pixels.shape) == (np.uint8, (40, 30))
    assert (pixels[0, 0], pixels[0, -1]) == (0, 255)
    assert list(chunks(data)) == [b"IHDR", b"IDAT", b"IEND"]


def chunks(data: bytes) -> Iterator[bytes]:
    """Names of a PNG's chunks."""
    at = 8
    while at < len(data):
        yield data[at + 4 : at + 8]
        at += 12 + int.from_bytes(data[at : at + 4], "big")


@pytest.mark.parametrize(
    ("function", "values"),
    [
        # PS3.3 C.11.2.1.2.1 note 2: center 2048, width 4096 maps 0..4095 onto the whole range.
        ("LINEAR", {0: 0, 4095: 255, 2047: 127}),
        ("LINEAR_EXACT", {0: 0, 4096: 255, 2048: 128}),
        ("SIGMOID", {2048: 128, 0: round(255 / (1 + np.exp(2)))}),
    ],
)
def test_the_window_follows_the_standard(function: str, values: dict[int, int]) -> None:
    for stored, grey in values.items():
        found = windowed(np.array([stored], np.uint16), center=2048, width=4096, function=function)
        assert abs(int(found[0]) - grey) <= 1


def test_trl_rows_have_typed_parts(done: Campaign, rita: User, tmp_path: Path) -> None:
    export_training(done, tmp_path / "out", format="trl", by_user=rita, preferences=True)
    for row in lines(tmp_path / "out" / "sft_train.jsonl"):
        parts = row["prompt"][0]["content"]
        assert [part["type"] for part in parts] == ["image"] * len(row["images"]) + ["text"]
        assert "<image>" not in parts[-1]["text"]
        assert row["prompt"][-1]["role"] == "user"
        assert [message["role"] for message in row["completion"]] == ["assistant"]
    pair = lines(tmp_path / "out" / "dpo_train.jsonl")[0]
    assert pair["prompt"][-1]["role"] == "user"
    assert pair["chosen"] != pair["rejected"]


def check_swift(folder: Path, kind: str) -> list[dict[str, Any]]:
    """Hold the files of a kind against ms-swift's documentation (Custom-dataset: standard format, multimodal, RLHF).

    Keys are messages, images and, for pairs, rejected_response; roles alternate and end with the assistant; each
    <image> of the conversation stands for one path of `images`, in their order.
    """
    found = [row for path in sorted(folder.glob(f"{kind}_*.jsonl")) for row in lines(path)]
    for row in found:
        assert set(row) == {"messages", "images", *(["rejected_response"] if kind == "dpo" else [])}
        # `loss: false`: an earlier answer of the conversation is read, not learned. The last says it in every row.
        assert row["messages"][-1]["loss"] is True
        kept = [message.pop("loss", True) for message in row["messages"]]
        assert kept == [place % 2 == 0 or place == len(kept) - 1 for place in range(len(kept))]
        assert all(set(message) == {"role", "content"} for message in row["messages"])
        roles = [message["role"] for message in row["messages"]]
        assert roles == ["user", "assistant"] * (len(roles) // 2)
        assert all(message["content"].strip() for message in row["messages"])
        said = [message["content"] for message in row["messages"]]
        assert sum(text.count("<image>") for text in said) == said[0].count("<image>") == len(row["images"])
        assert not any(tag in "".join(said) for tag in ("<video>", "<audio>"))
        assert all((folder / name).is_file() for name in row["images"])
        if kind == "dpo":
            assert row["rejected_response"].strip()
            assert row["rejected_response"] != said[-1]
            assert "<image>" not in row["rejected_response"]
    return found


def test_swift_files_keep_the_formats_rules(done: Campaign, rita: User, tmp_path: Path) -> None:
    export = export_training(done, tmp_path / "out", format="swift", by_user=rita, preferences=True)
    supervised = check_swift(tmp_path / "out", "sft")
    assert len(supervised) == export.counts["samples"] == 14
    assert len(check_swift(tmp_path / "out", "dpo")) == export.counts["pairs"] == 28
    assert sorted({len(row["images"]) for row in supervised}) == [0, 4]
    assert sorted({len(row["messages"]) for row in supervised}) == [2, 4]


def test_the_data_card_counts_and_names_what_is_in_the_set(
    done: Campaign, rita: User, tmp_path: Path
) -> None:
    # Thirteen of the fourteen are about a study.
    for number, row in enumerate(StatedFacts.objects.filter(pick__isnull=False)):
        row.said = {"density": "C" if number else "D", "right": "4"}  # hers: C, right 4A
        row.save()
    export = export_training(done, tmp_path / "out", format="swift", by_user=rita, preferences=True)
    card = (tmp_path / "out" / "README.md").read_text("utf-8").splitlines()
    sides = {
        side: len(lines(tmp_path / "out" / f"sft_{side}.jsonl")) for side in ("train", "validation", "test")
    }
    assert sum(sides.values()) == export.counts["samples"]
    for line in (
        "- Samples: 14",
        *(f"- {side.capitalize()}: {count}" for side, count in sides.items()),
        "- Pairs: 28",
        "- Languages: Chinese 14",
        "- Proposed by: tiny GLM (bbbbbbbbbbbb) 14",
        "- Licence of the proposing model: tiny GLM: not stated",
        "- The proposer saw: Question only 14",
        "- Corrected by 1 junior, picked by 1 senior radiologists",
        "- Licence: none is granted by this file; the hospital's data agreement applies",
        "- Facts that answers state about density and BI-RADS, supported by the study's labels: 25 of 26 (96.2 %)",
        "- Samples with earlier answers, which are to be read and not learned (they stand with `loss: false`): 1",
        "- Picked but left out of this set: none",
    ):
        assert line in card, line
    text = "\n".join(card)
    assert not any(name in text for name in ("June", "Sena", "Rita", "P001", "P101"))


def test_the_data_card_names_the_licence_that_the_answering_module_found(
    campaign: Campaign, june: User, sena: User, rita: User, tmp_path: Path
) -> None:
    questions = scene.ask(campaign)
    job = proposals.queue_proposals(campaign, by_user=None)
    assert job is not None
    found = [row | {"licence": "glm-4"} for row in scene.answer_rows(questions[0])]
    proposals.ingest(job, found)
    questions[0].refresh_from_db()
    scene.settle(questions[0], june)
    pick(questions[0], by_user=sena, correction=Correction.objects.candidates(questions[0])[0].pk)
    export_training(campaign, tmp_path / "out", format="trl", by_user=rita)
    assert "- Licence of the proposing model: tiny GLM: glm-4" in (tmp_path / "out" / "README.md").read_text(
        "utf-8"
    )
    (lineage,) = lines(tmp_path / "out" / "lineage.jsonl")
    assert lineage["parameters"]["licence"] == "glm-4"


def test_parquet_reads_back(done: Campaign, rita: User, tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet", reason="pyarrow is an extra")
    export_training(done, tmp_path / "out", format="parquet", by_user=rita)
    rows = parquet.read_table(tmp_path / "out" / "sft_train.parquet").to_pylist()
    assert rows[0]["completion"][0]["content"][0]["text"] == f"{scene.ANSWERS[0]}（已核对0）"


def test_without_pyarrow_parquet_says_what_to_install(
    done: Campaign, rita: User, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(UserError, match="pip install"):
        export_training(done, tmp_path / "out", format="parquet", by_user=rita)
    assert list(tmp_path.glob("*out*")) == []


def test_a_patient_who_withdrew_is_left_out(done: Campaign, rita: User, tmp_path: Path) -> None:
    patient = Question.objects.filter(campaign=done).order_by("position")[3].patient
    assert patient is not None
    key_store().destroy(patient.key_id)
    export = export_training(done, tmp_path / "out", format="llamafactory", by_user=rita)
    assert export.counts["samples"] == 13
    assert "[erased]" not in (tmp_path / "out" / "sft_train.jsonl").read_text("utf-8")


def test_a_given_split_must_hold_every_patient(done: Campaign, rita: User, tmp_path: Path) -> None:
    only = Question.objects.filter(campaign=done).order_by("position")[0].patient
    assert only is not None
    split = create_split("one patient", site=done.site, by_user=rita, purpose="sft", patients=[only])
    with pytest.raises(UserError, match="has no side"):
        export_training(done, tmp_path / "out", format="llamafactory", by_user=rita, split=split)
    assert not (tmp_path / "out").exists()
    assert not TrainingExport.objects.exists()


def test_patients_who_come_later_get_a_side_and_nobody_moves(
    done: Campaign, rita: User, june: User, sena: User, tmp_path: Path
) -> None:
    split = campaign_split(done, by_user=rita)
    before = dict(SplitMembership.objects.filter(split=split).values_list("patient", "side"))
    scene.patient_with_study(done.site, "P900", "A900")
    picked_later = scene.ask(done, scene.row("晚到的问题？", 30, "P900", "A900"))[-1]
    scene.propose(done, [picked_later])
    scene.settle(picked_later, june)
    pick(picked_later, by_user=sena, correction=Correction.objects.candidates(picked_later)[0].pk)
    assert campaign_split(done, by_user=rita) == split
    after = dict(SplitMembership.objects.filter(split=split).values_list("patient", "side"))
    assert len(after) == len(before) + 1
    assert before.items() <= after.items()


def test_refusals_leave_nothing_behind(
    campaign: Campaign, done: Campaign, rita: User, june: User, tmp_path: Path
) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "keep.txt").write_text("mine")
    with pytest.raises(UserError, match="not empty"):
        export_training(done, tmp_path / "full", format="trl", by_user=rita)
    with pytest.raises(NotAllowedError):
        export_training(done, tmp_path / "out", format="trl", by_user=june)
    (exporting_image := Image.objects.order_by("pk")[0]).delete()
    Image.objects.filter(study=exporting_image.study).update(viewing_copy="gone.dcm")
    with pytest.raises(UserError, match="viewing copy is missing"):
        export_training(done, tmp_path / "out", format="trl", by_user=rita)
    assert sorted(path.name for path in tmp_path.iterdir() if path.name != "home") == ["full"]
    assert not TrainingExport.objects.exists()
    assert exporting.FORMATS == ("llamafactory", "trl", "swift", "parquet")


def test_the_command_exports_and_refuses(
    campaign: Campaign, june: User, sena: User, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(CommandError, match="no answer is picked yet"):
        call_command("export_training", "Spring", str(tmp_path / "out"), format="llamafactory")
    assert not Split.objects.filter(members__isnull=False).exists()
    picked(campaign, june, sena)
    call_command("export_training", "Spring", str(tmp_path / "out"), format="llamafactory", json=True)
    said = json.loads(capsys.readouterr().out)
    assert said["counts"]["samples"] == 1
    assert said["content_hash"] == TrainingExport.objects.get().content_hash
    check_llamafactory(tmp_path / "out")
    with pytest.raises(CommandError, match="no such split"):
        call_command("export_training", "Spring", str(tmp_path / "b"), format="trl", split="absent")
