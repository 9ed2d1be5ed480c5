"""Bad requests: one line that names the fault, exit code 2, and no answer."""

import json
import shutil

import pytest
import torch
from transformers import BertConfig, BertModel

from modeling.data.snapshot import file_sha256, manifest_hash
from modeling.nn.checkpoint import load_umicon, save_checkpoint


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


def test_another_routing_is_taken_over_and_another_pooling_refused(bench, capsys):
    init = {"density": bench.weights("selector")}
    assert bench.run("umicon_unsupervised", "routed", init=init, epochs=1) == 0
    start = {"umicon": bench.weights("routed")}
    capsys.readouterr()
    line = refused(bench, capsys, "pooled", "umicon_supervised", init=start, text_pooling="cls")
    assert line == "text_pooling: 'cls', but init.umicon was trained with 'mean'"
    routing = {"A": "convnext", "B": "clip", "C": "dinov2", "D": "clip"}
    again = {"routing": routing, "route_by": "image", "epochs": 1}
    assert bench.run("umicon_supervised", "rerouted", init=start, **again) == 0
    model, _ = load_umicon(bench.weights("rerouted"))
    assert (model.visual.mapping, model.visual.routing) == (routing, "image")
    order = [model.visual.expert_names.index(routing[density]) for density in "ABCD"]
    assert model.visual._expert_of_density.tolist() == order


def test_a_loss_that_is_no_number_ends_the_run_with_one_line(bench, capsys, tmp_path):
    """Its rows could not be written as JSON, and three more tries from the last checkpoint would end alike."""
    assert (
        bench.run("umicon_unsupervised", "sound", init={"density": bench.weights("selector")}, epochs=1) == 0
    )
    model, tokenizer = load_umicon(bench.weights("sound"))
    for parameter in model.umicon.parameters():
        parameter.data.fill_(torch.nan)
    broken = tmp_path / "model"
    save_checkpoint(broken, model, training={}, snapshot="any", tokenizer=tokenizer)
    capsys.readouterr()
    line = refused(bench, capsys, "nan", "umicon_supervised", init={"umicon": broken})
    assert line.startswith("umicon_supervised: the loss is no number any more at step ")
    assert line.endswith("the training diverged; lower learning_rate")


def test_a_snapshot_without_what_the_stage_learns_from(bench, capsys, spoilt):
    path = spoilt / "studies.jsonl"
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    path.write_text("".join(json.dumps({**row, "pathology": {}}) + "\n" for row in rows))
    manifest = json.loads((spoilt / "manifest.json").read_text())
    manifest["files"]["studies.jsonl"] = file_sha256(path)
    manifest["content_hash"] = manifest_hash(manifest)
    (spoilt / "manifest.json").write_text(json.dumps(manifest))
    line = refused(
        bench, capsys, "unbiopsied", "umicon_supervised", snapshot=spoilt, init={"density": bench.weights("selector")}
    )  # fmt: skip
    assert line.startswith("umicon_supervised: no training sample in the snapshot's train split; choose")


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
