"""A small real HTTP server that speaks the OpenAI chat protocol, for tests."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Reply = tuple[int, dict[str, Any]]


class ChatServer:
    """Answers every request by `reply(number, body)`; keeps the bodies, and when they came (seconds, monotonic)."""

    def __init__(self, reply: Callable[[int, dict[str, Any]], Reply]) -> None:
        self.reply = reply
        self.bodies: list[dict[str, Any]] = []
        self.keys: list[str] = []
        self.times: list[float] = []
        self.under_way = 0
        self.most_under_way = 0
        self.lock = threading.Lock()
        self.url = ""


def answer_with(*texts: str) -> dict[str, Any]:
    """A chat completion with these choices."""
    choices = [
        {"index": i, "finish_reason": "stop", "message": {"role": "assistant", "content": text}}
        for i, text in enumerate(texts)
    ]
    usage = {"prompt_tokens": 5, "completion_tokens": 7 * len(texts), "total_tokens": 5 + 7 * len(texts)}
    return {
        "id": "1",
        "object": "chat.completion",
        "created": 0,
        "model": "m",
        "choices": choices,
        "usage": usage,
    }


@contextmanager
def serve(reply: Callable[[int, dict[str, Any]], Reply]) -> Iterator[ChatServer]:
    """The server on a free port of this machine; a 429 says how long to wait (`wait_ms`, 10; None: not a word)."""
    state = ChatServer(reply)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            with state.lock:
                number = len(state.bodies)
                state.bodies.append(body)
                state.times.append(time.monotonic())
                state.keys.append(self.headers.get("Authorization", ""))
                state.under_way += 1
                state.most_under_way = max(state.most_under_way, state.under_way)
            status, content = state.reply(number, body)
            with state.lock:
                state.under_way -= 1
            payload = json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(payload)))
            if "location" in content:
                self.send_header("Location", str(content["location"]))
            if status == 429 and content.get("wait_ms", 10) is not None:
                self.send_header("Retry-After-Ms", str(content.get("wait_ms", 10)))
            self.end_headers()
            self.wfile.write(payload)

        def log_message(self, *args: Any) -> None:
            """Keep standard error for the test."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    state.url = f"http://127.0.0.1:{server.server_port}/v1"
    try:
        yield state
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def slow(seconds: float, content: dict[str, Any]) -> Reply:
    """A reply that takes its time."""
    time.sleep(seconds)
    return 200, content
