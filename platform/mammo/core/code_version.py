"""Which code is at work: the platform's version says little, since it stays while the sources change."""

import hashlib
from importlib import metadata, util
from pathlib import Path

DISTRIBUTION = "mammovlm-platform"
PACKAGES = ("mammo", "annotation", "evaluation", "modeling")
# Signs of a hash that are shown; 12 of a SHA-256 are 48 bits.
SHOWN = 12


def code_version() -> str:
    """Version, the commit that is checked out where there is one, and a hash of the installed Python sources.

    Read anew at each call (some 500 files): a long-lived process names what its children are about to run. The
    hash also tells sources that were changed after the commit; at most 64 signs.
    """
    folders = [_folder(name) for name in PACKAGES]
    commit = checked_out(folders[-1].parent)
    parts = [metadata.version(DISTRIBUTION), f"commit {commit[:SHOWN]}" if commit else ""]
    return " ".join([*filter(None, parts), f"sources {sources_sha256(folders)[:SHOWN]}"])


def sources_sha256(folders: list[Path]) -> str:
    """SHA-256 (hex) over names and bytes of every .py file under the folders, wherever these lie."""
    whole = hashlib.sha256()
    for folder in folders:
        for file in sorted(folder.rglob("*.py")):
            name = f"{folder.name}/{file.relative_to(folder).as_posix()}"
            whole.update(f"{name}\0{hashlib.sha256(file.read_bytes()).hexdigest()}\n".encode())
    return whole.hexdigest()


def checked_out(root: Path) -> str:
    """The commit (40 hex digits) of a git checkout, read from its files; empty where there is none."""
    git = root / ".git"
    try:
        if git.is_file():  # a worktree names its own folder
            git = (root / git.read_text("utf-8").removeprefix("gitdir:").strip()).resolve()
        head = (git / "HEAD").read_text("utf-8").strip()
    except OSError:
        return ""
    if not head.startswith("ref:"):
        return head
    ref = head.removeprefix("ref:").strip()
    for folder in (git, _common(git)):
        try:
            return (folder / ref).read_text("utf-8").strip()
        except OSError:
            continue
    return _packed(_common(git), ref)


def _common(git: Path) -> Path:
    """Where a worktree's branches are kept."""
    named = git / "commondir"
    return (git / named.read_text("utf-8").strip()).resolve() if named.exists() else git


def _packed(git: Path, ref: str) -> str:
    try:
        lines = (git / "packed-refs").read_text("utf-8").splitlines()
    except OSError:
        return ""
    return next((line.split()[0] for line in lines if line.endswith(f" {ref}")), "")


def _folder(name: str) -> Path:
    spec = util.find_spec(name)
    if spec is None or not spec.submodule_search_locations:
        raise RuntimeError(f"{name}: the package is not installed")
    return Path(next(iter(spec.submodule_search_locations)))
