"""Where weights come from: a hub of models, a mirror of it in the house, or a folder brought from another machine."""

from __future__ import annotations

import errno
import hashlib
import re
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

import huggingface_hub
from huggingface_hub import constants, errors
from huggingface_hub.errors import HTTPError  # type: ignore[attr-defined]
from huggingface_hub.hf_api import RepoFile
from huggingface_hub.utils import logging
from huggingface_hub.utils.tqdm import disable_progress_bars

from modeling.data.exchange import BadRequestError
from modeling.data.fetched_note import NOTE, read_note
from modeling.weights.choosing import RefusedError

_BLOCK = 1 << 20
_SHA1 = re.compile(r"[0-9a-f]{40}")


@dataclass(frozen=True)
class Listed:
    """A file as its source lists it: bytes, and the hash that it must have where the source tells one."""

    size: int
    sha256: str = ""
    # Of git's blob: what a hub tells of small files.
    blob_sha1: str = ""


@dataclass(frozen=True)
class Listing:
    """A repository at one revision."""

    revision: str
    licence: str
    files: dict[str, Listed]


class Source(Protocol):
    """A place that lists a repository's files and brings them."""

    # How it is called in notes and on record.
    told: str

    def listing(self, revision: str) -> Listing:
        """Its files. Raises BadRequestError when it can't be asked."""
        ...

    def bring(self, name: str, revision: str, folder: Path) -> Path:
        """The file below `folder`; one that is there whole is not brought again. Raises BadRequestError, OSError."""
        ...


class Hub:
    """A hub of models, or a mirror that speaks as it does.

    A lost connection is taken up where it broke. After a kill, whole files are kept; the one under way begins anew.
    """

    def __init__(self, repository: str, *, address: str | None = None) -> None:
        """`address` of a mirror; without it, the hub that huggingface_hub is set to.

        Raises:
            BadRequestError: no address, or one with a password in it.
        """
        if address is not None:
            parts = urlsplit(address)
            if parts.scheme not in ("http", "https") or not parts.hostname:
                raise BadRequestError(f"--from {address}: give a folder, or an address as http://mirror:8080")
            if parts.username or parts.password:
                raise BadRequestError(
                    "--from: give the address without name and password; they would go on record"
                )
            address = address.rstrip("/")
        self.repository = repository
        self.told = address or "hub"
        self._address = address
        # The hub's token is nobody else's.
        self._token = False if address else None
        logging.set_verbosity_error()
        # Otherwise it tells the hub what is installed here and asks the hub for a list, also where a mirror is named.
        constants.HF_HUB_DISABLE_TELEMETRY = True
        if not sys.stderr.isatty():
            disable_progress_bars()

    def listing(self, revision: str) -> Listing:
        """Files, sizes and hashes at a branch, tag or commit."""
        if huggingface_hub.is_offline_mode():
            raise BadRequestError(
                "HF_HUB_OFFLINE is set, so nothing is downloaded: set HF_HUB_OFFLINE=0 for this one command, or bring "
                "the files from another machine and give --from FOLDER"
            )
        hub = huggingface_hub.HfApi(endpoint=self._address, token=self._token)
        with self._one_line(revision):
            info = hub.model_info(self.repository, revision=revision)
            entries = hub.list_repo_tree(self.repository, recursive=True, revision=info.sha)
            files = {
                entry.path: Listed(
                    entry.lfs.size if entry.lfs else entry.size,
                    entry.lfs.sha256 if entry.lfs else "",
                    entry.blob_id if not entry.lfs and _SHA1.fullmatch(entry.blob_id or "") else "",
                )
                for entry in entries
                if isinstance(entry, RepoFile)
            }
        licence = info.card_data.get("license") if info.card_data else None
        return Listing(str(info.sha), str(licence or ""), files)

    def bring(self, name: str, revision: str, folder: Path) -> Path:
        """Download one file."""
        with self._one_line(revision):
            return Path(
                huggingface_hub.hf_hub_download(
                    self.repository,
                    name,
                    revision=revision,
                    local_dir=folder,
                    endpoint=self._address,
                    token=self._token,
                )
            )

    @contextmanager
    def _one_line(self, revision: str) -> Iterator[None]:
        try:
            yield
        except (HTTPError, OSError, RuntimeError, ValueError) as error:
            if isinstance(error, OSError) and error.errno in (
                errno.ENOSPC,
                errno.EFBIG,
                errno.EACCES,
                errno.EROFS,
            ):
                raise
            raise BadRequestError(f"{self.repository}: {self._reason(error, revision)}") from error

    def _reason(self, error: Exception, revision: str) -> str:
        if isinstance(error, errors.GatedRepoError):
            return (
                "its owner wants a licence accepted first; accept it with an account there and run again with that "
                "account's token in HF_TOKEN"
            )
        if isinstance(error, errors.RepositoryNotFoundError):
            return (
                f"no such repository at {self.told}; mend the name, or give HF_TOKEN the token of an account that may "
                "read it"
            )
        if isinstance(error, errors.RevisionNotFoundError):
            return f"no revision {revision!r}; give a branch, tag or commit that it has with --revision"
        if isinstance(error, errors.EntryNotFoundError) and isinstance(error, HTTPError):
            return "a file that it lists can't be had; run again, or name another revision"
        if isinstance(error, errors.HfHubHTTPError):
            return f"{self.told} answered {error.response.status_code}; run again later, whole files are kept"
        first = (str(error.__cause__ or error).strip() or type(error).__name__).splitlines()[0]
        return (
            f"not reached at {self.told} ({first}); check network and proxy and run again (whole files are kept), or "
            "bring the files from another machine with --from FOLDER"
        )


