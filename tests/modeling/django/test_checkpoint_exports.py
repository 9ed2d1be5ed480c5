"""Weights leave the platform through one gate: role, reason, memorisation test, second person."""

import hashlib
import io
import zipfile
from pathlib import Path
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.test import Client
from django.urls import reverse

from mammo.accounts.models import AuditEvent, Site, User
from mammo.accounts.services import create_account
from mammo.core.errors import NotAllowedError, UserError, WrongStateError
from mammo.jobs import services as jobs
from modeling.models import Checkpoint, CheckpointExport, Run, Snapshot
from modeling.services import exports as service
from modeling.training.config import PreferencesConfig
from modeling.training.typed_fields import ConfigError

ASKED: dict[str, Any] = {"recipient": "South hospital", "reason": "multi-centre evaluation, contract 7"}


def account(username: str, role: str, site: Site) -> User:
    """A further person of the hospital."""
    return create_account(username, password="long-enough-1", roles={role: [site]}, by_user=None)


@pytest.fixture
def dana(site: Site) -> User:
    return account("dana-exports", "data_manager", site)


def checkpoint(
    site: Site, folder: Path, stage: str = "sft", snapshot: Snapshot | None = None, **config: Any
) -> Checkpoint:
    (folder / "tokenizer").mkdir(parents=True)
    (folder / "model.safetensors").write_bytes(b"weights")
    (folder / "tokenizer" / "tokenizer.json").write_text("{}")
    run = Run.objects.create(site=site, stage=stage, config=config, snapshot=snapshot)
    return Checkpoint.objects.create(
        run=run, folder=str(folder), sha256=hashlib.sha256(b"weights").hexdigest()
    )


def with_test(row: CheckpointExport, emitted: int) -> CheckpointExport:
    assert row.test_job is not None
    job = jobs.claim(row.test_job.pk, "worker")
    assert job is not None
    found = {"kind": "memorisation", "prompts": 1000, "planted": 4, "emitted": emitted, "passed": not emitted}
    jobs.finish(job, [found])
    return CheckpointExport.objects.get(pk=row.pk)


def test_the_whole_way(site: Site, frozen: Snapshot, rita: User, dana: User, tmp_path: Path) -> None:
    row = service.ask_export(
        checkpoint(site, tmp_path / "w", snapshot=frozen, planted=4), by_user=rita, **ASKED
    )
    assert row.test_job is not None
    assert service.build_request(row.test_job)["prompts"] == 1000
    with pytest.raises(WrongStateError, match="not passed"):
        service.decide(row, by_user=dana, approve=True)
    row = with_test(row, emitted=0)
    row = service.decide(row, by_user=dana, approve=True)
    client = Client()
    client.force_login(rita)
    response = client.post(reverse("modeling:export-take", args=[row.pk]))
    archive = zipfile.ZipFile(io.BytesIO(b"".join(response.streaming_content)))  # type: ignore[arg-type]
    assert archive.namelist() == ["model.safetensors", "tokenizer/tokenizer.json"]
    assert archive.read("model.safetensors") == b"weights"
    told = AuditEvent.objects.filter(action__startswith="modeling.export")
    assert {event.action for event in told} == {
        f"modeling.export_{act}" for act in ("asked", "decided", "taken")
    }


def test_weights_that_gave_a_planted_string_away_are_never_approved(
    site: Site, frozen: Snapshot, rita: User, dana: User, tmp_path: Path
) -> None:
    row = with_test(
        service.ask_export(
            checkpoint(site, tmp_path / "w", snapshot=frozen, planted=4), by_user=rita, **ASKED
        ),
        emitted=1,
    )
    with pytest.raises(WrongStateError, match="not passed"):
        service.decide(row, by_user=dana, approve=True)
    assert service.decide(row, by_user=dana, approve=False).state == "refused"


def test_who_asked_does_not_decide_even_as_an_administrator(site: Site, tmp_path: Path) -> None:
    both = account("both", "admin", site)
    row = service.ask_export(checkpoint(site, tmp_path / "w", stage="density"), by_user=both, **ASKED)
    with pytest.raises(WrongStateError, match="Another person"):
        service.decide(row, by_user=both, approve=True)
    with pytest.raises(IntegrityError), transaction.atomic():
        CheckpointExport.objects.filter(pk=row.pk).update(state="approved", decided_by=both)


