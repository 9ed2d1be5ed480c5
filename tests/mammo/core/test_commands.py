"""Every command of the platform: its --help says what it does and shows an example that its own parser takes."""

import argparse
import errno
import os
import resource
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command, get_commands, load_command_class

from mammo.accounts.models import Site
from mammo.archive.models import ImportBatch
from mammo.core.command import Command, said_of
from mammo.core.errors import EndedEarlyError

OURS = ("mammo", "annotation", "modeling", "evaluation")
COMMANDS = sorted(
    (name, app) for name, app in get_commands().items() if isinstance(app, str) and app.split(".")[0] in OURS
)
DJANGO_OPTIONS = {
    "help", "version", "verbosity", "settings", "pythonpath", "traceback", "no_color", "force_color", "skip_checks",
}  # fmt: skip


def parsers(parser: argparse.ArgumentParser) -> list[argparse.ArgumentParser]:
    """A parser and those of its actions."""
    found = [parser]
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            found += [inner for choice in action.choices.values() for inner in parsers(choice)]
    return found


def test_the_commands_of_the_design_are_there() -> None:
    named = {name for name, _app in COMMANDS}
    assert {
        "up",
        "import_studies",
        "deidentify",
        "read_reports",
        "propose",
        "train",
        "table",
        "audit",
    } <= named


# No fixture `db`: pytest-django refuses any query, so a --help that needs a database fails here.
@pytest.mark.parametrize(("name", "app"), COMMANDS, ids=[name for name, _app in COMMANDS])
def test_help_says_what_it_does_with_an_example_that_parses(name: str, app: str) -> None:
    command = load_command_class(app, name)
    assert isinstance(command, Command), f"{name}: not one of our own base"
    parser = command.create_parser("manage.py", name)
    text = parser.format_help()
    assert len(command.help.split()) >= 5, f"{name}: help of fewer than five words"
    assert f"Example: python {command.example.removeprefix('python ')}" in text
    words = shlex.split(command.example.removeprefix("python "))
    assert words[:2] == ["manage.py", name]
    parser.parse_args(words[2:])  # raises CommandError when an option is not known or one is missing
    for inner in parsers(parser):
        for action in inner._actions:
            if action.dest in DJANGO_OPTIONS or isinstance(action, argparse._SubParsersAction):
                continue
            assert action.help, f"{name}: {action.dest} has no help"


@pytest.mark.parametrize(
    ("command", "options", "said"),
    [
        (["train", "nonsense"], {"snapshot": "unknown"}, "stage 'nonsense': unknown"),
        (["table", "99"], {"trial": "x"}, "table 99: this version computes table"),
        (["table", "1"], {"trial": "x"}, "'x': no such trial"),
        (["train", "density"], {"snapshot": "unknown"}, "--snapshot unknown: no such snapshot"),
        (["import_studies", "/nowhere"], {"site": "nowhere"}, "--site nowhere: no such site"),
    ],
)
def test_bad_input_is_told_in_one_line(db: None, command: list[str], options: Any, said: str) -> None:
    with pytest.raises(CommandError) as told:
        call_command(*command, **options)
    assert said in str(told.value)
    assert "\n" not in str(told.value)


def test_deidentify_fails_when_nothing_could_be_read(tmp_path: Path, capsys: Any) -> None:
    broken = tmp_path / "in" / "broken.dcm"
    broken.parent.mkdir()
    broken.write_bytes(b"no mammogram")
    with pytest.raises(SystemExit) as ended:
        call_command("deidentify", str(broken.parent), str(tmp_path / "out"))
    assert ended.value.code == 1
    assert "nothing was released: broken.dcm" in capsys.readouterr().err
    assert not [path for path in (tmp_path / "out").rglob("*") if path.is_file()]


