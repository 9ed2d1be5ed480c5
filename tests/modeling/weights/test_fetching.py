"""What comes from a hub, a mirror or a folder: whole, checked, loadable, or nothing."""

import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from huggingface_hub import constants
from safetensors.torch import load_file, save_file

from modeling.data.exchange import BadRequestError
from modeling.data.snapshot import file_sha256
from modeling.nn.language import load_language_model, load_tokenizer
from modeling.nn.vision_language import load_vision_language, question_text
from modeling.weights.choosing import RefusedError
from modeling.weights.fetching import Wanted, already_here, prepared
from modeling.weights.sources import Folder, Hub
from tests.modeling.vision_language_models import BUILDERS, save_vision_language_model
from tests.modeling.weights.conftest import fetch, put
from tests.modeling.weights.hub_server import HubServer, serving

ROOT = Path(__file__).resolve().parents[3]
# A fetch in a process of its own: repository, target, the hub's address.
PROGRAM = """
import sys
from pathlib import Path
from modeling.weights.fetching import Wanted, prepared
from modeling.weights.sources import Hub
repository, target, address = sys.argv[1:]
with prepared(Wanted(repository=repository, target=Path(target)), Hub(repository, address=address)) as ready:
    ready.publish()
"""


def started(hub: HubServer, repository: str, target: Path, **variables: str) -> "subprocess.Popen[str]":
    known = {**os.environ, "HF_HUB_OFFLINE": "0", "PYTHONPATH": str(ROOT), **variables}
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, repository, str(target), hub.url], env=known, text=True,
        stderr=subprocess.PIPE,
    )  # fmt: skip


def nothing_left(target: Path) -> bool:
    return not [path for path in target.parent.iterdir() if target.name in path.name]


def test_what_came_is_loaded_by_transformers_and_noted(
    hub: HubServer, small_model_folder: Path, tmp_path: Path
):
    shutil.copytree(small_model_folder, hub.root / "owner/tiny")
    put(hub, "owner/tiny", LICENSE="Permission is granted")
    hub.licences["owner/tiny"] = "apache-2.0"
    target = tmp_path / "models" / "tiny"
    note = fetch(hub, "owner/tiny", target)
    model = load_language_model(target)
    expected = load_file(small_model_folder / "model.safetensors")
    assert all(torch.equal(value, model.state_dict()[name]) for name, value in expected.items())
    assert load_tokenizer(target)("density")["input_ids"]
    assert json.loads((target / "fetched.json").read_text()) == note
    assert (note["revision"], note["licence"]) == (hub.commit("owner/tiny"), "apache-2.0")
    assert set(note["files"]) == {path.name for path in target.iterdir()} - {"fetched.json"}
    assert "LICENSE" in note["files"]
    for name, facts in note["files"].items():
        assert facts == {"sha256": file_sha256(target / name), "bytes": (target / name).stat().st_size}
    assert [path.name for path in target.parent.iterdir()] == ["tiny"]


@pytest.mark.parametrize("kind", sorted(BUILDERS))
def test_all_that_a_vision_language_model_needs_comes(hub: HubServer, tmp_path: Path, kind: str):
    folder = save_vision_language_model(kind, hub.root / "owner" / kind)
    fetch(hub, f"owner/{kind}", tmp_path / kind)
    model, processor = load_vision_language(tmp_path / kind)
    true, its_processor = load_vision_language(folder)
    assert all(torch.equal(value, model.state_dict()[name]) for name, value in true.state_dict().items())
    assert question_text(processor, ["density?"], 1) == question_text(its_processor, ["density?"], 1)
    assert {path.name for path in folder.iterdir()} <= {path.name for path in (tmp_path / kind).iterdir()}


def test_programs_and_pickles_beside_safetensors_are_not_even_asked_for(
    hub: HubServer, small_model_folder: Path, tmp_path: Path
):
    folder = shutil.copytree(small_model_folder, hub.root / "owner/tiny")
    (folder / "original").mkdir()
    (folder / "original" / "tokenizer.json").write_text("{}")
    put(
        hub, "owner/tiny", **{
            "modeling_tiny.py": "raise SystemExit", "setup.sh": "exit", "LICENSE.py": "raise SystemExit",
            "pytorch_model.bin": {"a": torch.ones(1)}, "training_args.bin": b"?", "README.md": "card",
        }
    )  # fmt: skip
    fetch(hub, "owner/tiny", tmp_path / "tiny")
    came = {path.name for path in (tmp_path / "tiny").rglob("*")}
    assert came == {path.name for path in small_model_folder.iterdir()} | {"fetched.json"}
    asked = [path for method, path, _range in hub.asked if "/resolve/" in path]
    assert not [
        path for path in asked if path.endswith((".py", ".sh", ".bin", "README.md")) or "original" in path
    ]


