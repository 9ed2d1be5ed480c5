"""The audit trail finds what somebody with all rights on the database did to it."""

import contextlib
import io
import json
import threading
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, connections, transaction

from mammo.accounts import audit
from mammo.accounts.models import AuditEvent, AuditHead
from mammo.core import append_only

pytestmark = pytest.mark.django_db
EVENTS = 12


@pytest.fixture(autouse=True)
def _trail(db: None) -> None:
    for number in range(EVENTS):
        audit.record("tests.done", by_user=None, number=number)


def tamper(sql: str, *parameters: Any) -> None:
    """What a superuser of the database can do: drop the triggers, change rows, put them back."""
    with append_only.lifted(), connection.cursor() as cursor:
        cursor.execute(sql, parameters)


def anchored(path: Path) -> Path:
    call_command("audit", "anchor", "--out", str(path), "--json", stdout=io.StringIO())
    return path


def verified(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    """What `audit verify --json` prints; exit code 1 exactly when something is wrong."""
    capsys.readouterr()
    status = 0
    try:
        call_command("audit", "verify", "--json", *arguments)
    except SystemExit as error:
        status = int(str(error.code))
    result: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert status == (0 if result["ok"] else 1)
    return result


def test_an_untouched_trail_is_whole(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = anchored(tmp_path / "anchors.jsonl")
    audit.record("tests.later", by_user=None)
    result = verified(capsys, "--anchor", str(path))
    assert result["ok"]
    assert result["events"] == EVENTS + 1
    assert result["anchors"] == 1


@pytest.mark.parametrize("column", ["action", "reason", "object_id", "details", "at", "actor_id"])
def test_an_edit_of_any_column_is_found(capsys: pytest.CaptureFixture[str], column: str, june: Any) -> None:
    value = {
        "details": '{"number": 99}',
        "at": "2020-01-01 00:00:00+00:00",
        "actor_id": june.pk.hex if connection.vendor == "sqlite" else str(june.pk),
    }.get(column, "x")
    tamper(f"UPDATE accounts_auditevent SET {column} = %s WHERE sequence = 5", value)
    assert "event 5: was edited" in verified(capsys)["problems"]


def test_an_edit_with_a_hash_made_to_fit_breaks_the_chain(capsys: pytest.CaptureFixture[str]) -> None:
    event = AuditEvent.objects.get(sequence=5)
    event.action = "tests.forged"
    tamper(
        "UPDATE accounts_auditevent SET action = %s, sha256 = %s WHERE sequence = 5",
        event.action,
        audit.event_hash(event),
    )
    assert "event 6: does not follow the event before it" in verified(capsys)["problems"]


def test_a_deletion_in_the_middle_is_found(capsys: pytest.CaptureFixture[str]) -> None:
    tamper("DELETE FROM accounts_auditevent WHERE sequence IN (4, 5)")
    assert "events 4 to 5 are missing" in verified(capsys)["problems"]


def test_a_cut_tail_is_found_by_the_head(capsys: pytest.CaptureFixture[str]) -> None:
    tamper("DELETE FROM accounts_auditevent WHERE sequence > 9")
    (problem,) = verified(capsys)["problems"]
    assert "the tail was cut" in problem


def test_a_cut_tail_with_a_forged_head_is_found_by_the_anchor(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    path = anchored(tmp_path / "anchors.jsonl")
    last = AuditEvent.objects.get(sequence=AuditHead.objects.get().sequence - 3)
    tamper("DELETE FROM accounts_auditevent WHERE sequence > %s", last.sequence)
    AuditHead.objects.update(sequence=last.sequence, sha256=last.sha256)
    assert verified(capsys)["ok"], "without an anchor this can't be seen"
    assert "anchor 1" in verified(capsys, "--anchor", str(path))["problems"][0]


def test_a_chain_that_was_written_anew_meets_none_of_its_anchors(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    path = anchored(tmp_path / "anchors.jsonl")
    tamper("DELETE FROM accounts_auditevent")
    AuditHead.objects.all().delete()
    for number in range(EVENTS + 5):
        audit.record("tests.done", by_user=None, number=number)
    anchored(path)
    assert verified(capsys)["ok"]
    (problem,) = verified(capsys, "--anchor", str(path))["problems"]
    assert problem.startswith("anchor 1:")


def test_a_broken_trail_is_not_anchored(tmp_path: Path) -> None:
    tamper("DELETE FROM accounts_auditevent WHERE sequence = 4")
    with pytest.raises(CommandError, match="not whole"):
        call_command("audit", "anchor", "--out", str(tmp_path / "anchors.jsonl"))
    assert not (tmp_path / "anchors.jsonl").exists()


BEYOND_THE_COLUMN = '{"sequence": 99999999999999999999, "sha256": "ab"}\n'


@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        "not json\n",
        '{"sequence": "5"}\n',
        BEYOND_THE_COLUMN,
        '{"sequence": 1, "note": "审计锚点"}\n',
    ],
)
def test_an_anchor_file_that_is_none_is_told_in_one_line(tmp_path: Path, text: str | None) -> None:
    path = tmp_path / "anchors.jsonl"
    if text is not None:
        path.write_text(text, encoding="gb18030")
    with pytest.raises(CommandError, match=r"anchors\.jsonl") as caught:
        call_command("audit", "verify", "--anchor", str(path))
    assert "\n" not in str(caught.value)


def test_an_event_stands_or_falls_with_its_act() -> None:
    before = AuditHead.objects.get().sequence
    with transaction.atomic():
        audit.record("tests.rolled_back", by_user=None)
        transaction.set_rollback(True)
    assert AuditHead.objects.get().sequence == before
    assert audit.verify().ok


@pytest.mark.django_db(transaction=True)
def test_a_trail_on_which_others_record_meanwhile_is_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    """A thread records one event while the walk has begun, and another behind each event that is walked."""
    hashed = audit.event_hash

    def another() -> None:
        audit.record("tests.meanwhile", by_user=None)
        connections.close_all()

    def hashed_while_others_record(event: AuditEvent) -> str:
        if threading.current_thread() is threading.main_thread() and event.action == "tests.done":
            beside = threading.Thread(target=another)
            beside.start()
            beside.join()
        return hashed(event)

    monkeypatch.setattr(audit, "event_hash", hashed_while_others_record)
    found = audit.verify()
    assert found.problems == []
    assert found.events == found.head_sequence
    assert AuditEvent.objects.count() > found.events


def test_a_head_that_was_set_back_is_found() -> None:
    earlier = AuditEvent.objects.get(sequence=AuditHead.objects.get().sequence - 2)
    AuditHead.objects.update(sequence=earlier.sequence, sha256=earlier.sha256)
    (problem,) = audit.verify().problems
    assert "the tail was cut: head says event" in problem


def test_what_is_recorded_late_stands_behind_the_acts_of_its_block_unless_that_fails() -> None:
    with transaction.atomic(), audit.at_the_end():
        audit.record_late("tests.outer", by_user=None)
        with transaction.atomic(), audit.at_the_end():
            audit.record_late("tests.inner", by_user=None)
        with contextlib.suppress(ZeroDivisionError), transaction.atomic(), audit.at_the_end():
            audit.record_late("tests.undone", by_user=None)
            raise ZeroDivisionError
        audit.record("tests.at_once", by_user=None)
    audit.record_late("tests.outside", by_user=None)
    actions = list(AuditEvent.objects.order_by("sequence").values_list("action", flat=True))
    assert actions[EVENTS:] == ["tests.at_once", "tests.outer", "tests.inner", "tests.outside"]
    assert audit.verify().problems == []
