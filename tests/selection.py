"""Which tests a run takes, in what order, and what it says at its end (a pytest plugin named in pyproject.toml).

`--leave-out-torch` does not even import the rooms of the networks: importing torch and transformers takes each
process fifteen seconds, so `make test` gives those rooms processes of their own. They never touch the database.

`--one-of-each-file` takes, of the tests that touch the database, the first of each file, for `make test-quick`: what
needs no database is quick, and one in each room says whether the rest stands.

`--failed-to FILE` writes what failed, and whether it waits for other processes or a browser, for `make test`.

`--database-only` takes the tests that touch the database, by one rule: the test, or a fixture that it uses, asks
for one of pytest-django's database fixtures. So a second pass on PostgreSQL needs no list of rooms.
"""

import json
import sys
from collections import Counter
from pathlib import Path

import pytest

DATABASE_FIXTURES = {"db", "transactional_db", "django_db_reset_sequences", "live_server"}
DATABASE_OPTION = "--database-only"
TORCH_OPTION = "--leave-out-torch"
FAILED_OPTION = "--failed-to"
SAMPLE_OPTION = "--one-of-each-file"
# Marks of tests that wait for other processes or a browser: how long that takes is the machine's business.
WAITING_MARKS = {"browser", "services", "slow"}
TESTS = Path(__file__).resolve().parent
# Rooms whose modules import torch. A test there that touches the database ends the collection.
TORCH_ROOMS = tuple(TESTS / "modeling" / room for room in ("data", "inference", "nn", "training", "weights"))
# Files that take longest, most of it waiting or in one process of their own: they begin first.
LONGEST = (
    "test_downloads.py", "test_story.py", "test_chaos_rabbitmq.py", "test_chaos_redis.py", "test_chaos_embedded.py",
    "test_matrix.py", "test_every_page.py", "test_browser_work.py", "test_network.py", "test_eighteen_raters.py",
)  # fmt: skip


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options."""
    parser.addoption(DATABASE_OPTION, action="store_true", help="only the tests that touch the database")
    parser.addoption(TORCH_OPTION, action="store_true", help="without the rooms whose modules import torch")
    parser.addoption(
        SAMPLE_OPTION, action="store_true", help="one of each file's tests that touch the database"
    )
    parser.addoption(
        FAILED_OPTION, metavar="FILE", help="write as JSON what failed, and whether it waits for others"
    )


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
    if config.getoption(TORCH_OPTION) and "torch" in sys.modules:
        raise pytest.UsageError(
            "a module outside the rooms of torch imports it: move it there, or import it in a child"
        )
    if config.getoption(DATABASE_OPTION):
        _leave_out(config, items, [item for item in items if not touches_database(item)])
    if config.getoption(SAMPLE_OPTION):
        touching = [item for item in items if touches_database(item)]
        first = {item.path: item for item in reversed(touching)}
        _leave_out(config, items, [item for item in touching if item is not first[item.path]])
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    place = {name: number for number, name in enumerate(LONGEST)}
    items.sort(key=lambda item: (item.path not in slow, place.get(item.path.name, len(LONGEST))))


def _leave_out(config: pytest.Config, items: list[pytest.Item], left_out: list[pytest.Item]) -> None:
    config.hook.pytest_deselected(items=left_out)
    names = {id(item) for item in left_out}
    items[:] = [item for item in items if id(item) not in names]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say what was skipped and why; write what failed where that was asked for."""
    target = terminalreporter.config.getoption(FAILED_OPTION)
    if target:
        failed = [each for kind in ("failed", "error") for each in terminalreporter.stats.get(kind, [])]
        found = {each.nodeid: bool(WAITING_MARKS & set(getattr(each, "keywords", ()))) for each in failed}
        Path(target).write_text(json.dumps(found), "utf-8")
    reasons: Counter[str] = Counter()
    for report in terminalreporter.stats.get("skipped", []):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        reasons[reason.removeprefix("Skipped: ")] += 1
    if not reasons:
        return
    terminalreporter.section("not run on this machine, and why")
    for reason, count in sorted(reasons.items()):
        terminalreporter.line(f"{count:4d}  {reason}")
