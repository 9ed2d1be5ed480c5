"""Bad requests: one line that names the fault, exit code 2, and no answer."""

import json
import shutil

import pytest
from transformers import BertConfig, BertModel

from modeling.data.snapshot import file_sha256, manifest_hash


def refused(bench, capsys, name, stage="density", **arguments):
    """The one line on standard error of a run that must be refused."""
    code = bench.run(stage, name, **arguments)
    lines = capsys.readouterr().err.strip().splitlines()
    assert code == 2, lines
    assert not (bench.folder / f"{name}.jsonl").exists()
    assert not list(bench.folder.glob(f".{name}*"))
    return lines[-1]


@pytest.fixture
def spoilt(tiny_folder, tmp_path):
    return shutil.copytree(tiny_folder, tmp_path / "spoilt")


def test_a_snapshot_that_changed_since_it_was_frozen(bench, capsys, spoilt):
    with (spoilt / "studies.jsonl").open("a") as stream:
        stream.write("\n")
    assert "studies.jsonl" in refused(bench, capsys, "hash", snapshot=spoilt)


def test_a_patient_on_both_sides_of_the_split(bench, capsys, spoilt):
    path = spoilt / "studies.jsonl"
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    rows[-1]["patient"] = rows[0]["patient"]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    manifest = json.loads((spoilt / "manifest.json").read_text())
    manifest["files"]["studies.jsonl"] = file_sha256(path)
    manifest["content_hash"] = manifest_hash(manifest)
    (spoilt / "manifest.json").write_text(json.dumps(manifest))
    assert rows[0]["patient"] in refused(bench, capsys, "leak", snapshot=spoilt)


def test_an_unknown_field_of_the_setting(bench, capsys):
    assert refused(bench, capsys, "field", learning_rat=0.1).startswith("learning_rat: ")


def test_a_value_of_the_wrong_type(bench, capsys):
    assert refused(bench, capsys, "type", epochs="many").startswith("epochs: 'many'")


def test_a_snapshot_of_another_image_size(bench, capsys):
    assert "48 x 38" in refused(bench, capsys, "size", image_size=[126, 100])


def test_umicon_without_a_density_selector(bench, capsys):
    assert refused(bench, capsys, "init", "umicon_unsupervised").startswith("init.density: missing")


def test_an_initial_checkpoint_of_the_wrong_stage(bench, capsys):
    line = refused(bench, capsys, "kind", "umicon_supervised", init={"umicon": bench.weights("selector")})
    assert "'DensitySelector', expected 'UMiConWithExperts'" in line


def test_an_initial_folder_that_does_not_exist(bench, capsys):
    assert "init.density" in refused(bench, capsys, "nowhere", "umicon_unsupervised", init={"density": "/no"})


def test_resuming_with_another_setting(bench, capsys):
    assert bench.run("density", "changed") == 0
    (bench.folder / "changed.jsonl").unlink()
    capsys.readouterr()
    line = refused(bench, capsys, "changed", resume=True, learning_rate=0.01)
    assert "cannot resume, config differs" in line


def test_an_encoder_that_does_not_exist(bench, capsys):
    assert "no_such_net" in refused(bench, capsys, "net", selector="no_such_net")


def test_a_setting_that_the_initial_checkpoint_was_not_built_with(bench, capsys):
    init = {"density": bench.weights("selector")}
    assert bench.run("umicon_unsupervised", "plain", init=init, epochs=1, residual=False) == 0
    capsys.readouterr()
    line = refused(bench, capsys, "mixed", "umicon_supervised", init={"umicon": bench.weights("plain")})
    assert line == "residual: True, but init.umicon was trained with False"


@pytest.mark.parametrize("missing", ["config.json", "model.safetensors", "vocab.txt"])
def test_a_text_encoders_folder_that_lacks_a_file(bench, capsys, tmp_path, missing):
    BertModel(
        BertConfig(vocab_size=60, hidden_size=32, num_hidden_layers=1, num_attention_heads=2)
    ).save_pretrained(tmp_path)
    (tmp_path / "vocab.txt").write_text("[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\n左\n")
    (tmp_path / missing).unlink()
    line = refused(
        bench, capsys, "bert", "umicon_unsupervised", init={"density": bench.weights("selector")},
        text_folder=str(tmp_path),
    )  # fmt: skip
    assert line.startswith(f"{tmp_path}: no {missing}")
    assert "fetch_weights macbert" in line
