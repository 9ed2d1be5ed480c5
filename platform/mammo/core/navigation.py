"""The entries of the site's navigation: each app registers its own in AppConfig.ready."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from django.core import checks
from django.urls import NoReverseMatch, reverse
from django.utils.functional import Promise


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One place a person can go to."""

    label: str | Promise
    url_name: str
    # Values of accounts.Role that see the entry; empty: every signed-in account.
    roles: frozenset[str] = frozenset()
    # Entries stand in this order; equal numbers in the order of registration.
    order: int = 100
    # One sentence on the home page.
    description: str | Promise = ""
    # How many things wait there for this account; shown on the home page.
    waiting: Callable[[Any], int] | None = field(default=None, compare=False)


@dataclass(frozen=True)
class Link:
    """An entry as a page shows it."""

    entry: Entry
    url: str
    is_current: bool
    user: Any

    @property
    def waiting(self) -> int | None:
        """How many things wait there; asked of the database only where a page shows it."""
        return self.entry.waiting(self.user) if self.entry.waiting else None


_entries: list[Entry] = []


def register_entry(entry: Entry) -> None:
    """Add an entry; registering the same one twice changes nothing."""
    if entry not in _entries:
        _entries.append(entry)
        _entries.sort(key=lambda known: known.order)


def entries_for(roles: Iterable[str]) -> list[Entry]:
    """Entries that an account with these roles sees."""
    held = set(roles)
    return [entry for entry in _entries if not entry.roles or entry.roles & held]


def links_for(user: Any, path: str) -> list[Link]:
    """The navigation of a signed-in `user` at `path`; the deepest entry that holds the path is current."""
    found = []
    for entry in entries_for(user.roles):
        try:
            found.append((entry, reverse(entry.url_name)))
        except NoReverseMatch:
            continue  # named by the system check below
    holding = [url for _, url in found if path == url or (url != "/" and path.startswith(url))]
    current = max(holding, key=len, default=None)
    return [Link(entry, url, url == current, user) for entry, url in found]


@checks.register()
def check_entries(**kwargs: Any) -> list[checks.CheckMessage]:
    """Name the entries that lead nowhere."""
    problems: list[checks.CheckMessage] = []
    for entry in _entries:
        try:
            reverse(entry.url_name)
        except NoReverseMatch:
            problems.append(
                checks.Warning(
                    f"the navigation entry {str(entry.label)!r} is left out: "
                    f"there is no address named {entry.url_name!r}",
                    hint="name an address of urls.py that needs no arguments",
                    id="core.W101",
                )
            )
    return problems
