"""Translation for modules that a child process reads too: a child knows no Django, and says its English."""

import sys


def gettext(text: str) -> str:
    """The text in the reader's language; as it stands where Django is not set up."""
    conf = sys.modules.get("django.conf")
    if conf is None or not conf.settings.configured:
        return text
    from django.utils.translation import gettext as translated

    return translated(text)
