"""The filesystem transport without two of kombu's traps: half-written messages, and a worker that ends on one.

kombu creates a message's file and then writes it, so that a reader may take it empty; and what it can't read ends the
worker (a JSONDecodeError that nothing catches), which comes back later each time it happens. Here a message appears
whole, and one that is empty, cut off or no message is set aside with a line in the log: the reaper rings again for the
job it stood for, and removes the file.
"""

import logging
import uuid
from pathlib import Path
from time import monotonic_ns
from typing import Any

from kombu.exceptions import ChannelError
from kombu.transport import TRANSPORT_ALIASES, filesystem
from kombu.utils.json import dumps

from mammo.core.jsonlines import write_atomically

log = logging.getLogger(__name__)
# What kombu asks of every message it delivers.
PARTS = {"body", "headers", "properties"}


class Channel(filesystem.Channel):
    """Messages as files that are whole or not there."""

    def _put(self, queue: str, payload: dict[str, Any], **kwargs: Any) -> None:  # type: ignore[override]  # its bases differ
        name = f"{monotonic_ns():020d}_{uuid.uuid4()}.{queue}.msg"  # read in the order of names
        try:
            write_atomically(Path(self.data_folder_out) / name, dumps(payload).encode())
        except OSError as error:
            raise ChannelError(f"cannot add the message {name!r} to {self.data_folder_out}") from error

    def _get(self, queue: str, timeout: float | None = None) -> dict[str, Any]:
        """The queue's next message.

        Raises:
            Empty: there is none that can be read.
        """
        while True:
            try:
                payload = super()._get(queue)
            except ValueError as error:  # of JSON or of its encoding
                log.warning("a message that can't be read was set aside (%s)", type(error).__name__)
                continue
            if isinstance(payload, dict) and payload.keys() >= PARTS:
                return payload
            log.warning("a file that is no message was set aside")


class Transport(filesystem.Transport):
    """kombu's, with these channels."""

    Channel = Channel


def register() -> None:
    """Have `filesystem://` mean this transport in this process."""
    TRANSPORT_ALIASES["filesystem"] = f"{__name__}:Transport"
