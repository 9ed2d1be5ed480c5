"""A question as work that is judged on mammograms: the archive keeps which of its views were on screen."""

from uuid import UUID

from annotation.models import Purpose, Question
from mammo.accounts.models import User
from mammo.archive.services import JudgedWork, images_by_key

KIND = "question"


def question_as_work(user: User, pk: UUID) -> JudgedWork | None:
    """The question's study, for whoever corrects, picks or adjudicates it; None for everybody else and for texts."""
    for purpose in Purpose:
        question = Question.objects.open_to(user, purpose).filter(pk=pk).select_related("study").first()
        if question is not None:
            study = question.study
            return JudgedWork(study, images_by_key(study)) if study is not None else None
    return None
