"""Progress of a trial by count only: no score, no arm."""

from dataclasses import dataclass

from django.db.models import Count, Exists, OuterRef
from django.utils.translation import gettext as _

from evaluation.models import Score, Slot, Trial, TrialRater
from evaluation.services.answers import JOB_KIND
from mammo.accounts.models import User
from mammo.jobs.messages import shown_message
from mammo.jobs.models import Job, JobState


@dataclass(frozen=True)
class RaterProgress:
    """How far one rater is.

    Attributes:
        questions: questions of the rater; questions_done those whose every answer is scored.
        forms, forms_done: the same for single answers.
        sitting: the sitting that is under way.
        sittings: how many there are.
    """

    rater: TrialRater
    forms: int
    forms_done: int
    questions: int
    questions_done: int
    sitting: int
    sittings: int

    @property
    def percent(self) -> int:
        """Share of forms done, in whole percent, 100 only when all are."""
        return self.forms_done * 100 // self.forms if self.forms else 0

    @property
    def is_done(self) -> bool:
        """Every form is scored."""
        return self.forms > 0 and self.forms == self.forms_done


def rater_progress(rater: TrialRater) -> RaterProgress:
    """Progress of one rater."""
    slots = list(
        Slot.objects.filter(rater=rater)
        .counted()
        .annotate(scored=Exists(Score.objects.filter(slot=OuterRef("pk"))))
        .order_by("position")
        .values_list("answer__question_id", "sitting", "scored")
    )
    questions = {question for question, _, _ in slots}
    waiting = {question for question, _, scored in slots if not scored}
    sittings = [sitting for _, sitting, scored in slots if not scored]
    last = max((sitting for _, sitting, _ in slots), default=0)
    return RaterProgress(
        rater,
        len(slots),
        sum(scored for _, _, scored in slots),
        len(questions),
        len(questions - waiting),
        sittings[0] if sittings else last,
        last,
    )


def trial_progress(trial: Trial) -> list[RaterProgress]:
    """Progress of every rater of a trial."""
    return [rater_progress(rater) for rater in trial.raters.select_related("user").order_by("created_at")]


def left_pictures_of_questions(trial: Trial) -> list[str]:
    """Which questions of a frozen trial have lost a picture, as a note; nothing where none has."""
    left = trial.trial_questions.filter(picture_left_at__isnull=False).order_by("position")
    positions = ", ".join(map(str, left.values_list("position", flat=True)))
    said = _(
        "A picture with text on it was taken out of questions %(positions)s: their forms that were not scored before are "
        "passed over."
    )
    return [said % {"positions": positions}] if positions else []


def answering_job(trial: Trial) -> Job | None:
    """The job that answers for a draft's systems: the one that runs, else the last one where it failed and its answers
    are still lacking."""
    last = Job.objects.filter(kind=JOB_KIND, about_id=str(trial.pk)).order_by("-created_at").first()
    if last is None or trial.state != Trial.State.DRAFT:
        return None
    if not last.is_ended:
        return last
    asked = trial.arms.filter(pk__in=last.parameters["arms"], left_out_reason="")
    lacks = asked.annotate(given=Count("answers")).filter(given__lt=trial.trial_questions.count()).exists()
    return last if last.state == JobState.FAILED and lacks else None


def failure_in_words(job: Job, trial: Trial) -> str:
    """Why a failed answering job failed, systems by the names of their arms; for those who design."""
    said = shown_message(job.error)
    for pk, name in trial.arms.values_list("pk", "name"):
        said = said.replace(str(pk), f"“{name}”")
    return said


def forms_waiting(user: User) -> int:
    """Forms that wait for this account in open trials."""
    return Slot.objects.of(user).unscored().aggregate(n=Count("pk"))["n"] or 0
