"""Pictures that the archive took out of frozen designs for text on them: what was passed over, what stays."""

from dataclasses import dataclass

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from evaluation import counted
from evaluation.models import Reading, ReadingSlot, Score, Slot


@dataclass(frozen=True)
class LeftPictures:
    """What a trial or reader study had when pictures of it left.

    Attributes:
        passed_over: forms that nobody scored, or readings that nobody made, since a picture of theirs was gone.
        kept: scores or readings that were given while every picture was shown; they are analysed.
    """

    passed_over: int = 0
    kept: int = 0


NOTHING_LEFT = LeftPictures()


def left_from_trial(slots: QuerySet[Slot], used: QuerySet[Score]) -> LeftPictures:
    """Counts of a trial.

    Args:
        slots: those of the tables; used: the scores that are analysed.
    """
    staying = slots.filter(rater__withdrawn_at__isnull=True, answer__question__picture_left_at__isnull=False)
    if not staying.exists():
        return NOTHING_LEFT
    kept = used.filter(slot__answer__question__picture_left_at__isnull=False)
    passed_over = Slot.objects.passed_over().filter(pk__in=staying.values("pk"))
    return LeftPictures(passed_over.count(), kept.count())


def left_from_study(slots: QuerySet[ReadingSlot], used: QuerySet[Reading]) -> LeftPictures:
    """Counts of a reader study.

    Args:
        slots: of all its readers; used: the readings that are analysed.
    """
    staying = slots.filter(reader__withdrawn_at__isnull=True, case__picture_left_at__isnull=False)
    if not staying.exists():
        return NOTHING_LEFT
    kept = used.filter(slot__case__picture_left_at__isnull=False)
    passed_over = ReadingSlot.objects.passed_over().filter(pk__in=staying.values("pk"))
    return LeftPictures(passed_over.count(), kept.count())


def note_of_forms(left: LeftPictures) -> list[str]:
    """What a table or report of scores says of it; nothing where no picture left."""
    if left == NOTHING_LEFT:
        return []
    return [
        _(
            "Pictures with text on them were taken out after the freezing. Passed over: %(forms)s. Given while the "
            "pictures were shown and kept: %(scores)s."
        )
        % {"forms": counted.forms(left.passed_over), "scores": counted.scores(left.kept)}
    ]


def note_of_readings(left: LeftPictures) -> list[str]:
    """What a table or report of readings says of it; nothing where no picture left."""
    if left == NOTHING_LEFT:
        return []
    return [
        _(
            "Pictures with text on them were taken out after the freezing. Passed over: %(planned)s. Made while the "
            "pictures were shown and kept: %(readings)s."
        )
        % {"planned": counted.readings(left.passed_over), "readings": counted.readings(left.kept)}
    ]
