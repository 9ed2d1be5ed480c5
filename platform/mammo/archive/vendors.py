"""Manufacturers as an enumeration; here, so that the web process need not load a DICOM library for it."""

import re

_VENDORS = (
    (re.compile(r"siemens", re.I), "siemens"),
    (re.compile(r"giotto|i\.?\s?m\.?\s?s\.?(\s|$)|internazionale medico", re.I), "giotto"),
    (re.compile(r"hologic|lorad", re.I), "hologic"),
    (re.compile(r"^ge\b|ge medical|ge healthcare", re.I), "ge"),
    (re.compile(r"fuji", re.I), "fuji"),
    (re.compile(r"philips|sectra", re.I), "philips"),
)


def vendor_of(manufacturer: str) -> str:
    """Manufacturer as an enumeration; '' when the file names none."""
    if not manufacturer:
        return ""
    return next((vendor for pattern, vendor in _VENDORS if pattern.search(manufacturer)), "other")
