"""What holds copies of a stored picture's pixels outside the image stores, for a picture that shows burned-in text.

It is treated as a withdrawal treats a patient: rooms destroy this installation's own copies, whole folders, stop what
reads or writes them, and name each holder; what lies elsewhere is for people to remove.
"""

from collections.abc import Callable, Iterable
from datetime import datetime
from uuid import UUID

from mammo.archive.models import Image, SampledPicture

# Each names where the picture lives on, as the holders of withdrawals do: {"kind": "snapshot", "name": ...}.
PictureHolder = Callable[[Image], list[dict[str, str]]]
_holders: list[PictureHolder] = []
# Each destroys its room's copies; called inside the transaction in which the picture leaves its study.
PictureDestroyer = Callable[[Image], None]
_destroyers: list[PictureDestroyer] = []
# Each notes in its room that a picture leaves; called inside the same transaction, before anything is destroyed.
_leavings: list[PictureDestroyer] = []


def register_picture_holder(holder: PictureHolder) -> None:
    """Let a room name what holds a picture (in AppConfig.ready)."""
    if holder not in _holders:
        _holders.append(holder)


def register_picture_destroyer(destroyer: PictureDestroyer) -> None:
    """Let a room destroy its copies of a picture (in AppConfig.ready)."""
    if destroyer not in _destroyers:
        _destroyers.append(destroyer)


def register_picture_leaving(note: PictureDestroyer) -> None:
    """Let a room note that a picture leaves, where work goes on without it (in AppConfig.ready)."""
    if note not in _leavings:
        _leavings.append(note)


def note_leaving(image: Image) -> None:
    """Tell every room that a picture leaves its study for text on it; inside the transaction, before it is gone."""
    for note in _leavings:
        note(image)


def destroy_copies(image: Image) -> list[dict[str, str]]:
    """Destroy every copy of a picture that this installation holds, and name all that held it.

    Raises:
        UserError: a folder can't be removed; it names the folder and the mend.
    """
    for destroyer in _destroyers:
        destroyer(image)
    return [held for holder in _holders for held in holder(image)]


def taken_out_for_text(keys: Iterable[UUID | str]) -> set[UUID]:
    """Which of these keys of images are of pictures that the archive took out because a person saw text on them."""
    seen = SampledPicture.objects.filter(verdict=SampledPicture.Verdict.TEXT, image_key__in=list(keys))
    return set(seen.values_list("image_key", flat=True))


def a_picture_left(patients: Iterable[UUID], since: datetime) -> bool:
    """Whether a picture of one of these patients was taken out of her study since then because it shows text."""
    left = SampledPicture.objects.filter(verdict=SampledPicture.Verdict.TEXT, judged_at__gt=since)
    return not set(patients).isdisjoint(left.values_list("study__patient", flat=True))
