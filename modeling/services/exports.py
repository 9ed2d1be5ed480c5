"""The gate through which weights leave the platform: role, reason, memorisation test, second person."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from annotation.services.access import require_researcher
from mammo.accounts import audit
from mammo.accounts.models import User
from mammo.core.errors import NotAllowedError, UserError, WrongStateError
from mammo.jobs import services as jobs
from mammo.jobs.devices import answering_gpus
from mammo.jobs.models import Job
from modeling.models import Checkpoint, CheckpointExport, Run, Stage
from modeling.services.withdrawals import refuse_to_hand_on

JOB_KIND = "modeling.memorisation"
# Run by name in a child process: this side knows no torch.
MODULE = "modeling.inference.memorisation"
# Weights that write text can give away what they were tuned on.
WRITING_STAGES = (Stage.LANGUAGE, Stage.SFT, Stage.PREFERENCES, Stage.VISION_LANGUAGE_SFT)
PLANTING_STAGES = (Stage.SFT, Stage.VISION_LANGUAGE_SFT)
PROMPTS = 1000
DECIDING_ROLES = ("admin", "data_manager")
State = CheckpointExport.State


def planted_in(run: Run) -> int:
    """How many strings were planted in what the run's weights were tuned on, also before it."""
    own = int(run.config.get("planted") or 0) if run.stage in PLANTING_STAGES else 0
    return own + sum(
        planted_in(c.run) for c in run.starts_from.select_related("run") if c.run.stage in WRITING_STAGES
    )


def ask_export(checkpoint: Checkpoint, *, by_user: User, recipient: str, reason: str) -> CheckpointExport:
    """Ask that a checkpoint may be handed on; weights that write text are put to the memorisation test at once.

    Raises:
        NotAllowedError: not a researcher of the site.
        UserError: recipient or reason is empty, or nothing was planted that the test could look for.
        WrongStateError: it is asked for already, or a patient that the weights learned from has withdrawn.
    """
    run = checkpoint.run
    require_researcher(run.site, by_user)
    if not recipient.strip() or not reason.strip():
        raise UserError(_("recipient and reason: say who gets the weights, and what for"))
    refuse_to_hand_on(run)
    is_needed = run.stage in WRITING_STAGES
    if run.stage == Stage.LANGUAGE:
        raise UserError(
            _(
                "nothing can be planted in the training of a language model from texts, so its weights can't be tested "
                "and don't leave by themselves: hand on what was tuned from them with “planted” above 0"
            )
        )
    if run.stage == Stage.PREFERENCES and not planted_in(run):
        raise UserError(
            _(
                "nothing was planted in the SFT that this run started from, so nothing can be tested: "
                "repeat that SFT with “planted” above 0, then this run"
            )
        )
    if is_needed and not planted_in(run):
        raise UserError(
            _(
                "nothing was planted in this run, so nothing can be tested: tune it again with “planted” above 0"
            )
        )
    with transaction.atomic():
        Checkpoint.objects.select_for_update(of=("self",)).get(pk=checkpoint.pk)
        if checkpoint.exports.filter(state=State.ASKED).exists():
            raise WrongStateError(_("This export waits for a decision already."))
        row = CheckpointExport.objects.create(
            checkpoint=checkpoint,
            recipient=recipient.strip()[:200],
            reason=reason.strip()[:500],
            asked_by=by_user,
            is_test_needed=is_needed,
        )
        if is_needed:
            row.test_job = jobs.submit(
                JOB_KIND,
                by_user=by_user,
                site=run.site,
                about=run,
                title=gettext_lazy("Memorisation test"),
                parameters={"export": str(row.pk), "prompts": PROMPTS},
                gpus=answering_gpus([{"kind": _kind_of(run)}]),
                is_simulated=checkpoint.is_simulated,
            )
            row.save(update_fields=["test_job"])
        audit.record(
            "modeling.export_asked", by_user=by_user, on=run, site=run.site, sha256=checkpoint.sha256,
            recipient=row.recipient, reason=row.reason,
        )  # fmt: skip
    return row


def _kind_of(run: Run) -> str:
    return "vision_language" if run.stage == Stage.VISION_LANGUAGE_SFT else "mammovlm"


