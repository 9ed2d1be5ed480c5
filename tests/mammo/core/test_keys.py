"""Keys: one per patient, wrapped by the installation's; a destroyed key is destroyed."""

import base64
import os
import resource
import stat
import subprocess
import sys
import uuid
from pathlib import Path

import pytest
from django.conf import settings

from mammo.core import keys
from mammo.core.encryption import ERASED, ErasedText, decrypt_text, encrypt_text
from mammo.core.errors import UserError
from mammo.core.keys import KeyDestroyedError, KeyStore, key_store

TEXT = "左乳外上象限肿块 lump"


@pytest.fixture
def store(tmp_path: Path) -> KeyStore:
    return KeyStore(tmp_path / "keys")


def test_what_is_encrypted_comes_back_and_is_not_readable(store: KeyStore) -> None:
    key = store.create()
    sealed = store.encrypt(key, TEXT.encode(), "annotation.question.text")
    assert store.decrypt(key, sealed, "annotation.question.text").decode() == TEXT
    assert TEXT.encode() not in sealed
    assert store.encrypt(key, TEXT.encode(), "annotation.question.text") != sealed


def test_another_process_reads_with_the_same_folder(store: KeyStore) -> None:
    key = store.create()
    sealed = store.encrypt(key, b"text", "p")
    assert KeyStore(store.folder).decrypt(key, sealed, "p") == b"text"


@pytest.mark.parametrize("change", ["flipped", "cut", "other purpose", "other key"])
def test_altered_or_misplaced_bytes_are_refused(store: KeyStore, change: str) -> None:
    key, other = store.create(), store.create()
    sealed = store.encrypt(key, b"text", "question")
    cases = {
        "flipped": (key, sealed[:-1] + bytes([sealed[-1] ^ 1]), "question"),
        "cut": (key, sealed[:-1], "question"),
        "other purpose": (key, sealed, "answer"),
        "other key": (other, sealed, "question"),
    }
    with pytest.raises(UserError, match="altered or misplaced"):
        store.decrypt(*cases[change])


def test_a_destroyed_key_is_gone_for_every_process_and_leaves_no_bytes(store: KeyStore) -> None:
    key, kept = store.create(), store.create()
    sealed, other = store.encrypt(key, b"text", "p"), KeyStore(store.folder)
    assert other.decrypt(key, sealed, "p") == b"text"
    wrapped = (store.folder / "data" / f"{key}.key").read_bytes()
    store.destroy(key)
    for each in (store, other, KeyStore(store.folder)):
        with pytest.raises(KeyDestroyedError):
            each.decrypt(key, sealed, "p")
    assert all(wrapped not in path.read_bytes() for path in store.folder.rglob("*") if path.is_file())
    assert store.encrypt(kept, b"text", "p")


def test_a_missing_key_is_no_erasure_but_a_call_for_the_backup(store: KeyStore) -> None:
    with pytest.raises(UserError, match="backup"):
        store.encrypt(uuid.uuid4(), b"text", "p")


def test_keys_of_another_installation_are_told_apart(store: KeyStore, tmp_path: Path) -> None:
    key, other = store.create(), KeyStore(tmp_path / "other")
    other.create()
    (other.folder / "data" / f"{key}.key").write_bytes((store.folder / "data" / f"{key}.key").read_bytes())
    with pytest.raises(UserError, match="another master key"):
        other.encrypt(key, b"text", "p")


def test_the_master_key_is_closed_to_other_accounts_and_never_written_into_a_data_key(
    store: KeyStore,
) -> None:
    key = store.create()
    master = store.folder / "master.key"
    assert stat.S_IMODE(master.stat().st_mode) == 0o600
    assert base64.b64decode(master.read_text()) not in (store.folder / "data" / f"{key}.key").read_bytes()


