"""A DICOM receiver (C-STORE and C-ECHO): a file is in the inbox, on the disk and encrypted, before it is acknowledged.

The same process imports what waits. When the inbox or the disk is full the sender gets `out of resources` and keeps
its files; after a kill the next start goes on with what waits.
"""

import logging
import ssl
import threading
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from django.db import close_old_connections
from pydicom.uid import (
    JPEG2000,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
    JPEGLossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    JPEGLSNearLossless,
    RLELossless,
)
from pynetdicom import AE, DEFAULT_TRANSFER_SYNTAXES, AllStoragePresentationContexts, evt
from pynetdicom.sop_class import Verification  # type: ignore[attr-defined]

from mammo.accounts.models import Site
from mammo.archive import inbox
from mammo.archive.models import ImportBatch, SendingSystem
from mammo.archive.parsing import ParsingPool
from mammo.archive.pseudonyms import installation
from mammo.archive.received_import import import_received
from mammo.archive.sending_systems import check_ae_title
from mammo.archive.study_rows import Found
from mammo.core.errors import UserError

log = logging.getLogger(__name__)

SUCCESS, OUT_OF_RESOURCES, CANNOT_UNDERSTAND = 0x0000, 0xA700, 0xC000
MAX_ASSOCIATIONS = 8
NOBODY = uuid.uuid4().hex[:16]
# Between two looks into the inbox when nothing new was announced.
LOOK_SECONDS = 5.0
_SYNTAXES = [
    *DEFAULT_TRANSFER_SYNTAXES, JPEGLosslessSV1, JPEGLossless, JPEG2000Lossless, JPEG2000, JPEGLSLossless,
    JPEGLSNearLossless, RLELossless, JPEGBaseline8Bit, JPEGExtended12Bit,
]  # fmt: skip


@dataclass(frozen=True)
class ReceiverSettings:
    """How a receiver listens.

    Attributes:
        site: where everything goes that it receives.
        allowed: calling AE titles, beside those of the site's sending systems; where there is neither, every one of
            this machine may send.
        certificate, key: of TLS (PS3.15 B.9); both or none.
        peers: certificates that callers must show.
    """

    site: Site
    ae_title: str
    host: str = "127.0.0.1"
    port: int = 11112
    allowed: frozenset[str] = frozenset()
    certificate: Path | None = None
    key: Path | None = None
    peers: Path | None = None

    @property
    def titles(self) -> frozenset[str]:
        """Calling AE titles that may send now."""
        return self.allowed | titles_of(self.site)

    def check(self) -> None:
        """Refuse settings that would let strangers in.

        Raises:
            UserError: names the option and the mend.
        """
        check_ae_title(self.ae_title)
        for title in self.allowed:
            check_ae_title(title)
        if not self.titles and self.host not in ("127.0.0.1", "::1", "localhost"):
            raise UserError(
                f"--host {self.host}: other machines could send without a name; add --allow AET or a sending system"
            )
        if bool(self.certificate) != bool(self.key):
            raise UserError("--tls-certificate and --tls-key: give both or none")
        for path in (self.certificate, self.key, self.peers):
            if path is not None and not path.is_file():
                raise UserError(f"{path}: no such file")


def titles_of(site: Site) -> frozenset[str]:
    """Calling AE titles of the sending systems of a site."""
    known = SendingSystem.objects.active().filter(site=site).exclude(ae_title="")
    return frozenset(known.values_list("ae_title", flat=True))


