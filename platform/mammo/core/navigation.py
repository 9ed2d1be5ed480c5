"""The entries of the site's navigation: each app registers its own in AppConfig.ready."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from django.core import checks
from django.urls import NoReverseMatch, reverse
from django.utils.functional import Promise, cached_property

# More places than this are gathered under menus, so that the bar fits 1280 pixels in both languages.
MOST_SIDE_BY_SIDE = 7


@dataclass(frozen=True, kw_only=True)
class Start:
    """A button of the home page that leads straight into the work of a place."""

    label: str | Promise
    url_name: str
    by_post: bool = False


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One place a person can go to."""

    label: str | Promise
    url_name: str
    # Values of accounts.Role that see the entry; empty: every signed-in account.
    roles: frozenset[str] = frozenset()
    # Who sees it beside them; asked of accounts with another role.
    also: Callable[[Any], bool] | None = field(default=None, compare=False)
    # Entries stand in this order; equal numbers in the order of registration.
    order: int = 100
    # One sentence on the home page.
    description: str | Promise = ""
    # How many things wait there for this account; shown on the home page.
    waiting: Callable[[Any], int] | None = field(default=None, compare=False)
    # Straight into the work, shown while something waits.
    start: Start | None = None
    # Heading of the menu that holds the entry where an account has many places.
    group: str | Promise = ""


@dataclass(frozen=True, eq=False)
class Link:
    """An entry as a page shows it."""

    entry: Entry
    url: str
    is_current: bool
    user: Any

    @cached_property
    def waiting(self) -> int | None:
        """How many things wait there; asked of the database only where a page shows it."""
        return self.entry.waiting(self.user) if self.entry.waiting else None

    @property
    def start_url(self) -> str:
        """Address of the entry's start; empty where it has none."""
        return reverse(self.entry.start.url_name) if self.entry.start else ""


@dataclass(frozen=True)
class Menu:
    """Places side by side in the bar: one alone, or several under a heading."""

    label: str
    links: list[Link]

    @property
    def is_current(self) -> bool:
        """Whether the page belongs to one of its places."""
        return any(link.is_current for link in self.links)


_entries: list[Entry] = []


def register_entry(entry: Entry) -> None:
    """Add an entry; registering the same one twice changes nothing."""
    if entry not in _entries:
        _entries.append(entry)
        _entries.sort(key=lambda known: known.order)


def entries_for(user: Any) -> list[Entry]:
    """Entries that a signed-in account sees."""
    held = set(user.roles)
    return [
        entry
        for entry in _entries
        if not entry.roles or entry.roles & held or (entry.also is not None and entry.also(user))
    ]


def links_for(user: Any, path: str) -> list[Link]:
    """The navigation of a signed-in `user` at `path`; the deepest entry that holds the path is current."""
    found = []
    for entry in entries_for(user):
        try:
            found.append((entry, reverse(entry.url_name)))
        except NoReverseMatch:
            continue  # named by the system check below
    holding = [url for _, url in found if path == url or (url != "/" and path.startswith(url))]
    current = max(holding, key=len, default=None)
    return [Link(entry, url, url == current, user) for entry, url in found]


def menus_of(links: list[Link]) -> list[Menu]:
    """The bar: each place by itself, or gathered by group where they are too many; a group of one stands alone."""
    if len(links) <= MOST_SIDE_BY_SIDE:
        return [Menu("", [link]) for link in links]
    groups: dict[str, list[Link]] = {}
    for link in links:
        groups.setdefault(str(link.entry.group) or link.url, []).append(link)
    return [Menu(label if len(held) > 1 else "", held) for label, held in groups.items()]


@checks.register()
def check_entries(**kwargs: Any) -> list[checks.CheckMessage]:
    """Name the entries that lead nowhere."""
    problems: list[checks.CheckMessage] = []
    for entry in _entries:
        names = [entry.url_name, *([entry.start.url_name] if entry.start else [])]
        for name in names:
            try:
                reverse(name)
            except NoReverseMatch:
                problems.append(_leads_nowhere(entry, name))
    return problems


def _leads_nowhere(entry: Entry, name: str) -> checks.CheckMessage:
    return checks.Warning(
        f"the navigation entry {str(entry.label)!r} is left out: there is no address named {name!r}",
        hint="name an address of urls.py that needs no arguments",
        id="core.W101",
    )
