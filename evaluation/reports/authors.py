"""Who stands behind an arm: of doctors one person or several, of systems a checkpoint."""

from collections.abc import Mapping

from django.utils.translation import gettext as _

from evaluation.models import Answer, Arm, Trial


def authors_of_arms(trial: Trial, labels: Mapping[str, str]) -> dict[str, int]:
    """Number of people who wrote each scored arm of doctors, by label; empty before unblinding, when it would tell
    which code is a doctor."""
    if trial.state != Trial.State.UNBLINDED:
        return {}
    arms = trial.arms.filter(kind=Arm.Kind.HUMAN, left_out_reason="")
    rows = Answer.objects.filter(arm__in=arms, author__isnull=False).values_list("arm_id", "author_id")
    people: dict[str, set[object]] = {str(arm.pk): set() for arm in arms}
    for arm, author in rows:
        people[str(arm)].add(author)
    return {labels[arm]: len(found) for arm, found in people.items() if found and arm in labels}


def authors_of_answers(trial: Trial, labels: Mapping[str, str]) -> dict[str, dict[str, str]]:
    """Who wrote each answer of arms that several people wrote: by label and question (Q001, …), authors as W01, W02, …

    Empty before unblinding, as `authors_of_arms`.
    """
    if trial.state != Trial.State.UNBLINDED:
        return {}
    arms = trial.arms.filter(kind=Arm.Kind.HUMAN, left_out_reason="")
    rows = Answer.objects.filter(arm__in=arms, author__isnull=False).order_by(
        "arm__position", "question__position"
    )
    names: dict[object, str] = {}
    found: dict[str, dict[str, str]] = {}
    for arm, question, author in rows.values_list("arm_id", "question__position", "author_id"):
        if str(arm) in labels:
            name = names.setdefault(author, f"W{len(names) + 1:02d}")
            found.setdefault(labels[str(arm)], {})[f"Q{question:03d}"] = name
    return {label: of for label, of in found.items() if len(set(of.values())) > 1}


def author_notes(counts: Mapping[str, int]) -> list[str]:
    """What differences from an arm of doctors say, one sentence an arm."""
    notes = []
    for label, count in counts.items():
        if count == 1:
            notes.append(
                _(
                    "%(arm)s is one person: differences from this arm hold for this person, not for other doctors."
                )
                % {"arm": label}
            )
        else:
            notes.append(
                _(
                    "%(arm)s was written by %(count)s persons: the mean is theirs; differences in the study report take "
                    "authors as random and hold for others like them."
                )
                % {"arm": label, "count": count}
            )
    return notes


def fixed_author_notes(counts: Mapping[str, int]) -> list[str]:
    """What means and rank analyses say of arms that several people wrote: there the authors are fixed."""
    return [
        _(
            "%(arm)s was written by %(count)s persons, who are taken as fixed here: intervals and p values hold for "
            "these persons, not for others like them."
        )
        % {"arm": label, "count": count}
        for label, count in counts.items()
        if count > 1
    ]


def checkpoints_of_arms(trial: Trial) -> dict[str, str]:
    """Which checkpoint answered for a scored arm, or wrote its file of answers, by label in table order.

    Empty before unblinding: a checkpoint would lead from a code to its arm.
    """
    if trial.state != Trial.State.UNBLINDED:
        return {}
    arms = trial.arms.filter(left_out_reason="", checkpoint__isnull=False).select_related("checkpoint__run")
    return {arm.name: str(arm.checkpoint) for arm in arms.order_by("position")}


def checkpoint_notes(checkpoints: Mapping[str, str]) -> list[str]:
    """The checkpoints behind the arms, as one sentence; none where no arm names one."""
    if not checkpoints:
        return []
    named = "; ".join(f"{label}: {checkpoint}" for label, checkpoint in checkpoints.items())
    return [_("Checkpoints that answered or wrote the answers: %(named)s.") % {"named": named}]
