"""Real peers of Debian: Orthanc with its DICOMweb plug-in, and dcmtk's storescu, on ports of their own."""

import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.conftest import missing

PLUGIN = Path("/usr/share/orthanc/plugins/libOrthancDicomWeb.so")


def free_port() -> int:
    """A port nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def need(program: str) -> str:
    """Path of an installed program; skips (in CI: fails) without it."""
    # Python packages install programs of the same names (pynetdicom has a storescu): theirs are not the peers.
    ours = {Path(sys.executable).parent, Path(sys.prefix) / "bin"}
    folders = [folder for folder in os.environ.get("PATH", "").split(os.pathsep) if Path(folder) not in ours]
    path = shutil.which(program, path=os.pathsep.join([*folders, "/usr/bin", "/usr/sbin"]))
    if path is None:
        missing(f"{program} is not installed (Debian: orthanc orthanc-dicomweb dcmtk)")
        raise AssertionError
    return path


def storescu(port: int, *files: Path, calling: str = "PACS1", called: str = "MAMMO", syntax: str = "") -> str:
    """Send files by C-STORE; returns what storescu says."""
    done = subprocess.run(
        [need("storescu"), "-v", *([syntax] if syntax else []), "-aet", calling, "-aec", called, "127.0.0.1", str(port),
         *map(str, files)],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    return f"{done.returncode}\n{done.stdout}\n{done.stderr}"


@dataclass
class Orthanc:
    """A running Orthanc."""

    port: int

    @property
    def url(self) -> str:
        """Of its REST interface."""
        return f"http://127.0.0.1:{self.port}"

    def ask(self, path: str, data: bytes | None = None) -> Any:
        """Ask its REST interface; POST where there is data."""
        request = urllib.request.Request(f"{self.url}{path}", data=data)
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.loads(answer.read() or b"null")

    def keep(self, *files: Path) -> list[str]:
        """Store files; returns Orthanc's names of them."""
        return [self.ask("/instances", file.read_bytes())["ID"] for file in files]


@contextlib.contextmanager
def orthanc(folder: Path, servers: dict[str, Any] | None = None) -> Iterator[Orthanc]:
    """An Orthanc of its own, configuration and storage below `folder`."""
    program = need("Orthanc")
    if not PLUGIN.exists():
        missing("Orthanc's DICOMweb plug-in is not installed (Debian: orthanc-dicomweb)")
    folder.mkdir(parents=True, exist_ok=True)
    port = free_port()
    settings = {
        "Name": "test", "StorageDirectory": str(folder / "store"), "IndexDirectory": str(folder / "store"),
        "HttpPort": port, "DicomPort": free_port(), "RemoteAccessAllowed": False, "AuthenticationEnabled": False,
        "Plugins": [str(PLUGIN)], "DicomWeb": {"Enable": True, "Root": "/dicom-web/", "Servers": servers or {}},
    }  # fmt: skip
    (folder / "orthanc.json").write_text(json.dumps(settings))
    with (folder / "log.txt").open("w") as log:
        process = subprocess.Popen([program, str(folder / "orthanc.json")], stdout=log, stderr=log)
    try:
        running = Orthanc(port)
        wait_for(lambda: running.ask("/system"), "Orthanc")
        yield running
    finally:
        process.terminate()
        process.wait(timeout=20)


def wait_for(attempt: Any, what: str, seconds: float = 40) -> Any:
    """The first true answer of `attempt`; connection errors mean: not yet."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError, urllib.error.URLError):
            if found := attempt():
                return found
        time.sleep(0.1)
    raise AssertionError(f"{what}: nothing after {seconds} s")
