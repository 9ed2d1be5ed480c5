"""What arms of doctors stand for: one person, or several."""

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
                    "%(arm)s was written by %(count)s persons, taken as fixed: differences from this arm hold for them."
                )
                % {"arm": label, "count": count}
            )
    return notes
