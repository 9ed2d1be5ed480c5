"""Which tests a run takes, in what order, and what it says at its end (a pytest plugin named in pyproject.toml).

`--leave-out-torch` does not even import the rooms of the networks: importing torch and transformers takes each
process fifteen seconds, so `make test` gives those rooms processes of their own. They never touch the database.

`--database-only` takes the tests that touch the database, by one rule: the test, or a fixture that it uses, asks
for one of pytest-django's database fixtures. So a second pass on PostgreSQL needs no list of rooms.
"""

from collections import Counter
from pathlib import Path

import pytest

DATABASE_FIXTURES = {"db", "transactional_db", "django_db_reset_sequences", "live_server"}
DATABASE_OPTION = "--database-only"
TORCH_OPTION = "--leave-out-torch"
TESTS = Path(__file__).resolve().parent
# Rooms whose modules import torch. A test there that touches the database ends the collection.
TORCH_ROOMS = tuple(TESTS / "modeling" / room for room in ("data", "inference", "nn", "training", "weights"))
# Files that take longest, most of it waiting or in one process of their own: they begin first.
LONGEST = (
    "test_story.py", "test_chaos_rabbitmq.py", "test_chaos_redis.py", "test_chaos_embedded.py", "test_matrix.py",
    "test_every_page.py", "test_browser_work.py", "test_network.py", "test_eighteen_raters.py",
)  # fmt: skip


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options."""
    parser.addoption(DATABASE_OPTION, action="store_true", help="only the tests that touch the database")
    parser.addoption(TORCH_OPTION, action="store_true", help="without the rooms whose modules import torch")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave the rooms of torch unread where they are not asked for; None: pytest decides."""
    left_out = config.getoption(TORCH_OPTION) and collection_path in TORCH_ROOMS
    return True if left_out else None


def touches_database(item: pytest.Item) -> bool:
    """Whether the test or one of its fixtures asks for the database."""
    fixtures = set(getattr(item, "fixturenames", ()))
    return bool(fixtures & DATABASE_FIXTURES) or item.get_closest_marker("django_db") is not None


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what was not asked for; files with slow tests first, so that no process ends long after the rest."""
    lost = [
        item.nodeid
        for item in items
        if touches_database(item) and any(item.path.is_relative_to(room) for room in TORCH_ROOMS)
    ]
    if lost:
        raise pytest.UsageError(f"tests of torch's rooms touch the database: {', '.join(lost)}")
    if config.getoption(DATABASE_OPTION):
        left_out = [item for item in items if not touches_database(item)]
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if touches_database(item)]
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    place = {name: number for number, name in enumerate(LONGEST)}
    items.sort(key=lambda item: (item.path not in slow, place.get(item.path.name, len(LONGEST))))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say what was skipped and why."""
    reasons: Counter[str] = Counter()
    for report in terminalreporter.stats.get("skipped", []):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        reasons[reason.removeprefix("Skipped: ")] += 1
    if not reasons:
        return
    terminalreporter.section("not run on this machine, and why")
    for reason, count in sorted(reasons.items()):
        terminalreporter.line(f"{count:4d}  {reason}")