def test_weights_in_several_parts(hub: HubServer, small_model_folder: Path, tmp_path: Path):
    folder = hub.root / "owner/parts"
    model = load_language_model(small_model_folder)
    model.save_pretrained(folder, max_shard_size="40KB")
    load_tokenizer(small_model_folder).save_pretrained(folder)
    parts = sorted(path.name for path in folder.glob("*.safetensors"))
    assert len(parts) > 2
    save_file({"a": torch.ones(1)}, folder / "consolidated.safetensors")
    fetch(hub, "owner/parts", tmp_path / "parts")
    assert sorted(path.name for path in (tmp_path / "parts").glob("*.safetensors")) == parts
    fetched = load_language_model(tmp_path / "parts").state_dict()
    assert all(torch.equal(value, fetched[name]) for name, value in model.state_dict().items())


def test_an_index_that_promises_more_than_there_is_is_refused(hub: HubServer, tmp_path: Path):
    index = {"weight_map": {"a": "model-1.safetensors", "b": "model-2.safetensors"}}
    folder = put(hub, "owner/parts", **{"model.safetensors.index.json": json.dumps(index)})
    save_file({"a": torch.ones(1)}, folder / "model-1.safetensors")
    with pytest.raises(
        RefusedError, match=r"owner/parts: model-2\.safetensors: named by the index .* not there"
    ):
        fetch(hub, "owner/parts", tmp_path / "parts")
    save_file({"c": torch.ones(1)}, folder / "model-2.safetensors")
    with pytest.raises(RefusedError, match=r"model-2\.safetensors: lacks b, which the index says"):
        fetch(hub, "owner/parts", tmp_path / "parts")
    assert nothing_left(tmp_path / "parts")


def test_an_index_can_not_point_outside(hub: HubServer, tmp_path: Path):
    index = {"weight_map": {"a": "../../other/model.safetensors"}}
    put(hub, "owner/parts", **{"model.safetensors.index.json": json.dumps(index)})
    with pytest.raises(RefusedError, match="not there"):
        fetch(hub, "owner/parts", tmp_path / "parts")


def test_a_configuration_that_asks_for_code_is_refused_before_its_weights_come(
    hub: HubServer, tmp_path: Path
):
    folder = put(
        hub, "owner/code", **{"config.json": json.dumps({"auto_map": {"AutoModel": "modeling.Model"}})}
    )
    save_file({"a": torch.ones(1000)}, folder / "model.safetensors")
    with pytest.raises(RefusedError, match="asks for code of its own"):
        fetch(hub, "owner/code", tmp_path / "code")
    assert not hub.bodies("model.safetensors")
    assert nothing_left(tmp_path / "code")


@pytest.mark.parametrize("large", [False, True], ids=["listed by git", "listed by SHA-256"])
def test_other_bytes_than_the_hub_lists_are_refused(hub: HubServer, tmp_path: Path, large: bool):
    folder = put(hub, "owner/tiny", **{"config.json": "{}"})
    save_file({"a": torch.zeros(1000 if large else 10)}, folder / "model.safetensors")
    true = (folder / "model.safetensors").read_bytes()
    hub.altered["owner/tiny/model.safetensors"] = true[:-1] + b"\1"
    with pytest.raises(RefusedError, match=r"model\.safetensors: other bytes came than its source lists"):
        fetch(hub, "owner/tiny", tmp_path / "tiny")
    assert nothing_left(tmp_path / "tiny")
    hub.altered.clear()
    fetch(hub, "owner/tiny", tmp_path / "tiny")
    assert (tmp_path / "tiny" / "model.safetensors").read_bytes() == true


def test_a_file_that_is_no_safetensors_is_refused(hub: HubServer, tmp_path: Path):
    put(hub, "owner/tiny", **{"config.json": "{}", "model.safetensors": b"version https of a pointer"})
    with pytest.raises(RefusedError, match="not a whole safetensors file"):
        fetch(hub, "owner/tiny", tmp_path / "tiny")


@pytest.mark.parametrize(
    ("repository", "revision", "said"),
    [
        ("owner/nothing", None, "owner/nothing: no such repository at http"),
        ("owner/tiny", "v9", "owner/tiny: no revision 'v9'; .*--revision"),
        ("owner/closed", None, "owner/closed: its owner wants a licence accepted .*HF_TOKEN"),
        ("owner/empty", None, "owner/empty: no weights in safetensors or pickled by torch"),
    ],
)
def test_what_is_not_there_is_told_in_one_line(
    hub: HubServer, tmp_path: Path, repository: str, revision: str | None, said: str
):
    for name in ("tiny", "closed", "empty"):
        put(hub, f"owner/{name}", **{"config.json": "{}"})
    hub.gated.add("owner/closed")
    with pytest.raises(BadRequestError, match=said) as told:
        fetch(hub, repository, tmp_path / "models" / "x", revision=revision)
    assert "\n" not in str(told.value)
    assert not (tmp_path / "models").exists() or not list((tmp_path / "models").iterdir())


