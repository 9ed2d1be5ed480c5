"""A scoring form as work that is judged on mammograms: the archive keeps which of its views were on screen."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.db.models import Model

from evaluation.services.readings import reading_of
from evaluation.services.scoring import form_of
from evaluation.services.shown_studies import Shown, shown_images
from evaluation.services.writing import asked_of
from mammo.accounts.models import User
from mammo.archive.models import Image, Study
from mammo.archive.services import JudgedWork, viewer_json

KIND = "form"
WRITING = "writing"
READING = "reading"


def described_form(
    row: Model, shown: Shown, study: Study, earlier: Study | None, address: Callable[[int], str]
) -> dict[str, Any]:
    """A form's study for the viewer, under names that belong to the form alone.

    Args:
        row: names the form; shown: its question or case, which knows the images that were fixed at freezing.
        earlier: hangs beside it, where the design shows earlier studies.
        address: of the form's image of a number.

    Raises:
        WrongStateError: an image is not the frozen one.
    """
    if earlier is not None and not earlier.images.exists():
        earlier = None
    images = shown_images(shown, study, earlier)
    numbers = {image.pk: number for number, image in enumerate(images, start=1)}
    described = viewer_json(
        study,
        image_url=lambda image: address(numbers[image.pk]),
        image_uid=lambda image: image_name(row, numbers[image.pk]),
        earlier=earlier,
        only=numbers,
    )
    return described | {"study": str(row.pk)}


def image_name(slot: Model, number: int) -> str:
    """The name of a form's image: it belongs to the form alone."""
    return f"{slot.pk}-{number}"


def form_as_work(user: User, pk: UUID) -> JudgedWork | None:
    """The form's study, for the rater who may open it now; None for everybody else and for texts."""
    slot = form_of(user, pk)
    study = slot.answer.question.question.study if slot is not None else None
    if slot is None or study is None:
        return None
    return _named(slot, slot.answer.question, study)


def own_images(shown: Shown, study: Study | None) -> list[Image]:
    """The images of the judged study itself that a form shows: once it is frozen, those of the freezing.

    Raises:
        WrongStateError: an image is not the frozen one.
    """
    if study is None:
        return []
    return [image for image in shown_images(shown, study) if image.study_id == study.pk]


def _named(row: Model, shown: Shown, study: Study) -> JudgedWork:
    own = own_images(shown, study)
    return JudgedWork(study, {image_name(row, number): image for number, image in enumerate(own, start=1)})


def writing_as_work(user: User, pk: UUID) -> JudgedWork | None:
    """A question's study, for the author who answers it now."""
    asked = asked_of(user, pk)
    study = asked.question.study if asked is not None else None
    return _named(asked, asked, study) if asked is not None and study is not None else None


def reading_as_work(user: User, pk: UUID) -> JudgedWork | None:
    """A case's study, for the reader whose turn it is."""
    slot = reading_of(user, pk)
    return _named(slot, slot.case, slot.case.study) if slot is not None else None
