"""Translation for modules that a child process reads too: a child knows no Django, and says its English unless told."""

import gettext as catalogues
import sys
from pathlib import Path

_child: list[catalogues.NullTranslations] = []


def speak(folder: Path, locale: str) -> None:
    """In a child: say the words of this catalogue; English where there is none."""
    _child[:] = [catalogues.translation("django", folder, [locale], fallback=True)]


def gettext(text: str) -> str:
    """The text in the reader's language; as it stands where neither Django nor `speak` chose one."""
    conf = sys.modules.get("django.conf")
    if conf is None or not conf.settings.configured:
        return _child[0].gettext(text) if _child else text
    from django.utils.translation import gettext as translated

    return translated(text)
