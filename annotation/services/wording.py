"""How texts from forms and models are brought into one shape."""

import re

LONGEST_TEXT = 8000
LONGEST_REMARK = 2000
# A model of bytes may say them; a page shows none, and sends them back as something else or not at all.
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")


def plain(text: str) -> str:
    """The text with one kind of line end (browsers send another), no control characters, and no blanks around it."""
    return _CONTROL.sub("", text.replace("\r\n", "\n").replace("\r", "\n")).strip()


def safe_cell(text: str) -> str:
    """The text so that no spreadsheet takes it for a formula."""
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text
