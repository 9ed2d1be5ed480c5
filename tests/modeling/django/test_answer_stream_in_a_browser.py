"""The page's side of a streaming answer, in a real browser: pieces appear as they come, a lost connection goes on."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

SOURCES = Path(__file__).resolve().parents[3] / "platform/mammo/viewer/src/pages"
PAGE = """<!doctype html><meta charset="utf-8"><title>{loads}</title>
<p id="answer"{stream}>{text}</p>
<script type="module">import {{ followAnswers }} from "/answer_stream.js"; followAnswers();</script>"""


class Site(ThreadingHTTPServer):
    """Serves a page with an answer under way; its pieces are let go by the test."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Asked)
        self.asked_from: list[tuple[str, str]] = []  # query and Last-Event-ID of each connection
        self.is_away_once = False  # the second connection meets a proxy whose server is being restarted
        self.gates = [threading.Event() for _ in range(3)]
        self.loads = 0


class Asked(BaseHTTPRequestHandler):
    """One request."""

    server: Site

    def log_message(self, *arguments: object) -> None:
        """Nothing is printed."""

    def do_GET(self) -> None:
        path, _, query = self.path.partition("?")
        if path.endswith(".js"):
            self._send("text/javascript", (SOURCES / path.removeprefix("/")).read_bytes())
        elif path == "/stream":
            self._stream(query)
        elif path == "/":
            self.server.loads += 1
            is_over = self.server.gates[2].is_set()
            stream = "" if is_over else ' data-stream="/stream" data-loading="loading"'
            text = "stored" if is_over else ""
            body = PAGE.format(loads=self.server.loads, stream=stream, text=text)
            self._send("text/html; charset=utf-8", body.encode())
        else:
            self.send_error(404)

    def _send(self, kind: str, body: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _stream(self, query: str) -> None:
        number = len(self.server.asked_from)
        self.server.asked_from.append((query, self.headers.get("Last-Event-ID", "")))
        if number == 1 and self.server.is_away_once:
            self.send_error(502)
            return
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        if number == 0:
            self._event("retry: 50", wait=0)
            self._event(f"id: 2\nevent: text\ndata: {json.dumps('您的')}", wait=0)
            self._event(f"id: 4\nevent: text\ndata: {json.dumps('乳腺')}", wait=1)
            return  # the connection is lost here
        self._event(f"id: 8\nevent: text\ndata: {json.dumps('是<b>型')}", wait=1)
        self._event('event: end\ndata: "answered"', wait=2)

    def _event(self, block: str, *, wait: int) -> None:
        assert self.server.gates[wait].wait(60)
        self.wfile.write(f"{block}\n\n".encode())
        self.wfile.flush()


@pytest.fixture
def site() -> Iterator[Site]:
    made = Site()
    thread = threading.Thread(target=made.serve_forever, daemon=True)
    thread.start()
    yield made
    for gate in made.gates:
        gate.set()
    made.shutdown()
    made.server_close()
    thread.join()


def test_pieces_appear_as_they_come_a_lost_connection_goes_on_and_the_end_reads_the_page_anew(
    site: Site, page: Page
) -> None:
    page.goto(f"http://127.0.0.1:{site.server_port}/")
    answer = page.locator("#answer")
    expect(answer).to_have_text("loading")
    site.gates[0].set()
    expect(answer).to_have_text("您的")
    site.gates[1].set()
    expect(answer).to_have_text("您的乳腺是<b>型")  # as text, never as markup, and no piece twice
    assert site.asked_from == [("from=0", ""), ("from=0", "4")]
    assert site.loads == 1
    site.gates[2].set()
    expect(answer).to_have_text("stored")
    assert (page.title(), site.loads) == ("2", 2)


def test_an_error_that_a_proxy_answers_does_not_end_the_following(site: Site, page: Page) -> None:
    """The browser takes up lost connections by itself, and gives up at any answer that is no stream."""
    site.is_away_once = True
    page.goto(f"http://127.0.0.1:{site.server_port}/")
    site.gates[0].set()
    site.gates[1].set()
    expect(page.locator("#answer")).to_have_text("您的乳腺是<b>型", timeout=15_000)
    assert site.asked_from == [("from=0", ""), ("from=0", "4"), ("from=4", "")]
    assert site.loads == 1