def test_deidentify_of_an_empty_folder_says_so(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    with pytest.raises(CommandError, match="holds no file"):
        call_command("deidentify", str(tmp_path / "in"), str(tmp_path / "out"))


def test_a_python_without_the_packages_is_told_what_to_do() -> None:
    """`-S -I`: no site-packages, as the machine's own Python has none of ours."""
    done = subprocess.run(
        [sys.executable, "-I", "-S", "manage.py", "check"],
        cwd=settings.BASE_DIR, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr.startswith("django is not installed for ")
    assert "make setup" in done.stderr
    assert done.stderr.count("\n") == 1, done.stderr


def test_a_disk_without_room_for_the_database_is_told_in_one_line(tmp_path: Path) -> None:
    """No file may grow over 64 kB: SQLite meets that as it meets a full disk."""
    known = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"}
    done = subprocess.run(
        [sys.executable, "manage.py", "migrate", "-v0"], cwd=settings.BASE_DIR, capture_output=True, text=True,
        env={**known, "MAMMO_HOME": str(tmp_path)}, check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (64_000, 64_000)),
    )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1, done.stderr
    assert str(tmp_path / "db.sqlite3") in done.stderr
    assert "free space" in done.stderr


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), "{home}: disk full; free space"),
        (OSError(errno.ENOSPC, "No space left on device", "/a/b"), "/a/b: disk full; free space"),
        (
            FileNotFoundError(errno.ENOENT, "No such file or directory", "/a"),
            "/a: No such file or directory; give",
        ),
        (
            EndedEarlyError(OSError(errno.ENOSPC, "No space left on device", "/a/b"), "2 of 9 files stay"),
            "/a/b: disk full; free space and run again (2 of 9 files stay)",
        ),
        (ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused"), "Connection refused"),
    ],
)
def test_an_error_of_the_system_names_the_place_and_the_mend(error: OSError, said: str) -> None:
    assert said_of(error).startswith(said.format(home=settings.MAMMO_HOME))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["import_studies"], "the following arguments are required: PATH, --site"),
        (["up", "--port", "many"], "argument --port: invalid int value: 'many'"),
        (["audit", "verity"], "invalid choice: 'verity'"),
        (["api_token", "revoke"], "the following arguments are required: id"),
        (["api_token", "create", "rita", "--name", "n", "--scope", "read:all"], "invalid choice: 'read:all'"),
    ],
)
def test_wrong_arguments_are_told_in_one_line_with_the_mend(
    capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    command = load_command_class(get_commands()[arguments[0]], arguments[0])
    with pytest.raises(SystemExit) as ended:
        command.run_from_argv(["manage.py", *arguments])
    assert ended.value.code == 2
    told = capsys.readouterr().err
    assert said in told
    assert "--help` shows how" in told
    assert told.count("\n") == 1


@pytest.mark.parametrize("arguments", [["audit", "verify"], ["api_token", "create"], ["api_token", "revoke"]])
def test_the_help_of_an_action_has_the_example_too(
    capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    command = load_command_class(get_commands()[arguments[0]], arguments[0])
    with pytest.raises(SystemExit) as ended:
        command.run_from_argv(["manage.py", *arguments, "--help"])
    assert ended.value.code == 0
    assert f"Example: python manage.py {arguments[0]} " in capsys.readouterr().out


def test_a_port_that_no_machine_has_is_named() -> None:
    with pytest.raises(CommandError, match="--port 99999: give a number from 1 to 65535"):
        call_command("up", port=99999)


def test_an_import_of_nothing_leaves_no_batch(db: None, tmp_path: Path, site: Site) -> None:
    with pytest.raises(CommandError, match="no file to import; name a folder"):
        call_command("import_studies", str(_empty(tmp_path)), site=site.code)
    assert not ImportBatch.objects.exists()


@pytest.mark.parametrize("option", ["reports", "labels"])
def test_tables_that_are_none_are_named_as_what_they_are(
    db: None, tmp_path: Path, site: Site, option: str
) -> None:
    empty = tmp_path / "table.csv"
    empty.touch()
    for table, said in (
        (_empty(tmp_path), "a folder; name the file in it"),
        (empty, "empty; it needs a line of column"),
    ):
        with pytest.raises(CommandError, match=said):
            call_command("import_studies", str(tmp_path), site=site.code, **{option: str(table)})


def _empty(tmp_path: Path) -> Path:
    folder = tmp_path / "nothing"  # the test's own MAMMO_HOME lies beside it
    folder.mkdir()
    return folder