def waiting_for(user: User) -> int:
    """How many exports the account may decide."""
    rows = CheckpointExport.objects.filter(checkpoint__run__site__in=user.sites_as(*DECIDING_ROLES))
    return rows.filter(state=State.ASKED).exclude(asked_by=user).count()


def build_request(job: Job) -> dict[str, Any]:
    """The test's request: weights, and the training set whose questions are asked."""
    row = CheckpointExport.objects.select_related("checkpoint__run__snapshot").get(
        pk=job.parameters["export"]
    )
    snapshot = row.checkpoint.run.snapshot
    return {
        "checkpoint": row.checkpoint.folder,
        "kind": _kind_of(row.checkpoint.run),
        "snapshot": snapshot.folder if snapshot is not None else "",
        "prompts": job.parameters["prompts"],
        "seed": row.checkpoint.run.seed,
    }


def ingest(job: Job, rows: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """Store what the test found; called inside the transaction that ends the job.

    Raises:
        UserError: the answer file holds no result.
    """
    found = next((row for row in rows if row.get("kind") == "memorisation"), None)
    if found is None:
        raise UserError(_("job %(job)s: its answer file holds no result") % {"job": job.pk})
    kept = {name: found[name] for name in ("prompts", "planted", "emitted", "passed")}
    CheckpointExport.objects.filter(pk=job.parameters["export"]).update(test=kept)
    return kept


def decide(row: CheckpointExport, *, by_user: User, approve: bool) -> CheckpointExport:
    """Approve or refuse; never the person who asked, and no approval before the test was passed.

    Raises:
        NotAllowedError: neither administrator nor data manager of the site.
        WrongStateError: they asked themselves, it was decided already, the test was not passed, or (for an approval) a
            patient that the weights learned from has withdrawn.
    """
    site = row.checkpoint.run.site
    if not by_user.has_role(*DECIDING_ROLES, site=site):
        raise NotAllowedError(_("Only an administrator or data manager of this site may do this."))
    with transaction.atomic():
        row = CheckpointExport.objects.select_for_update(of=("self",)).get(pk=row.pk)
        if row.asked_by_id == by_user.pk:
            raise WrongStateError(_("Another person than the one who asked must decide."))
        if row.state != State.ASKED:
            raise WrongStateError(_("This was decided already."))
        if approve and not row.has_passed:
            raise WrongStateError(
                _("The memorisation test was not passed, so these weights can't be handed on.")
            )
        if approve:
            refuse_to_hand_on(row.checkpoint.run)
        row.state = State.APPROVED if approve else State.REFUSED
        row.decided_by, row.decided_at = by_user, timezone.now()
        row.save(update_fields=["state", "decided_by", "decided_at"])
        audit.record(
            "modeling.export_decided", by_user=by_user, on=row.checkpoint.run, site=site, state=row.state
        )
    return row


def files_to_hand_on(row: CheckpointExport, *, by_user: User) -> list[Path]:
    """The files of an approved checkpoint, as they were approved; that they were taken is noted by `record_taken`.

    Raises:
        NotAllowedError: neither researcher nor administrator of the site.
        WrongStateError: it is not approved, or a patient that the weights learned from has withdrawn since.
        UserError: the weights are not on this machine any more, or no longer the ones that were approved.
    """
    from modeling.data.snapshot import (
        weights_sha256,  # loads NumPy, which a start of the web process does without
    )

    run = row.checkpoint.run
    require_researcher(run.site, by_user)
    if row.state != State.APPROVED:
        raise WrongStateError(_("These weights are not approved for export."))
    refuse_to_hand_on(run)
    folder = Path(row.checkpoint.folder)
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    if not files:
        raise UserError(_("The weights are not on this machine any more."))
    if weights_sha256(folder) != row.checkpoint.sha256:
        raise UserError(
            _(
                "These files are not the weights that were approved (another SHA-256): put those back, or ask for these"
            )
        )
    return files


def record_taken(row: CheckpointExport, *, by_user: User) -> None:
    """Put on record that approved weights leave; called when their archive is whole."""
    run = row.checkpoint.run
    audit.record(
        "modeling.export_taken", by_user=by_user, on=run, site=run.site, sha256=row.checkpoint.sha256,
        recipient=row.recipient,
    )  # fmt: skip
