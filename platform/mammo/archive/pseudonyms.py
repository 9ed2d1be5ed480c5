"""Keyed one-way names: hospital numbers, UIDs and dates leave the archive only through these.

Everything derives from the installation's master key by HKDF (RFC 5869), so the same patient gets the same
pseudonym at every import, and without the key nothing can be reversed or recomputed by guessing.
"""

import hashlib
import hmac
import uuid
from dataclasses import dataclass
from datetime import date, timedelta

# Always into the past and by a year at least: a shifted date is never the true date of anything near it.
MIN_SHIFT_DAYS = 400
MAX_SHIFT_DAYS = 3650


@dataclass(frozen=True)
class Pseudonyms:
    """The keyed functions of one installation.

    Args:
        secret: 32 bytes, from `installation()`; handed to parsing children and to children of jobs over a pipe,
            never in a file.
    """

    secret: bytes

    def _mac(self, kind: str, *parts: str) -> bytes:
        message = "\x1f".join((kind, *parts)).encode()
        return hmac.new(self.secret, message, hashlib.sha256).digest()

    def number_hash(self, site_code: str, number: str) -> str:
        """Join key of a hospital number at one site."""
        return self._mac("number", site_code, number.strip()).hex()

    def accession_hash(self, site_code: str, accession: str) -> str:
        """Join key of an accession number at one site."""
        return self._mac("accession", site_code, accession.strip()).hex()

    def uid_hash(self, uid: str) -> str:
        """Join key of an original DICOM UID."""
        return self._mac("uid", uid.strip()).hex()

    def person_hash(self, site_code: str, name: str) -> str:
        """Keyed hash of a doctor's name, for `nobody scores a case they reported`."""
        return self._mac("person", site_code, " ".join(name.replace("^", " ").split()).casefold()).hex()

    def text_hash(self, text: str) -> str:
        """Keyed hash of a text, to know the same one again."""
        return self._mac("text", text).hex()

    def pseudonym(self, site_code: str, number: str) -> str:
        """Name of a patient inside the platform, such as `P-7QK2M3XA4B`."""
        alphabet = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"  # nothing that reads like something else
        value = int.from_bytes(self._mac("pseudonym", site_code, number.strip())[:8], "big")
        letters = []
        for _ in range(10):
            value, index = divmod(value, len(alphabet))
            letters.append(alphabet[index])
        return "P-" + "".join(letters)

    def remap_uid(self, uid: str) -> str:
        """A UID under 2.25 (PS3.5 B.2) that stands for `uid` everywhere."""
        return f"2.25.{uuid.UUID(bytes=self._mac('remap', uid.strip())[:16], version=4).int}"

    def order_origin(self, study_uid: str) -> int:
        """Hidden origin of the order of a study's images, so that the stored order tells no time of day."""
        return int.from_bytes(self._mac("order", study_uid.strip())[:3], "big")

    def date_shift(self, site_code: str, number: str) -> timedelta:
        """How far every date of this patient is moved; intervals between her dates stay true."""
        span = MAX_SHIFT_DAYS - MIN_SHIFT_DAYS
        value = int.from_bytes(self._mac("shift", site_code, number.strip())[:8], "big")
        return timedelta(days=-(MIN_SHIFT_DAYS + value % span))

    def shifted(self, day: date, site_code: str, number: str) -> date:
        """A date of this patient as it is stored."""
        return day + self.date_shift(site_code, number)


def identity(patient_number: str, study_uid: str) -> str:
    """What names a patient: without a hospital number the study stands alone, never joined to another by mistake."""
    return patient_number or f"study:{study_uid}"


def installation() -> Pseudonyms:
    """The keyed functions of this installation (settings.MAMMO_KEYS or MAMMO_MASTER_KEY)."""
    # Imported here: the parsing children use this module without Django.
    from mammo.core.keys import derived_secret

    return Pseudonyms(derived_secret("mammo.archive.pseudonyms"))
