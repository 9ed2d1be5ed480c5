"""How texts from forms are brought into one shape."""

LONGEST_TEXT = 8000
LONGEST_REMARK = 2000


def plain(text: str) -> str:
    """The text with one kind of line end (browsers send another) and no blanks around it."""
    return text.replace("\r\n", "\n").replace("\r", "\n").strip()


def safe_cell(text: str) -> str:
    """The text so that no spreadsheet takes it for a formula."""
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text