def test_nothing_is_asked_where_downloads_are_forbidden(
    hub: HubServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(BadRequestError, match=r"HF_HUB_OFFLINE is set, .*HF_HUB_OFFLINE=0 .*--from FOLDER"):
        fetch(hub, "owner/tiny", tmp_path / "tiny")
    assert hub.asked == []


def test_no_network_is_told_in_one_line(tmp_path: Path, hub: HubServer):
    with serving(tmp_path / "gone") as gone:
        pass
    with pytest.raises(
        BadRequestError, match=r"owner/tiny: not reached at .*check network and proxy"
    ) as told:
        fetch(gone, "owner/tiny", tmp_path / "tiny")
    assert "\n" not in str(told.value)


def test_where_a_mirror_is_named_the_hub_hears_nothing_and_the_mirror_gets_no_token(
    hub: HubServer, tmp_path: Path
):
    folder = put(hub, "owner/tiny", **{"config.json": "{}"})
    save_file({"a": torch.ones(1)}, folder / "model.safetensors")
    with serving(tmp_path / "public") as public:
        private = {
            "HF_ENDPOINT": public.url,
            "HF_TOKEN": "hf_secret",
            "HF_HOME": str(tmp_path / "home of the hub"),
        }
        child = started(hub, "owner/tiny", tmp_path / "tiny", **private)
        assert child.communicate()[1] == ""
        assert public.asked == []
    assert (tmp_path / "tiny" / "fetched.json").is_file()
    assert set(hub.tokens) == {""}


def test_without_an_address_the_hub_gets_the_token(
    hub: HubServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    folder = put(hub, "owner/tiny", **{"config.json": "{}"})
    save_file({"a": torch.ones(1)}, folder / "model.safetensors")
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    monkeypatch.setattr(constants, "ENDPOINT", hub.url)
    listing = Hub("owner/tiny").listing("main")
    assert set(listing.files) == {"config.json", "model.safetensors"}
    assert set(hub.tokens) == {"Bearer hf_secret"}


def test_an_address_with_a_password_is_refused():
    with pytest.raises(BadRequestError, match="without name and password"):
        Hub("owner/tiny", address="http://me:secret@mirror:8080")


def big(hub: HubServer, count: int = 400_000) -> bytes:
    folder = put(hub, "owner/big", **{"config.json": "{}"})
    save_file({"a": torch.arange(count, dtype=torch.float32)}, folder / "model.safetensors")
    return (folder / "model.safetensors").read_bytes()


def half_came(tmp_path: Path, at_least: int) -> None:
    """Wait until so many bytes of a file are on the disk that is not whole yet."""
    end = time.monotonic() + 60
    while time.monotonic() < end:
        parts = list(tmp_path.glob(".parts.*.part/downloads/.cache/huggingface/download/*.incomplete"))
        if any(part.stat().st_size >= at_least for part in parts):
            return
        time.sleep(0.02)
    raise AssertionError("the download did not begin")


def test_a_killed_fetch_shows_nothing_and_goes_on_with_the_files_that_were_whole(
    hub: HubServer, tmp_path: Path
):
    first, second = ("model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors")
    index = {"weight_map": {"a": first, "b": second}}
    folder = put(
        hub, "owner/parts", **{"config.json": "{}", "model.safetensors.index.json": json.dumps(index)}
    )
    save_file({"a": torch.arange(1000)}, folder / first)
    save_file({"b": torch.arange(8_000_000, dtype=torch.float32)}, folder / second)
    hub.rate = 20_000_000
    target = tmp_path / "parts"
    child = started(hub, "owner/parts", target)
    half_came(tmp_path, 10_000_000)
    child.send_signal(signal.SIGKILL)
    child.communicate()
    assert not target.exists()
    hub.rate = None
    fetch(hub, "owner/parts", target)
    for name in (first, second):
        assert file_sha256(target / name) == file_sha256(folder / name)
    assert (len(hub.bodies(first)), len(hub.bodies(second))) == (1, 2)
    assert {path.name for path in target.rglob("*")} == set(hub.files("owner/parts")) | {"fetched.json"}
    assert [path.name for path in tmp_path.glob("*parts*")] == ["parts"]


def test_another_revision_begins_anew_and_removes_what_was_left(hub: HubServer, tmp_path: Path):
    big(hub)
    hidden = tmp_path / ".big.aaaaaaaaaaaa.part"
    (hidden / "downloads").mkdir(parents=True)
    (hidden / "downloads" / "tokenizer.json").write_text("of another revision")
    fetch(hub, "owner/big", tmp_path / "big")
    assert {path.name for path in (tmp_path / "big").iterdir()} == {
        "config.json",
        "model.safetensors",
        "fetched.json",
    }
    assert not hidden.exists()


def test_two_at_once_do_not_meet(hub: HubServer, tmp_path: Path):
    big(hub)
    source = Hub("owner/big", address=hub.url)
    wanted = Wanted(repository="owner/big", target=tmp_path / "big")
    with prepared(wanted, source) as ready:
        with pytest.raises(BadRequestError, match="another process is fetching it"):
            fetch(hub, "owner/big", tmp_path / "big")
        ready.publish()
    assert already_here(wanted) == ready.note


def test_a_full_disk_shows_nothing(hub: HubServer, tmp_path: Path):
    """No file may grow over 100 kB: that meets a download as a full disk does."""
    big(hub)
    known = {**os.environ, "HF_HUB_OFFLINE": "0", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, "owner/big", str(tmp_path / "big"), hub.url], env=known,
        capture_output=True, text=True, check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000)),
    )  # fmt: skip
    assert done.stderr.strip().splitlines()[-1].startswith("OSError: [Errno 27] File too large")
    assert not (tmp_path / "big").exists()
    fetch(hub, "owner/big", tmp_path / "big")
    assert already_here(Wanted(repository="owner/big", target=tmp_path / "big"))


