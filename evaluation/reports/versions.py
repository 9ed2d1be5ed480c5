"""Versions of what computes a report."""

import platform
from importlib import metadata

from evaluation.reports.table import DISTRIBUTION

PACKAGES = (DISTRIBUTION, "Django", "numpy", "scipy", "matplotlib", "reportlab")


def versions() -> dict[str, str]:
    """Version of Python, of the platform and of the packages behind numbers and figures, by name."""
    found = {"Python": platform.python_version(), "machine": platform.machine()}
    for name in PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = "not installed"
    return found
