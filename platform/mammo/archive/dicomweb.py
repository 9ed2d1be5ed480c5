"""Asks a PACS by DICOMweb: QIDO-RS finds studies, WADO-RS brings their bytes as they were stored. Knows no Django."""

import re
from collections.abc import Callable, Iterator
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
_STUDY_UID, _SERIES_UID, _INSTANCE_UID = "0020000D", "0020000E", "00080018"
# PS3.18 8.3.4.4: there are results beyond this page (299 also tells of other things, such as fuzzy matching).
_MORE = re.compile(r"\b299\b.*(?:additional results|exceeded)", re.IGNORECASE | re.DOTALL)


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
        self._holds_more = False
        self.session.hooks["response"].append(self._note_warning)
        self.client = DICOMwebClient(self.url, session=self.session)
        self.client.set_http_retry_params(retry=True, max_attempts=3, wait_exponential_multiplier=500)

    def studies(self, query: Query) -> Iterator[str]:
        """StudyInstanceUIDs that match, page by page, each once.

        Raises:
            UserError: the PACS does not answer, or says that it holds more than it gives.
        """
        filters = query.filters()
        for row in self._rows(
            lambda at: self.client.search_for_studies(limit=PAGE, offset=at, search_filters=filters),
            _STUDY_UID,
        ):
            yield _value(row, _STUDY_UID)

    def instances(self, study_uid: str) -> list[tuple[str, str]]:
        """(SeriesInstanceUID, SOPInstanceUID) of a study.

        Raises:
            UserError: the PACS does not answer, or says that it holds more than it gives.
        """
        rows = self._rows(
            lambda at: self.client.search_for_instances(study_uid, limit=PAGE, offset=at), _INSTANCE_UID
        )
        return [(_value(row, _SERIES_UID), _value(row, _INSTANCE_UID)) for row in rows]

    def _rows(self, page_at: Callable[[int], Any], tag: str) -> Iterator[dict[str, Any]]:
        """Rows of every page, each value of `tag` once.

        A PACS may give fewer rows than were asked for (its own limit), so only a page without anything new is the end.
        """
        seen: set[str] = set()
        offset = 0
        while True:
            self._holds_more = False
            page = self._asked(lambda at=offset: page_at(at))
            before = len(seen)
            for row in page:
                uid = _value(row, tag)
                if uid and uid not in seen:
                    seen.add(uid)
                    yield row
            if len(seen) == before:
                break
            offset += len(page)
        if self._holds_more:
            raise UserError(
                _(
                    "%(url)s: holds more than the %(count)s results that it gives, and gives no further page: "
                    "raise its limit of results, or ask for fewer days"
                )
                % {"url": self.url, "count": len(seen)}
            )

    def _note_warning(self, answer: requests.Response, *_args: Any, **_more: Any) -> None:
        if _MORE.search(answer.headers.get("Warning", "")):
            self._holds_more = True

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