def test_roles(site: Site, rita: User, june: User, otto: User, dana: User, tmp_path: Path) -> None:
    made = checkpoint(site, tmp_path / "w", stage="density")
    for person in (june, otto, dana):
        with pytest.raises(NotAllowedError):
            service.ask_export(made, by_user=person, **ASKED)
    row = service.ask_export(made, by_user=rita, **ASKED)
    for person in (june, otto, account("second", "researcher", site)):
        with pytest.raises(NotAllowedError):
            service.decide(row, by_user=person, approve=True)


def test_weights_that_write_no_text_need_no_test(site: Site, rita: User, dana: User, tmp_path: Path) -> None:
    row = service.ask_export(
        checkpoint(site, tmp_path / "w", stage="umicon_supervised"), by_user=rita, **ASKED
    )
    assert (row.is_test_needed, row.test_job) == (False, None)
    assert service.decide(row, by_user=dana, approve=True).state == "approved"


def test_without_planted_strings_there_is_nothing_to_test_so_nothing_leaves(
    site: Site, rita: User, tmp_path: Path
) -> None:
    with pytest.raises(UserError, match="nothing was planted"):
        service.ask_export(checkpoint(site, tmp_path / "w", planted=0), by_user=rita, **ASKED)
    assert not CheckpointExport.objects.exists()


def test_weights_of_the_language_stage_are_told_what_can_leave_instead(
    site: Site, rita: User, tmp_path: Path
) -> None:
    with pytest.raises(UserError, match=r"nothing can be planted .* hand on what was tuned from them"):
        service.ask_export(checkpoint(site, tmp_path / "w", stage="language"), by_user=rita, **ASKED)


def test_preferences_after_an_sft_without_planted_strings_are_told_to_repeat_that_sft(
    site: Site, rita: User, tmp_path: Path
) -> None:
    first = checkpoint(site, tmp_path / "sft", planted=0)
    second = checkpoint(site, tmp_path / "dpo", stage="preferences", planted=0)
    second.run.starts_from.add(first)
    with pytest.raises(UserError, match="repeat that SFT with “planted” above 0"):
        service.ask_export(second, by_user=rita, **ASKED)
    with pytest.raises(ConfigError, match="planted: 0 alone"):
        PreferencesConfig(planted=4)


def test_what_sft_planted_counts_for_weights_tuned_on_preferences_after_it(
    site: Site, rita: User, tmp_path: Path
) -> None:
    first = checkpoint(site, tmp_path / "sft", planted=4)
    second = checkpoint(site, tmp_path / "dpo", stage="preferences", planted=0)
    second.run.starts_from.add(first)
    assert service.planted_in(second.run) == 4
    service.ask_export(second, by_user=rita, **ASKED)


@pytest.mark.parametrize("missing", ["recipient", "reason"])
def test_a_reason_and_a_recipient_are_needed(site: Site, rita: User, tmp_path: Path, missing: str) -> None:
    with pytest.raises(UserError):
        service.ask_export(
            checkpoint(site, tmp_path / "w", stage="density"), by_user=rita, **{**ASKED, missing: " "}
        )


def test_nothing_is_taken_before_it_is_approved(site: Site, rita: User, tmp_path: Path) -> None:
    row = service.ask_export(checkpoint(site, tmp_path / "w", stage="density"), by_user=rita, **ASKED)
    with pytest.raises(WrongStateError, match="not approved"):
        service.files_to_hand_on(row, by_user=rita)


def test_files_that_are_not_the_approved_weights_do_not_leave(
    site: Site, rita: User, dana: User, tmp_path: Path
) -> None:
    row = service.ask_export(checkpoint(site, tmp_path / "w", stage="density"), by_user=rita, **ASKED)
    service.decide(row, by_user=dana, approve=True)
    row.refresh_from_db()
    assert service.files_to_hand_on(row, by_user=rita)
    (tmp_path / "w" / "model.safetensors").write_bytes(b"weightz")
    with pytest.raises(UserError, match="not the weights that were approved"):
        service.files_to_hand_on(row, by_user=rita)
    client = Client()
    client.force_login(rita)
    client.get(reverse("modeling:export-take", args=[row.pk]))
    assert not AuditEvent.objects.filter(action="modeling.export_taken").exists()
