"""The recorded version of the code changes with the sources, whether or not anything was committed."""

import subprocess
from importlib import metadata
from pathlib import Path

from mammo.core import code_version as room
from mammo.core.code_version import checked_out, code_version, sources_sha256

COMMIT = "0123456789abcdef0123456789abcdef01234567"


def test_it_names_the_version_and_the_sources_and_is_the_same_while_nothing_changes() -> None:
    said = code_version()
    assert said.split()[0] == metadata.version("mammovlm-platform")
    assert said.split()[-2] == "sources"
    assert len(said.split()[-1]) == room.SHOWN
    assert len(said) <= 64
    assert code_version() == said


def test_any_change_of_a_source_changes_the_hash_and_where_it_lies_does_not(tmp_path: Path) -> None:
    first, second = tmp_path / "one" / "pack", tmp_path / "two" / "pack"
    for folder in (first, second):
        (folder / "deep").mkdir(parents=True)
        (folder / "deep" / "a.py").write_text("x = 1\n")
        (folder / "b.py").write_text("y = 1\n")
    before = sources_sha256([first])
    assert before == sources_sha256([second])
    (second / "note.txt").write_text("no source")
    assert sources_sha256([second]) == before
    (second / "deep" / "a.py").write_text("x = 2\n")
    changed = sources_sha256([second])
    (first / "b.py").rename(first / "c.py")
    assert len({before, changed, sources_sha256([first])}) == 3


def test_the_commit_is_the_one_that_git_itself_names(tmp_path: Path) -> None:
    assert checked_out(tmp_path) == ""

    def git(*words: str) -> str:
        who = ("-c", "user.name=N", "-c", "user.email=n@example.org")
        done = subprocess.run(("git", *who, *words), cwd=tmp_path, capture_output=True, text=True, check=True)
        return done.stdout.strip()

    git("init", "-q")
    git("commit", "-q", "--allow-empty", "-m", "first")
    head = git("rev-parse", "HEAD")
    assert checked_out(tmp_path) == head
    git("pack-refs", "--all")
    assert checked_out(tmp_path) == head
    git("worktree", "add", "-q", "beside")
    assert checked_out(tmp_path / "beside") == head
    git("checkout", "-q", "--detach")
    assert checked_out(tmp_path) == head


def test_a_checkout_is_named_by_its_commit_beside_the_sources(tmp_path: Path, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "HEAD").write_text(COMMIT)
    (tmp_path / "pack").mkdir()
    monkeypatch.setattr(room, "_folder", lambda name: tmp_path / "pack")
    assert f" commit {COMMIT[:12]} sources " in code_version()
