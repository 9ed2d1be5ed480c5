"""Every command of the platform: its --help says what it does and shows an example that its own parser takes."""

import argparse
import shlex
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command, get_commands, load_command_class

from mammo.core.command import Command

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
