"""A small real HTTP server that speaks what huggingface_hub asks of a hub of models, for tests."""

import hashlib
import json
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

# Larger files are kept beside git, and listed with their SHA-256.
LARGE = 2_000


class HubServer:
    """Repositories are folders below `root`: owner/name; each has one commit, of its files' bytes."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.url = ""
        self.gated: set[str] = set()
        # Repository -> what its card says.
        self.licences: dict[str, str] = {}
        # Path -> bytes that are served in place of the true ones.
        self.altered: dict[str, bytes] = {}
        # Bytes a second of each body, and None for no limit.
        self.rate: float | None = None
        # Every request: method, path, and the range that was asked for.
        self.asked: list[tuple[str, str, str]] = []
        self.tokens: list[str] = []

    def commit(self, repository: str) -> str:
        """The hash of a repository's one commit."""
        found = hashlib.sha1()
        for name, path in self.files(repository).items():
            found.update(name.encode() + b"\0" + path.read_bytes())
        return found.hexdigest()

    def files(self, repository: str) -> dict[str, Path]:
        """Name -> path of all files."""
        folder = self.root / repository
        paths = sorted(path for path in folder.rglob("*") if path.is_file())
        return {path.relative_to(folder).as_posix(): path for path in paths}

    def bodies(self, name: str) -> list[str]:
        """The ranges of all requests for a file's body."""
        return [given for method, path, given in self.asked if method == "GET" and path.endswith(f"/{name}")]


@contextmanager
def serving(root: Path) -> Iterator[HubServer]:
    """Serve until the block ends."""
    server = HubServer(root)
    listener = ThreadingHTTPServer(("127.0.0.1", 0), _handler(server))
    listener.daemon_threads = True
    server.url = f"http://127.0.0.1:{listener.server_port}"
    thread = threading.Thread(target=listener.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield server
    finally:
        listener.shutdown()
        listener.server_close()
        thread.join()


def _listed(path: Path, name: str) -> dict[str, Any]:
    data = path.read_bytes()
    entry: dict[str, Any] = {"type": "file", "path": name, "size": len(data), "oid": git_blob(data)}
    if len(data) > LARGE:
        entry["lfs"] = {"oid": hashlib.sha256(data).hexdigest(), "size": len(data), "pointerSize": 134}
    return entry


def git_blob(data: bytes) -> str:
    """What git calls these bytes."""
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()


def _handler(server: HubServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_HEAD(self) -> None:
            self._answer(with_body=False)

        def do_GET(self) -> None:
            self._answer(with_body=True)

        def log_message(self, *_: object) -> None:
            pass

        def _answer(self, *, with_body: bool) -> None:
            path = self.path.split("?")[0]
            server.asked.append((self.command, path, self.headers.get("Range", "")))
            server.tokens.append(self.headers.get("Authorization", ""))
            for pattern, answer in (
                (r"/api/models/([^/]+/[^/]+)/revision/(.+)", self._info),
                (r"/api/models/([^/]+/[^/]+)/tree/(.+)", self._tree),
                (r"/([^/]+/[^/]+)/resolve/([^/]+)/(.+)", self._file),
            ):
                if found := re.fullmatch(pattern, path):
                    if not (server.root / found[1]).is_dir():
                        self._fail(404, "RepoNotFound", with_body)
                    elif found[1] in server.gated:
                        self._fail(403, "GatedRepo", with_body)
                    elif found[2] not in ("main", server.commit(found[1])):
                        self._fail(404, "RevisionNotFound", with_body)
                    else:
                        answer(*found.groups(), with_body=with_body)
                    return
            self._fail(404, "EntryNotFound", with_body)

        def _info(self, repository: str, _revision: str, *, with_body: bool) -> None:
            card = {"license": server.licences[repository]} if repository in server.licences else None
            found = {
                "id": repository,
                "sha": server.commit(repository),
                "siblings": [],
                "tags": [],
                "cardData": card,
            }
            self._json(found, with_body)

        def _tree(self, repository: str, _revision: str, *, with_body: bool) -> None:
            self._json([_listed(path, name) for name, path in server.files(repository).items()], with_body)

        def _file(self, repository: str, _revision: str, name: str, *, with_body: bool) -> None:
            path = server.files(repository).get(name)
            if path is None:
                self._fail(404, "EntryNotFound", with_body)
                return
            entry = _listed(path, name)
            data = server.altered.get(f"{repository}/{name}", path.read_bytes())
            start = re.fullmatch(r"bytes=(\d+)-.*", self.headers.get("Range", ""))
            first = int(start[1]) if start else 0
            self.send_response(206 if start else 200)
            self.send_header("ETag", f'"{entry["lfs"]["oid"] if "lfs" in entry else entry["oid"]}"')
            self.send_header("X-Repo-Commit", server.commit(repository))
            self.send_header("Content-Length", str(len(data) - first))
            if start:
                self.send_header("Content-Range", f"bytes {first}-{len(data) - 1}/{len(data)}")
            self.end_headers()
            if with_body:
                # A client that was killed hears no more.
                with suppress(ConnectionError):
                    self._slowly(data[first:])

        def _slowly(self, data: bytes) -> None:
            if server.rate is None:
                self.wfile.write(data)
                return
            step = max(int(server.rate / 20), 1)
            for place in range(0, len(data), step):
                self.wfile.write(data[place : place + step])
                self.wfile.flush()
                time.sleep(0.05)

        def _json(self, content: Any, with_body: bool) -> None:
            data = json.dumps(content).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            if with_body:
                self.wfile.write(data)

        def _fail(self, status: int, code: str, with_body: bool) -> None:
            data = json.dumps({"error": code}).encode()
            self.send_response(status)
            self.send_header("X-Error-Code", code)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            if with_body:
                self.wfile.write(data)

    return Handler
