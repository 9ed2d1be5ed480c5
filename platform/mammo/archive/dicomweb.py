"""Asks a PACS by DICOMweb: QIDO-RS finds studies, WADO-RS brings their bytes as they were stored. Knows no Django."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import requests
from dicomweb_client.api import DICOMwebClient

from mammo.archive.dicom.limits import LIMITS
from mammo.archive.multipart import boundary_of, content_type, parts
from mammo.archive.pacs_query import Query
from mammo.core.errors import UserError
from mammo.core.words import gettext as _

PAGE = 200
TIMEOUT = (10.0, 120.0)  # seconds to connect, and between two pieces of an answer
_BLOCK = 1 << 20
_ACCEPT = 'multipart/related; type="application/dicom"; transfer-syntax=*'


class Pacs:
    """One DICOMweb service.

    Args:
        url: of the service, such as https://pacs/dicom-web.
        certificates: file of trusted certificates; those of the machine when not given.
    """

    def __init__(
        self, url: str, *, user: str = "", password: str = "", certificates: Path | None = None
    ) -> None:
        if not url.startswith(("http://", "https://")):
            raise UserError(
                _("%(url)r: give the address of a DICOMweb service, such as https://pacs/dicom-web")
                % {"url": url}
            )
        self.url = url.rstrip("/")
        self.session = requests.Session()
        self.session.trust_env = False  # no proxy of this account: a hospital's PACS is inside
        if user:
            self.session.auth = (user, password)
        if certificates is not None:
            self.session.verify = str(certificates)
        self.client = DICOMwebClient(self.url, session=self.session)
        self.client.set_http_retry_params(retry=True, max_attempts=3, wait_exponential_multiplier=500)

    def studies(self, query: Query) -> Iterator[str]:
        """StudyInstanceUIDs that match, page by page."""
        offset = 0
        while True:
            page = self._asked(
                lambda at=offset: self.client.search_for_studies(
                    limit=PAGE, offset=at, search_filters=query.filters()
                )
            )
            yield from (uid for row in page if (uid := _value(row, "0020000D")))
            if len(page) < PAGE:
                return
            offset += len(page)

    def instances(self, study_uid: str) -> list[tuple[str, str]]:
        """(SeriesInstanceUID, SOPInstanceUID) of a study."""
        rows = self._asked(lambda: self.client.search_for_instances(study_uid))
        return [(_value(row, "0020000E"), _value(row, "00080018")) for row in rows]

    def _asked(self, question: Any) -> list[dict[str, Any]]:
        try:
            answer: list[dict[str, Any]] = question()
        except requests.HTTPError as error:
            raise UserError(
                _("%(url)s: answers %(status)s; see its log")
                % {"url": self.url, "status": error.response.status_code}
            ) from None
        except requests.RequestException as error:
            raise UserError(
                _("%(url)s: no answer (%(reason)s)") % {"url": self.url, "reason": type(error).__name__}
            ) from None
        except ValueError:
            raise UserError(
                _("%(url)s: its answer is no DICOM JSON; is this a DICOMweb service?") % {"url": self.url}
            ) from None
        return answer

    def fetch(self, study: str, series: str, instance: str, folder: Path) -> Iterator[Path]:
        """Bring one instance's bytes, as the PACS keeps them, into files below `folder`.

        Raises:
            UserError: the PACS refused it, or the answer was cut.
        """
        address = f"{self.url}/studies/{study}/series/{series}/instances/{instance}"
        try:
            with self.session.get(
                address, headers={"Accept": _ACCEPT}, stream=True, timeout=TIMEOUT
            ) as answer:
                if answer.status_code != 200:
                    raise UserError(_("the PACS answers %(status)s") % {"status": answer.status_code})
                yield from _bodies(answer, folder)
        except requests.RequestException as error:
            raise UserError(_("the PACS broke off (%(reason)s)") % {"reason": type(error).__name__}) from None


def _bodies(answer: requests.Response, folder: Path) -> Iterator[Path]:
    written = answer.headers.get("Content-Type", "")
    blocks = answer.iter_content(_BLOCK)
    if content_type(written)[0] == "application/dicom":  # some servers send the part alone
        path = folder / "part-1"
        with path.open("wb") as handle:
            for block in blocks:
                if handle.tell() + len(block) > LIMITS.file_bytes:
                    raise UserError(_("larger than %(size)s MB") % {"size": LIMITS.file_bytes // 1024**2})
                handle.write(block)
        yield path
        return
    for part in parts(blocks, boundary_of(written), folder, max_part_bytes=LIMITS.file_bytes):
        if part.problem:
            raise UserError(part.problem)
        yield part.path


def _value(row: dict[str, Any], tag: str) -> str:
    values = row.get(tag, {}).get("Value") or [""]
    return str(values[0])
