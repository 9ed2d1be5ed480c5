"""Patients who withdrew, and pictures found to show burned-in text: nothing more is trained on a training set that
holds one, and no weights that learned from it are started from or handed on. Answering with such weights inside the
house goes on: what a study has begun can be ended, and the record of the withdrawal or of the look at the picture names
the weights (`modeling.holders`) so that people decide about them."""

from collections.abc import Iterable
from uuid import UUID

from django.db.models import Q
from django.utils.translation import gettext as _

from mammo.core.errors import WrongStateError
from modeling.models import Checkpoint, Run, Snapshot


def refuse_to_train_on(snapshot: Snapshot | None, checkpoints: Iterable[Checkpoint]) -> None:
    """Let a run begin only where no patient of its training set, or of what its weights learned from, withdrew, and no
    picture in either shows burned-in text.

    Raises:
        WrongStateError: it names the training set and the mend.
    """
    if snapshot is not None and _holds_a_withdrawn_patient(snapshot):
        raise WrongStateError(
            _(
                "snapshot %(name)s: a patient in it has withdrawn, so nothing is trained on it any more; freeze a new one"
            )
            % {"name": snapshot.name}
        )
    if snapshot is not None and _holds_a_picture_with_text(snapshot):
        raise WrongStateError(
            _(
                "snapshot %(name)s: a picture in it shows burned-in text, so its files were destroyed and nothing is "
                "trained on it any more; freeze a new one"
            )
            % {"name": snapshot.name}
        )
    for checkpoint in checkpoints:
        _refuse_to_start_from(checkpoint)


def _refuse_to_start_from(checkpoint: Checkpoint) -> None:
    learned_from = first_unfit_snapshot(checkpoint.run)
    if learned_from is None:
        return
    said = (
        _(
            "checkpoint %(checkpoint)s: it learned from snapshot %(name)s, of which a patient has withdrawn; "
            "freeze a new one and train its stages again"
        )
        if _holds_a_withdrawn_patient(learned_from)
        else _(
            "checkpoint %(checkpoint)s: it learned from snapshot %(name)s, of which a picture shows burned-in text; "
            "freeze a new one and train its stages again"
        )
    )
    raise WrongStateError(said % {"checkpoint": checkpoint, "name": learned_from.name})


def refuse_to_hand_on(run: Run) -> None:
    """Let weights leave only where no patient that they, or what they started from, learned from has withdrawn, and no
    picture of theirs shows burned-in text.

    Raises:
        WrongStateError: it names the training set and the mend.
    """
    learned_from = first_unfit_snapshot(run)
    if learned_from is None:
        return
    said = (
        _(
            "these weights learned from snapshot %(name)s, of which a patient has withdrawn, so they can't be "
            "handed on; freeze a new one and train again"
        )
        if _holds_a_withdrawn_patient(learned_from)
        else _(
            "these weights learned from snapshot %(name)s, of which a picture shows burned-in text, so they can't be "
            "handed on; freeze a new one and train again"
        )
    )
    raise WrongStateError(said % {"name": learned_from.name})


def first_unfit_snapshot(run: Run) -> Snapshot | None:
    """The oldest training set with a withdrawn patient or a picture with text that the run's weights stand on, also
    through earlier runs."""
    seen: dict[UUID, Run] = {}
    waiting = [run]
    while waiting:
        current = waiting.pop()
        if current.pk not in seen:
            seen[current.pk] = current
            waiting += [checkpoint.run for checkpoint in checkpoints_under(current)]
    unfit = Q(patients__erased_at__isnull=False) | Q(text_seen_at__isnull=False)
    held = Snapshot.objects.filter(unfit, runs__in=seen)
    return held.order_by("created_at").first()


def checkpoints_under(run: Run) -> list[Checkpoint]:
    """What a run's weights started from: the checkpoints it names, and those whose folder it was given."""
    given = run.job.parameters.get("init") if run.job is not None else None
    folders = list((given or {}).values())
    rows = Checkpoint.objects.filter(Q(continued_by=run) | Q(folder__in=folders))
    return list(rows.select_related("run__job", "run__snapshot").distinct())


def _holds_a_withdrawn_patient(snapshot: Snapshot) -> bool:
    return snapshot.patients.filter(erased_at__isnull=False).exists()


def _holds_a_picture_with_text(snapshot: Snapshot) -> bool:
    return Snapshot.objects.filter(pk=snapshot.pk, text_seen_at__isnull=False).exists()