def test_a_master_key_of_the_wrong_length_is_refused(
    store: KeyStore, settings: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.MAMMO_MASTER_KEY = base64.b64encode(b"short").decode()  # type: ignore[attr-defined]
    with pytest.raises(UserError, match="32"):
        store.create()


def test_processes_that_start_at_once_share_one_master_key(tmp_path: Path) -> None:
    folder = tmp_path / "keys"
    code = (
        "import sys, django; django.setup()\nfrom pathlib import Path\n"
        "from mammo.core.keys import KeyStore\nprint(KeyStore(Path(sys.argv[1])).create())"
    )
    root = Path(__file__).resolve().parents[3]
    environment = os.environ | {"DJANGO_SETTINGS_MODULE": "mammo.settings", "MAMMO_HOME": str(tmp_path)}
    environment["PYTHONPATH"] = f"{root}{os.pathsep}{root / 'platform'}"
    started = [
        subprocess.Popen(
            [sys.executable, "-c", code, str(folder)], env=environment, stdout=subprocess.PIPE, text=True
        )
        for _ in range(4)
    ]
    made = [uuid.UUID(process.communicate(timeout=120)[0].strip()) for process in started]
    store = KeyStore(folder)
    assert all(store.encrypt(key, b"text", "p") for key in made)


def test_an_erased_text_reads_as_a_tombstone() -> None:
    key = key_store().create()
    stored = encrypt_text(TEXT, key, "archive.report.text")
    assert TEXT not in stored
    assert decrypt_text(stored, "archive.report.text") == TEXT
    key_store().destroy(key)
    erased = decrypt_text(stored, "archive.report.text")
    assert isinstance(erased, ErasedText)
    assert erased == ERASED


def test_the_cache_of_the_master_key_knows_each_folder(tmp_path: Path) -> None:
    first, second = KeyStore(tmp_path / "a"), KeyStore(tmp_path / "b")
    first.create()
    second.create()
    assert keys._master_key(first.folder) != keys._master_key(second.folder)


def test_a_home_set_to_nothing_is_not_the_folder_one_stands_in(tmp_path: Path) -> None:
    environment = os.environ | {"DJANGO_SETTINGS_MODULE": "mammo.settings", "MAMMO_HOME": ""}
    environment |= {"MAMMO_SECRET_KEY": "x" * 60, "PYTHONPATH": str(settings.BASE_DIR / "platform")}
    told = subprocess.run(
        [sys.executable, "-c", "from django.conf import settings; print(settings.MAMMO_HOME)"],
        cwd=tmp_path, env=environment, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert Path(told.stdout.strip()) == settings.BASE_DIR / "var"
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, "nothing can be written there (File too large)"),
        ({"MAMMO_SECRET_KEY": "x" * 60}, "OSError: [Errno 27] File too large"),
    ],
)
def test_a_home_that_takes_no_byte_is_told_and_nothing_is_left_in_it(
    tmp_path: Path, given: dict[str, str], said: str
) -> None:
    """As on a full disk; the master key's error is put into one line by the command that needed it."""
    environment = {name: value for name, value in os.environ.items() if name != "MAMMO_SECRET_KEY"}
    environment |= {"DJANGO_SETTINGS_MODULE": "mammo.settings", "MAMMO_HOME": str(tmp_path), **given}
    environment |= {"PYTHONPATH": str(settings.BASE_DIR / "platform"), "PYTHONDONTWRITEBYTECODE": "1"}
    code = "from mammo.core.keys import key_store; key_store().create()"
    told = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0)),
    )  # fmt: skip
    assert told.returncode == 1
    assert told.stderr.strip().splitlines()[-1].endswith(said)
    assert "Traceback" not in told.stderr or given
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_the_database_in_a_home_that_others_may_enter_is_for_its_own_account_alone(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    environment = os.environ | {"DJANGO_SETTINGS_MODULE": "mammo.settings", "MAMMO_HOME": str(tmp_path)}
    environment |= {"PYTHONPATH": str(settings.BASE_DIR / "platform"), "DATABASE_URL": ""}
    code = (
        "import django; django.setup()\nfrom django.db import connection\n"
        "for name in 'ab': connection.cursor().execute(f'CREATE TABLE {name} (x)'); connection.close()"
    )
    subprocess.run([sys.executable, "-c", f"import os; os.umask(0o022)\n{code}"], env=environment, check=True)
    assert stat.S_IMODE((tmp_path / "db.sqlite3").stat().st_mode) == 0o600
