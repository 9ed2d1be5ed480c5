"""An answer is sent while it is written: piece by piece, also to a reader who comes back in the middle."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from django.urls import reverse

from mammo.accounts.models import User
from mammo.jobs import services as jobs
from mammo.jobs.attempt_files import AttemptFiles
from mammo.jobs.models import Job
from modeling.models import Consultation
from modeling.services import consultations as service
from tests.modeling.django.test_consultations import (
    QUESTION,
    answer,
    consultation,
    protocol,
    signed_in,
    study,
    tuned,
)

__all__ = ["consultation", "protocol", "study", "tuned"]
pytestmark = [pytest.mark.usefixtures("no_browsers_loop"), pytest.mark.django_db(transaction=True)]
SECONDS = 20.0


class Writer:
    """The child's side: appends to the stream file of a job that is at work."""

    def __init__(self, job: Job) -> None:
        files = AttemptFiles(job)
        files.make()
        self.file = files.folder / service.STREAM_FILE

    def write(self, raw: str) -> None:
        with self.file.open("a", encoding="utf-8") as lines:
            lines.write(raw)

    def piece(self, text: str) -> None:
        self.write(json.dumps({"text": text}, ensure_ascii=False) + "\n")


class Reader:
    """The browser's side: one event after the other, each asked for when the one before was seen."""

    def __init__(self, loop: asyncio.AbstractEventLoop, response: Any) -> None:
        self.loop = loop
        self.parts: AsyncIterator[bytes] = aiter(response.streaming_content)
        self.waiting: asyncio.Future[bytes] | None = None

    def next(self, seconds: float = SECONDS) -> dict[str, str] | None:
        """The next event; None when none came in time (it stays asked for)."""
        if self.waiting is None:
            self.waiting = asyncio.ensure_future(self._take(), loop=self.loop)
        self.loop.run_until_complete(asyncio.wait({self.waiting}, timeout=seconds))
        if not self.waiting.done():
            return None
        done, self.waiting = self.waiting.result(), None
        return dict(line.split(": ", 1) for line in done.decode().strip().split("\n"))

    async def _take(self) -> bytes:
        return await anext(self.parts)


@pytest.fixture
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    made = asyncio.new_event_loop()
    yield made
    made.run_until_complete(made.shutdown_asyncgens())
    made.close()


def test_each_piece_is_sent_before_the_next_is_written(
    consultation: Consultation, sena: User, loop: asyncio.AbstractEventLoop
) -> None:
    turn = service.ask(consultation, by_user=sena, text=QUESTION)
    assert turn.job is not None
    job = jobs.claim(turn.job.pk, "worker")
    assert job is not None
    writer, client = Writer(job), signed_in(sena)
    url = reverse("modeling:turn-stream", args=[turn.pk])
    reader = Reader(loop, client.get(url))
    for piece, until in (("您的", 2), ("乳腺", 4)):
        writer.piece(piece)
        assert reader.next() == {"id": str(until), "event": "text", "data": json.dumps(piece)}

    back = Reader(loop, client.get(url, headers={"Last-Event-ID": "2"}))
    assert back.next() == {"id": "4", "event": "text", "data": json.dumps("乳腺")}

    writer.write('{"text": "是C')
    assert reader.next(seconds=0.8) is None  # half a line is not told
    writer.write('型。"}\n')
    whole = {"id": "8", "event": "text", "data": json.dumps("是C型。")}
    assert (reader.next(), back.next()) == (whole, whole)

    jobs.finish(job, [answer(text="您的乳腺是C型。")])
    end = {"event": "end", "data": json.dumps("answered")}
    assert (reader.next(), back.next()) == (end, end)
    assert Job.objects.filter(kind=service.JOB_KIND).count() == 1
