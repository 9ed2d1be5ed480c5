"""Messages as files: whole or not there, and what is no message stops nobody."""

import json
import os
from pathlib import Path
from queue import Empty
from typing import Any

import pytest
from kombu import Connection
from kombu.exceptions import ChannelError

from mammo.core import folder_transport


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where messages wait."""
    for name in ("messages", "processed", "control"):
        (tmp_path / name).mkdir()
    # As the platform writes it: kombu remembers for each process what it declared, not for each folder.
    (tmp_path / "control" / "cpu.exchange").write_text(json.dumps([["cpu", "", "cpu"]]))
    return tmp_path / "messages"


@pytest.fixture
def connection(folder: Path) -> Connection:
    """A connection over this folder, by the address that the platform uses."""
    folder_transport.register()
    options = {
        "data_folder_in": str(folder),
        "data_folder_out": str(folder),
        "processed_folder": str(folder.parent / "processed"),
        "control_folder": str(folder.parent / "control"),
        "store_processed": True,
    }
    return Connection("filesystem://", transport_options=options)


def send(connection: Connection, number: int) -> None:
    with connection.SimpleQueue("cpu") as queue:
        queue.put({"number": number})


def received(connection: Connection) -> list[Any]:
    found = []
    with connection.SimpleQueue("cpu") as queue:
        while True:
            try:
                message = queue.get_nowait()
            except Empty:
                return found
            found.append(message.payload)
            message.ack()


@pytest.mark.parametrize(
    "broken",
    [b"", b'{"body": "W1td', b"\xff\xfe", b"5", b"[]", b'{"body": "W1td"}', b"null"],
    ids=["empty", "cut", "no UTF-8", "a number", "a list", "without headers", "null"],
)
def test_what_is_no_message_is_set_aside_and_those_behind_it_come(
    connection: Connection, folder: Path, broken: bytes
) -> None:
    for number in range(3):
        (folder / f"0_{number}.cpu.msg").write_bytes(broken)
    send(connection, 7)
    assert received(connection) == [{"number": 7}]
    assert not list(folder.iterdir()), "nothing is left to stumble over"


def test_messages_come_in_the_order_in_which_they_were_sent(connection: Connection) -> None:
    for number in range(5):
        send(connection, number)
    assert [each["number"] for each in received(connection)] == list(range(5))


def test_a_message_is_never_seen_half_written(
    connection: Connection, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[list[str]] = []
    replace = os.replace

    def look(source: Any, target: Any) -> None:
        seen.append([path.name for path in folder.glob("*.msg") if not path.name.startswith(".")])
        json.loads(Path(source).read_bytes())
        replace(source, target)

    monkeypatch.setattr(os, "replace", look)
    send(connection, 1)
    assert seen == [[]], "nothing a reader would take until it is whole"
    assert received(connection) == [{"number": 1}]


def test_a_folder_that_can_not_be_written_is_a_fault_of_the_channel(
    connection: Connection, folder: Path
) -> None:
    with connection.SimpleQueue("cpu") as queue:
        folder.rmdir()
        folder.write_text("in its place")
        with pytest.raises((ChannelError, OSError), match="cannot add the message"):
            queue.put({"number": 1})


def test_the_platform_uses_this_transport() -> None:
    from mammo.celery import app

    assert isinstance(app.connection("filesystem://").transport, folder_transport.Transport)