def test_more_than_the_disk_holds_is_told_before_it_is_fetched(
    hub: HubServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    true = big(hub)
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=len(true) // 2))
    with pytest.raises(BadRequestError, match=r"1\.6 MB are needed and 800\.0 kB are free"):
        fetch(hub, "owner/big", tmp_path / "big")
    assert not hub.bodies("model.safetensors")


class TestHere:
    """A folder that is there already."""

    def test_it_is_told_with_its_note(self, hub: HubServer, tmp_path: Path):
        big(hub)
        wanted = Wanted(repository="owner/big", target=tmp_path / "big")
        assert already_here(wanted) is None
        note = fetch(hub, "owner/big", wanted.target)
        assert already_here(wanted) == note

    @pytest.mark.parametrize(
        ("harm", "said"),
        [
            (lambda folder: (folder / "model.safetensors").write_bytes(b"short"), "not as it was fetched"),
            (lambda folder: (folder / "fetched.json").unlink(), "was not fetched by this command"),
            (lambda folder: (folder / "fetched.json").write_text("{"), "was not fetched by this command"),
        ],
    )
    def test_what_is_not_whole_is_not_called_here(self, hub: HubServer, tmp_path: Path, harm, said: str):
        big(hub)
        fetch(hub, "owner/big", tmp_path / "big")
        harm(tmp_path / "big")
        with pytest.raises(BadRequestError, match=said):
            already_here(Wanted(repository="owner/big", target=tmp_path / "big"))

    @pytest.mark.parametrize(
        ("wanted", "said"),
        [
            ({"repository": "owner/other"}, "holds owner/big"),
            ({"revision": "v2"}, "holds revision .*, not v2"),
        ],
    )
    def test_other_weights_are_not_called_here(self, hub: HubServer, tmp_path: Path, wanted, said: str):
        big(hub)
        fetch(hub, "owner/big", tmp_path / "big")
        with pytest.raises(BadRequestError, match=said):
            already_here(Wanted(**{"repository": "owner/big", "target": tmp_path / "big", **wanted}))


class TestFolder:
    """Files brought from another machine."""

    def test_what_was_fetched_there_is_checked_here(
        self, hub: HubServer, small_model_folder: Path, tmp_path: Path
    ):
        shutil.copytree(small_model_folder, hub.root / "owner/tiny")
        first = fetch(hub, "owner/tiny", tmp_path / "there")
        wanted = Wanted(repository="owner/tiny", target=tmp_path / "here")
        with prepared(wanted, Folder(tmp_path / "there")) as ready:
            ready.publish()
        assert (ready.note["revision"], ready.note["files"]) == (first["revision"], first["files"])
        load_language_model(tmp_path / "here")
        weights = tmp_path / "there" / "model.safetensors"
        weights.write_bytes(weights.read_bytes()[:-1] + b"\1")
        with (
            pytest.raises(RefusedError, match="other bytes came"),
            prepared(Wanted(repository="owner/tiny", target=tmp_path / "again"), Folder(tmp_path / "there")),
        ):
            pass
        assert nothing_left(tmp_path / "again")

    def test_one_that_is_missing_is_named(self, tmp_path: Path):
        with pytest.raises(BadRequestError, match="no such folder, and no address"):
            Folder(tmp_path / "nothing")
