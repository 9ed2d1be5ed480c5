"""What a job says while it runs and when it fails, in the reader's language.

A worker and its child speak English and store what they say once; here a stored text is recognised by its template and
said in the language of the page. Each app makes its own templates known (`register`, beside its kinds of job). What no
template knows stays as it is.
"""

import re
from functools import lru_cache

from django.utils.translation import gettext
from django.utils.translation import gettext_noop as _

# Places whose value is a message itself, and said as one.
NESTED = frozenset({"error", "reason", "problem", "what", "mend", "expected"})
_PLACE = re.compile(r"%\((\w+)\)[srd]")

WORKERS_OWN: tuple[str, ...] = (
    _("%(error)s; the log tells more"),
    _("it ended without an answer file"),
    _("its worker was stopped"),
    _("its worker was lost"),
    _("its request was refused; the log tells more"),
    _("something stopped it"),
    _("it was ended by signal %(signal)s; the log tells more"),
    _("exit status %(status)s; the log tells more"),
    _("no room on the disk: free space on the disk of MAMMO_HOME, then try again"),
    _("the operating system refused to read or write a file; the log tells more"),
    _("%(error)s, exit status %(status)s; the log tells more"),
    _("storing the results: %(error)s; the log tells more"),
    _("%(kind)s: its request can't be written as JSON (%(error)s)"),
    _("the job asks for %(gpus)s GPUs and its worker has %(found)s; submit it with fewer"),
    _("unknown kind of job %(name)s; known: %(known)s"),
)
_known: dict[str, None] = dict.fromkeys(WORKERS_OWN)


def register(*templates: str) -> None:
    """Make templates known: English texts, marked for translation, with named places (`%(path)s`)."""
    _known.update(dict.fromkeys(templates))
    _patterns.cache_clear()


def templates() -> tuple[str, ...]:
    """Every template that is known."""
    return tuple(_known)


def shown_message(stored: str) -> str:
    """A stored error or word of progress in the language of the page."""
    if not stored:
        return ""
    for template, pattern in _patterns():
        match = pattern.fullmatch(stored)
        if match:
            return _said(template, match.groupdict())
    return stored


def _said(template: str, found: dict[str, str]) -> str:
    values = {name: shown_message(value) if name in NESTED else value for name, value in found.items()}
    return _PLACE.sub(lambda place: values[place.group(1)], gettext(template))


@lru_cache(maxsize=1)
def _patterns() -> tuple[tuple[str, re.Pattern[str]], ...]:
    """Templates and what they look like when filled, the one that says most in its own words first."""
    ordered = sorted(_known, key=lambda template: (-len(_PLACE.sub("", template)), template.count("%(")))
    return tuple((template, re.compile(_pattern(template), re.DOTALL)) for template in ordered)


def _pattern(template: str) -> str:
    pieces, seen = [], set()
    for number, piece in enumerate(_PLACE.split(template)):
        if number % 2 == 0:
            pieces.append(re.escape(piece))
        else:
            pieces.append(f"(?P={piece})" if piece in seen else f"(?P<{piece}>.+?)")
            seen.add(piece)
    return "".join(pieces)
