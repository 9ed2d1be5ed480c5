"""Numbers of a file are taken over in six significant digits: more could hold a number of hers."""


def as_text(value: float) -> str:
    """As a decimal string of a file."""
    return f"{value:.6g}"


def rounded(value: float) -> float:
    """As a number."""
    return float(as_text(value))
