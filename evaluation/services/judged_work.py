"""A scoring form as work that is judged on mammograms: the archive keeps which of its views were on screen."""

from uuid import UUID

from django.db.models import Model

from evaluation.services.readings import reading_of
from evaluation.services.scoring import form_of
from evaluation.services.writing import asked_of
from mammo.accounts.models import User
from mammo.archive.models import Image, Study
from mammo.archive.services import JudgedWork

KIND = "form"
WRITING = "writing"
READING = "reading"


def images_of_form(study: Study) -> list[Image]:
    """The images of a form in the order of their numbers."""
    return list(study.images.order_by("acquired_order", "created_at"))


def image_name(slot: Model, number: int) -> str:
    """The name of a form's image: it belongs to the form alone."""
    return f"{slot.pk}-{number}"


def form_as_work(user: User, pk: UUID) -> JudgedWork | None:
    """The form's study, for the rater who may open it now; None for everybody else and for texts."""
    slot = form_of(user, pk)
    study = slot.answer.question.question.study if slot is not None else None
    if slot is None or study is None:
        return None
    return _named(slot, study)


def _named(row: Model, study: Study) -> JudgedWork:
    numbered = enumerate(images_of_form(study), start=1)
    return JudgedWork(study, {image_name(row, number): image for number, image in numbered})


def writing_as_work(user: User, pk: UUID) -> JudgedWork | None:
    """A question's study, for the author who answers it now."""
    asked = asked_of(user, pk)
    study = asked.question.study if asked is not None else None
    return _named(asked, study) if asked is not None and study is not None else None


def reading_as_work(user: User, pk: UUID) -> JudgedWork | None:
    """A case's study, for the reader whose turn it is."""
    slot = reading_of(user, pk)
    return _named(slot, slot.case.study) if slot is not None else None
