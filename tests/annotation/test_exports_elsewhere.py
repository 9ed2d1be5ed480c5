"""Exports as the trainers read them: datasets loads every format, trl takes one optimiser step on each kind."""

import json
import os
import subprocess
import sys
import uuid
from collections.abc import Callable
from pathlib import Path

import pytest
from django.conf import settings
from django.urls import reverse

from annotation.models import Campaign, Correction, TrainingExport
from annotation.services.export import export_training
from annotation.services.picks import pick
from mammo.accounts.models import User
from mammo.archive.models import Image
from tests.annotation import scene
from tests.annotation.test_views import signed_in

LOAD = """
import json, os, sys
from datasets import Image, List, load_dataset
folder, = sys.argv[1:]
found = {}
for name in sorted(os.listdir(folder)):
    if not name.startswith(("sft_", "dpo_", "lineage")):
        continue
    kind = "parquet" if name.endswith(".parquet") else "json"
    rows = load_dataset(kind, data_files=os.path.join(folder, name), split="train", cache_dir=folder + "-cache")
    sizes = []
    if "images" in rows.column_names and not name.startswith("lineage"):  # there they are described
        os.chdir(folder)
        cast = rows.cast_column("images", List(Image()))
        sizes = sorted([list(image.size) for image in row["images"]] for row in cast)[-1]
    found[name] = {"rows": len(rows), "columns": sorted(rows.column_names), "images": sizes}
print(json.dumps(found))
"""
STEP = """
import json, os, sys, warnings
warnings.filterwarnings("ignore")
folder, pictured = sys.argv[1], sys.argv[2] == "pictured"
from datasets import load_dataset
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import GlmConfig, GlmForCausalLM, PreTrainedTokenizerFast
from trl import DPOConfig, DPOTrainer, SFTConfig, SFTTrainer

words = ["<unk>", "<pad>", "<eos>"] + [chr(c) for c in range(0x4E00, 0x9FA6)]
words += [chr(c) for c in range(32, 127)] + list("，。？！：；（）")
inner = Tokenizer(models.WordLevel({w: i for i, w in enumerate(dict.fromkeys(words))}, unk_token="<unk>"))
inner.pre_tokenizer = pre_tokenizers.Split("", "isolated")
tokenizer = PreTrainedTokenizerFast(tokenizer_object=inner, unk_token="<unk>", pad_token="<pad>", eos_token="<eos>")
tokenizer.chat_template = "{% for m in messages %}{{ m.content }}<eos>{% endfor %}"


def model():
    return GlmForCausalLM(GlmConfig(vocab_size=len(tokenizer), hidden_size=32, intermediate_size=32,
        num_hidden_layers=1, num_attention_heads=2, num_key_value_heads=1, head_dim=16, pad_token_id=1, eos_token_id=2))


def flat(row):
    # docs/annotation.md: a language model reads no pictures, so of typed parts its texts are taken.
    for name in ("prompt", "completion", "chosen", "rejected"):
        if name in row:
            joined = [(m["role"], "".join(part.get("text") or "" for part in m["content"])) for m in row[name]]
            row[name] = [{"role": role, "content": text} for role, text in joined]
    return row


common = dict(output_dir=folder + "-out", max_steps=1, per_device_train_batch_size=2, report_to=[], use_cpu=True,
              logging_steps=1, save_strategy="no", max_length=64)
found = {}
for kind, trainer, config in (("sft", SFTTrainer, SFTConfig), ("dpo", DPOTrainer, DPOConfig)):
    rows = load_dataset("json", data_files=os.path.join(folder, kind + "_train.jsonl"), split="train",
                        cache_dir=folder + "-cache")
    if pictured:
        rows = rows.remove_columns("images").map(flat)
    # Without a folder to load it from again, the reference model is handed over.
    extra = {"ref_model": model()} if kind == "dpo" else {}
    made = trainer(model=model(), args=config(**common), train_dataset=rows, processing_class=tokenizer, **extra)
    if kind == "sft":
        labels = [row[row != -100].tolist() for batch in made.get_train_dataloader() for row in batch["labels"]]
        found["learned"] = ["".join(tokenizer.convert_ids_to_tokens(row)) for row in labels]
    found[kind] = made.train().training_loss
print(json.dumps(found))
"""


@pytest.fixture
def done(rita: User, june: User, sena: User, study: object) -> Campaign:
    """A campaign with twelve picked answers, two of them about a study."""
    campaign = scene.open_campaign_of(rita, [june], [sena])
    rows = [scene.row("有图像的问题？", 2), scene.row("另一个有图像的问题？", 3)]
    questions = scene.ask(campaign, *rows, *[scene.plain_row(f"第{n}题？", n + 4) for n in range(10)])
    scene.propose(campaign, questions)
    for question in questions:
        scene.settle(question, june)
        pick(question, by_user=sena, correction=Correction.objects.candidates(question)[0].pk)
    return campaign


