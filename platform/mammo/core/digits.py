"""Whole numbers as forms and keys write them."""

# Each such number fits into the database; int() fails above some thousands of digits.
MOST_DIGITS = 9


def number_in(text: str, most_digits: int = MOST_DIGITS) -> int | None:
    """The number that `text` writes in decimal digits; None where it writes none, or one of more than `most_digits`."""
    return int(text) if text.isdecimal() and len(text) <= most_digits else None