class Folder:
    """A folder with a model's files, brought from another machine; it is only read."""

    def __init__(self, folder: Path) -> None:
        """Raises BadRequestError when there is no such folder."""
        if not folder.is_dir():
            raise BadRequestError(f"--from {folder}: no such folder, and no address (http://...)")
        self.folder = folder.resolve()
        self.told = str(self.folder)

    def listing(self, revision: str) -> Listing:
        """Its files; revision and hashes where this command fetched them on the other machine."""
        del revision  # a folder holds one
        note = read_note(self.folder)
        known = note.get("files", {})
        files = {}
        for path in sorted(self.folder.rglob("*")):
            name = path.relative_to(self.folder).as_posix()
            if path.is_file() and name != NOTE and not name.startswith("."):
                files[name] = Listed(path.stat().st_size, known.get(name, {}).get("sha256", ""))
        if gone := sorted(set(known) - set(files)):
            raise BadRequestError(
                f"{self.folder / gone[0]}: missing, though {NOTE} names it; copy the folder again"
            )
        return Listing(note.get("revision", ""), note.get("licence", ""), files)

    def bring(self, name: str, revision: str, folder: Path) -> Path:
        """Copy one file."""
        del revision
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(self.folder / name, target)
        return target


def checked(path: Path, listed: Listed) -> str:
    """SHA-256 of a file that came.

    Raises:
        RefusedError: it is not the file that the source lists.
    """
    sha256, blob = hashlib.sha256(), hashlib.sha1(b"blob %d\0" % listed.size, usedforsecurity=False)
    size = 0
    with path.open("rb") as stream:
        while block := stream.read(_BLOCK):
            size += len(block)
            sha256.update(block)
            if listed.blob_sha1:
                blob.update(block)
    wrong = (
        size != listed.size
        or (listed.sha256 and sha256.hexdigest() != listed.sha256)
        or (listed.blob_sha1 and blob.hexdigest() != listed.blob_sha1)
    )
    if wrong:
        raise RefusedError(
            f"{path.name}: other bytes came than its source lists; nothing was kept, run again"
        )
    return sha256.hexdigest()