def run(program: str, *arguments: str) -> dict[str, object]:
    """A program in a process of its own (torch and datasets stay out of the tests' process)."""
    known = {**os.environ, "HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments],
        env=known,
        cwd=settings.BASE_DIR,
        capture_output=True,
        text=True,
        timeout=500,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    found: dict[str, object] = json.loads(done.stdout.splitlines()[-1])
    return found


@pytest.mark.slow
@pytest.mark.parametrize(
    ("format_name", "images"),
    [
        ("trl", "reference"),
        ("llamafactory", "reference"),
        ("swift", "reference"),
        ("parquet", "reference"),
        ("parquet", "packed"),
    ],
)
def test_datasets_loads_every_file(
    done: Campaign, rita: User, tmp_path: Path, format_name: str, images: str
) -> None:
    pytest.importorskip("datasets", reason="the package datasets is not installed (make setup)")
    folder = tmp_path / format_name
    made = export_training(done, folder, format=format_name, by_user=rita, preferences=True, images=images)
    found = run(LOAD, str(folder))
    written = {path.name for path in folder.iterdir() if path.suffix in (".jsonl", ".parquet")}
    assert set(found) == written
    assert found.pop("lineage.jsonl")["rows"] == made.counts["samples"] == 12  # type: ignore[index]
    # Two rejected answers to each picked one.
    wanted = {"sft": 1, "dpo": 2}
    assert (
        {name: row["rows"] for name, row in found.items()}
        == {  # type: ignore[index]
            name: made.counts[name.partition(".")[0][4:]] * wanted[name[:3]] for name in found
        }
    )
    assert (folder / "images").exists() == (images == "reference")
    pictures = [row["images"] for row in found.values() if row["images"]]  # type: ignore[index]
    assert pictures
    assert all(sizes == [[30, 40]] * 4 for sizes in pictures)


@pytest.fixture
def text_only(rita: User, june: User, sena: User) -> Campaign:
    """A campaign of picked answers to questions of two rounds without a study."""
    campaign = scene.open_campaign_of(rita, [june], [sena], name="Texts")
    turns = [(f"第{n}题？", "是钙盐沉积。", "那呢？") for n in range(8)]
    rows = [scene.plain_row("", n + 2, turns=said) for n, said in enumerate(turns)]
    questions = scene.ask(campaign, *rows)
    scene.propose(campaign, questions)
    for question in questions:
        scene.settle(question, june)
        pick(question, by_user=sena, correction=Correction.objects.candidates(question)[0].pk)
    return campaign


@pytest.mark.slow
def test_trl_takes_the_rows_of_a_set_without_pictures_as_they_are(
    text_only: Campaign, rita: User, tmp_path: Path
) -> None:
    pytest.importorskip("datasets", reason="the package datasets is not installed (make setup)")
    folder = tmp_path / "trl"
    export_training(text_only, folder, format="trl", by_user=rita, preferences=True)
    losses = run(STEP, str(folder), "plain")
    # Of a conversation the picked answer alone, without the question and the answer before it.
    for said in losses.pop("learned"):  # type: ignore[attr-defined]
        assert "乳腺密度为" in said
        assert "题" not in said
        assert "钙盐" not in said
    assert set(losses) == {"sft", "dpo"}
    assert all(0 < float(loss) < 20 for loss in losses.values())  # type: ignore[arg-type]


@pytest.mark.slow
def test_trl_takes_one_step_on_a_set_with_pictures_once_a_language_models_texts_are_taken(
    done: Campaign, rita: User, tmp_path: Path
) -> None:
    pytest.importorskip("datasets", reason="the package datasets is not installed (make setup)")
    folder = tmp_path / "trl"
    export_training(done, folder, format="trl", by_user=rita, preferences=True)
    losses = run(STEP, str(folder), "pictured")
    losses.pop("learned")
    assert set(losses) == {"sft", "dpo"}
    assert all(0 < float(loss) < 20 for loss in losses.values())  # type: ignore[arg-type]


@pytest.mark.slow
@pytest.mark.parametrize("chosen", ["trl,none", "trl,reference"])
def test_a_set_of_texts_asked_for_on_the_page_is_what_trl_takes(
    request: pytest.FixtureRequest, rita: User, chosen: str, run_child: Callable[[str], None]
) -> None:
    pytest.importorskip("datasets", reason="the package datasets is not installed (make setup)")
    # Of questions about a study texts alone are chosen; where none has a study, there is nothing to leave out.
    campaign = request.getfixturevalue("done" if chosen.endswith("none") else "text_only")
    Image.objects.update(viewing_copy="gone.dcm")
    sent = {"idempotency_key": str(uuid.uuid4()), "format": chosen, "preferences": "on"}
    page = reverse("annotation:campaign", args=[campaign.pk])
    client = signed_in(rita)
    assert f'<option value="{chosen}">' in client.get(page).content.decode()
    assert client.post(reverse("annotation:campaign-export", args=[campaign.pk]), sent).status_code == 302
    run_child("annotation.export")
    made = TrainingExport.objects.get()
    assert made.counts["pairs"] == 2 * made.counts["samples"] == 2 * campaign.questions.count()
    assert made.counts["images"] == 0
    folder = Path(made.folder)
    assert not (folder / "images").exists()
    card = (folder / "README.md").read_text("utf-8")
    assert ("- Texts alone: " in card) == (chosen == "trl,none")
    if chosen == "trl,none":
        assert "whose pictures were left out: 2\n" in card
        assert "texts alone" in client.get(page).content.decode()
    losses = run(STEP, str(folder), "plain")
    assert all("乳腺密度为" in said for said in losses.pop("learned"))  # type: ignore[attr-defined]
    assert set(losses) == {"sft", "dpo"}
    assert all(0 < float(loss) < 20 for loss in losses.values())  # type: ignore[arg-type]
