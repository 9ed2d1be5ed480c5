"""Envelope encryption: one data key per patient, kept apart from the rows, wrapped by the installation's key.

Destroying a patient's key file makes every text and original of hers unreadable while the rows stay whole
(docs/decisions/0005-encryption.md). AES-256-GCM from the `cryptography` package throughout.
"""

import base64
import contextlib
import os
import uuid
from functools import lru_cache
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings
from django.utils.translation import gettext as _

from mammo.core.errors import UserError
from mammo.core.jsonlines import write_atomically

NONCE_BYTES = 12
DESTROYED = b"destroyed\n"


class KeyDestroyedError(Exception):
    """The key was destroyed on purpose (erasure): what it protected can't be read any more."""


class KeyStore:
    """Data keys as files `<key id>.key` in one folder, each wrapped by `master.key`.

    Args:
        folder: the key folder; backed up apart from the database, never inside it.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._data = os.path.join(folder, "data", "")  # joined once: a page reads hundreds of texts
        # Each with what its file looked like when it was read: inode, size, time of change.
        self._cache: dict[uuid.UUID, tuple[AESGCM, tuple[int, int, int]]] = {}

    @property
    def _master(self) -> AESGCM:
        return AESGCM(_master_key(self.folder))

    def _path(self, key_id: uuid.UUID) -> Path:
        return Path(f"{self._data}{key_id}.key")

    def create(self, key_id: uuid.UUID | None = None) -> uuid.UUID:
        """Make a new data key and return its id: a fresh one, or the given one, which no key may have yet."""
        key_id = key_id or uuid.uuid4()
        nonce = os.urandom(NONCE_BYTES)
        wrapped = self._master.encrypt(nonce, AESGCM.generate_key(256), key_id.bytes)
        write_atomically(self._path(key_id), nonce + wrapped, mode=0o600)
        return key_id

    def cipher(self, key_id: uuid.UUID) -> AESGCM:
        """Return the cipher of a data key.

        Raises:
            KeyDestroyedError: the key was destroyed.
            UserError: the key file is missing or was wrapped by another master key.
        """
        known = self._cache.get(key_id)
        # The file is looked at each time: another process may have destroyed the key.
        with contextlib.suppress(FileNotFoundError):
            if known and known[1] == _looks(f"{self._data}{key_id}.key"):
                return known[0]
        path = self._path(key_id)
        try:
            looked = _looks(path)
            raw = path.read_bytes()
        except FileNotFoundError:
            raise UserError(
                _("%(path)s: key file is missing; restore the key folder from its backup") % {"path": path}
            ) from None
        if raw == DESTROYED:
            self._cache.pop(key_id, None)
            raise KeyDestroyedError(str(key_id))
        if known:
            return known[0]
        try:
            key = self._master.decrypt(raw[:NONCE_BYTES], raw[NONCE_BYTES:], key_id.bytes)
        except InvalidTag:
            raise UserError(
                _("%(path)s: wrapped by another master key; restore the matching %(folder)s/master.key")
                % {"path": path, "folder": self.folder}
            ) from None
        self._cache[key_id] = AESGCM(key), looked
        return self._cache[key_id][0]

    def destroy(self, key_id: uuid.UUID) -> None:
        """Destroy a data key for good; the file stays as a tombstone."""
        path = self._path(key_id)
        if path.exists():
            _overwrite(path)
        write_atomically(path, DESTROYED, mode=0o600)
        self._cache.pop(key_id, None)

    def discard(self, key_id: uuid.UUID) -> bool:
        """Remove a data key that was made and that nothing took: no row names it and nothing kept is encrypted under it.

        The caller knows that; a tombstone stays.

        Returns:
            whether there was such a key.
        """
        path = self._path(key_id)
        if not path.exists() or path.read_bytes() == DESTROYED:
            return False
        _overwrite(path)
        path.unlink()
        self._cache.pop(key_id, None)
        return True

    def encrypt(self, key_id: uuid.UUID, data: bytes, purpose: str) -> bytes:
        """Encrypt bytes under a data key; `purpose` is bound to the result (authenticated)."""
        nonce = os.urandom(NONCE_BYTES)
        return nonce + self.cipher(key_id).encrypt(nonce, data, purpose.encode())

    def decrypt(self, key_id: uuid.UUID, data: bytes, purpose: str) -> bytes:
        """Reverse of `encrypt`.

        Raises:
            UserError: the bytes were changed or belong to another purpose.
        """
        try:
            return self.cipher(key_id).decrypt(data[:NONCE_BYTES], data[NONCE_BYTES:], purpose.encode())
        except InvalidTag:
            raise UserError(
                _("encrypted %(purpose)s: altered or misplaced; restore it from a backup")
                % {"purpose": purpose}
            ) from None


def _looks(path: str | Path) -> tuple[int, int, int]:
    found = os.stat(path)
    return found.st_ino, found.st_size, found.st_mtime_ns


def _overwrite(path: Path) -> None:
    """Write random bytes over a file, on the disk itself."""
    with path.open("r+b") as handle:
        handle.write(os.urandom(path.stat().st_size))
        handle.flush()
        os.fsync(handle.fileno())


@lru_cache(maxsize=8)
def _master_key(folder: Path) -> bytes:
    """The installation's 256-bit key: MAMMO_MASTER_KEY (base64) or the file `master.key`, made once."""
    given = settings.MAMMO_MASTER_KEY
    if given:
        return _checked_key(given, "MAMMO_MASTER_KEY")
    path = folder / "master.key"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        fresh = path.with_name(f".master.{uuid.uuid4().hex}")  # of this thread alone
        try:
            descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "wb") as handle:
                handle.write(base64.b64encode(os.urandom(32)))
                handle.flush()
                os.fsync(handle.fileno())
            os.link(fresh, path)  # the first process wins; the others read its key
        except FileExistsError:
            pass
        finally:
            fresh.unlink(missing_ok=True)
    return _checked_key(path.read_text().strip(), str(path))


def _checked_key(text: str, source: str) -> bytes:
    key = base64.b64decode(text)
    if len(key) != 32:
        raise UserError(
            _("%(source)s: holds %(count)s bytes; give 32 random bytes in base64")
            % {"source": source, "count": len(key)}
        )
    return key


@lru_cache(maxsize=8)
def _store(folder: Path) -> KeyStore:
    return KeyStore(folder)


def key_store() -> KeyStore:
    """The installation's key store (settings.MAMMO_KEYS)."""
    return _store(Path(settings.MAMMO_KEYS))


def derived_secret(purpose: str) -> bytes:
    """32 bytes that only this installation has, one set per purpose (HKDF, RFC 5869, from the master key)."""
    master = _master_key(Path(settings.MAMMO_KEYS))
    return HKDF(algorithm=hashes.SHA256(), length=32, salt=None, info=purpose.encode()).derive(master)
