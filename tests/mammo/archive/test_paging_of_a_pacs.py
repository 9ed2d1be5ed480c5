"""A PACS that gives fewer results per page than it was asked for: nothing of it is lost, or the fetch says so."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import pytest

from mammo.archive.dicomweb import Pacs
from mammo.archive.pacs_query import Query
from mammo.core.errors import UserError

STUDIES = [f"1.2.{number}" for number in range(1, 9)]
INSTANCES = [f"1.2.3.{number}" for number in range(1, 8)]


@dataclass
class Small:
    """What a small PACS holds and how it answers.

    Attributes:
        cap: rows that it gives at most, whatever it is asked for.
        pages: whether it knows `offset`.
        warns: whether it says that it holds more (PS3.18 8.3.4.4).
    """

    cap: int = 3
    pages: bool = True
    warns: bool = False
    asked: list[str] = field(default_factory=list)

    def answer(self, address: str) -> tuple[list[dict[str, object]], str]:
        """Rows of this page, and the warning."""
        self.asked.append(address)
        parts = urlsplit(address)
        offset = int(parse_qs(parts.query).get("offset", ["0"])[0]) if self.pages else 0
        if parts.path.endswith("/instances"):
            held = [{"0020000E": _uid("1.2.3"), "00080018": _uid(uid)} for uid in INSTANCES]
        else:
            held = [{"0020000D": _uid(uid)} for uid in STUDIES]
        left = len(held) - offset - self.cap
        warning = f"299 pacs: There are {left} additional results that can be requested"
        return held[offset : offset + self.cap], warning if self.warns and left > 0 else ""


def _uid(value: str) -> dict[str, object]:
    return {"vr": "UI", "Value": [value]}


@contextmanager
def served(small: Small) -> Iterator[Pacs]:
    """The small PACS at an address of this machine."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            rows, warning = small.answer(self.path)
            body = json.dumps(rows).encode() if rows else b""
            self.send_response(200 if rows else 204)
            if warning:
                self.send_header("Warning", warning)
            self.send_header("Content-Type", "application/dicom+json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *arguments: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield Pacs(f"http://127.0.0.1:{server.server_address[1]}")
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.mark.parametrize("warns", [False, True])
def test_a_pacs_that_caps_its_answers_loses_no_study_and_no_instance(warns: bool) -> None:
    with served(Small(warns=warns)) as pacs:
        assert list(pacs.studies(Query(patient="P1"))) == STUDIES
        assert pacs.instances("1.2.1") == [("1.2.3", uid) for uid in INSTANCES]


def test_a_pacs_that_knows_no_pages_and_gives_all_at_once_gives_each_once() -> None:
    small = Small(cap=100, pages=False)
    with served(small) as pacs:
        assert list(pacs.studies(Query(patient="P1"))) == STUDIES
        assert len(small.asked) == 2
        assert pacs.instances("1.2.1") == [("1.2.3", uid) for uid in INSTANCES]


def test_a_pacs_that_says_it_holds_more_and_gives_no_further_page_ends_no_fetch_as_whole() -> None:
    with served(Small(pages=False, warns=True)) as pacs:
        with pytest.raises(UserError, match="holds more than the 3 results"):
            list(pacs.studies(Query(patient="P1")))
        with pytest.raises(UserError, match="holds more than the 3 results"):
            pacs.instances("1.2.1")