@dataclass
class Receiver:
    """A running receiver; use it as a context manager."""

    settings: ReceiverSettings
    imported: Callable[[ImportBatch], None] | None = None
    _is_open: bool = False
    _arrived: threading.Event = field(default_factory=threading.Event)
    _stopping: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> "Receiver":
        self.settings.check()
        entity = AE(ae_title=self.settings.ae_title)
        entity.maximum_associations = MAX_ASSOCIATIONS
        entity.network_timeout, entity.dimse_timeout = 60, 120
        self._entity, self._is_open = entity, not self.settings.titles
        self._read_titles()
        entity.require_called_aet = True
        entity.add_supported_context(Verification)
        for context in AllStoragePresentationContexts:
            if context.abstract_syntax is not None:
                entity.add_supported_context(context.abstract_syntax, list(_SYNTAXES))
        try:
            server = entity.start_server(
                (self.settings.host, self.settings.port),
                block=False,
                ssl_context=self._tls(),
                evt_handlers=[
                    (evt.EVT_CONN_OPEN, lambda event: self._read_titles()),
                    (evt.EVT_C_STORE, self._store),
                    (evt.EVT_C_ECHO, lambda event: SUCCESS),
                ],
            )
        except OSError as error:
            raise UserError(
                f"port {self.settings.port} of {self.settings.host}: {error.strerror}; choose another with --port"
            ) from None
        if server is None:  # only a blocking server is None
            raise RuntimeError("the receiver did not start")
        self._server = server
        self._importer = threading.Thread(target=self._import_always, name="importer", daemon=True)
        self._importer.start()
        return self

    def __exit__(self, *args: object) -> None:
        """Take no more, finish the file in hand; what waits stays for the next start."""
        self._server.shutdown()
        self._stopping.set()
        self._arrived.set()
        self._importer.join(timeout=120)

    @property
    def port(self) -> int:
        """The port it listens on."""
        return int(self._server.server_address[1])

    def _tls(self) -> ssl.SSLContext | None:
        if self.settings.certificate is None:
            return None
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.load_cert_chain(self.settings.certificate, self.settings.key)
        if self.settings.peers is not None:
            context.load_verify_locations(self.settings.peers)
            context.verify_mode = ssl.CERT_REQUIRED
        return context

    def _read_titles(self) -> None:
        """Who may send from now on; a caller is asked for its title after this. An empty list would let all in."""
        close_old_connections()
        try:
            titles = sorted(self.settings.titles)
        finally:
            close_old_connections()
        self._entity.require_calling_aet = titles or ([] if self._is_open else [NOBODY])

    def _store(self, event: Any) -> int:
        """Keep one file; the status says whether the sender may forget it."""
        close_old_connections()
        if not hasattr(event.assoc, "delivery"):
            event.assoc.delivery = uuid.uuid4()
        caller = str(event.assoc.requestor.ae_title).strip()
        try:
            inbox.put(
                self.settings.site,
                event.encoded_dataset(),
                batch_id=event.assoc.delivery,
                origin=ImportBatch.Origin.C_STORE,
                name=f"{caller}/{event.request.AffectedSOPInstanceUID}.dcm",
            )
        except inbox.InboxFullError:
            return OUT_OF_RESOURCES
        except UserError:
            return CANNOT_UNDERSTAND
        except OSError:
            return OUT_OF_RESOURCES
        finally:
            close_old_connections()
        self._arrived.set()
        return SUCCESS

    def _import_always(self) -> None:
        while not self._stopping.is_set():
            self._arrived.wait(LOOK_SECONDS)
            self._arrived.clear()
            close_old_connections()
            try:
                if inbox.waiting_count([self.settings.site]):
                    # The children stay while deliveries follow each other: each costs a second to start.
                    with ParsingPool[Found](installation()) as pool:
                        self._import_what_waits(pool)
            except Exception as error:  # a full disk, a database that is away: what waits is tried again
                log.warning("import of received files: %s; trying again", type(error).__name__)
                self._stopping.wait(LOOK_SECONDS)
            finally:
                close_old_connections()

    def _import_what_waits(self, pool: ParsingPool[Found]) -> None:
        while not self._stopping.is_set():
            batch = import_received(self.settings.site, taken_as="receiver", limit=100, pool=pool)
            if batch is None and not self._arrived.wait(LOOK_SECONDS):
                return
            self._arrived.clear()
            if batch is not None and self.imported is not None:
                self.imported(batch)
