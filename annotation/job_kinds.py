"""Kinds of job of this app."""


def register() -> None:
    """Make this app's kinds known (filled by its services)."""
