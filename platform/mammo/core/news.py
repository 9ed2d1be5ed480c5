"""A line of news, whichever app tells it."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class Line:
    """What happened, as a sentence in the reader's language with a way to go."""

    text: str
    url: str
    at: datetime
    is_read: bool
