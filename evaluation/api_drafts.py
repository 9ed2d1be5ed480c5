"""What of a trial's draft the pages change beside its main steps, by program; and what stands beside its scores."""

import uuid
from dataclasses import asdict
from pathlib import Path
from typing import Any

from django.shortcuts import get_object_or_404
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from annotation.models import Question
from annotation.question_table import SUFFIXES, read_question_table
from evaluation import api
from evaluation import api_draft_serializers as given_by
from evaluation.api_serializers import ArmSerializer, TableSerializer, TrialSerializer
from evaluation.api_studies import Act, checked, person_of
from evaluation.aspects import AspectDefinition
from evaluation.models import Arm, Trial, TrialRater
from evaluation.services import amendments, arms, cohorts, drafts, raters
from evaluation.services.access import DESIGNERS
from mammo.api.once import rows_made_once
from mammo.api.schema import posted
from mammo.api.viewsets import RoomViewSet
from mammo.core import raw_files
from mammo.core.errors import UserError

# Actions that change something: what a token needs for them is the trial's viewset's to say.
DRAFT_WRITES = (
    *("set_aspects", "upload_questions", "remove_question", "leave_out", "set_tables", "remove_rater"),
    *("add_practice", "amend"),
)
POWER_PARAMETERS = {
    "power": frozenset(given_by.PowerSerializer().fields),
    "leaks": frozenset({"simulated"}),
    "unsafe": frozenset({"simulated"}),
}


class DraftActions(RoomViewSet[Trial]):
    """Aspects, tables of questions, what is taken out, practice, power, amendments, flags and leaks of a trial."""

    @posted("trials_aspects_create", given_by.AspectsSerializer, TrialSerializer)
    @action(detail=True, methods=["post"], url_path="aspects")
    def set_aspects(self, request: Request, pk: uuid.UUID) -> Response:
        """Replace the aspects of a draft."""
        row, given = self._designed(), checked(given_by.AspectsSerializer, request)
        defined = [AspectDefinition(**one) for one in given["aspects"]]
        self._once(request, row, lambda: drafts.set_aspects(row, defined, by_user=self.user))
        return self._trial(row.pk)

    @posted("trials_questions_table_create", given_by.QuestionTableSerializer, given_by.JoinedSerializer)
    @action(detail=True, methods=["post"], url_path="questions/table")
    def upload_questions(self, request: Request, pk: uuid.UUID) -> Response:
        """Bring a table of questions in; `said` (once) tells of each row that did not join, and why."""
        row, given = self._designed(), checked(given_by.QuestionTableSerializer, request)
        rows = _question_rows(given["name"], given["content"])
        said: list[str] = []

        def act() -> None:
            _joined, lines = drafts.upload_questions(
                row, rows, table_name="table", by_user=self.user, dialogues=given["dialogues"]
            )
            said.extend(lines)

        self._once(request, row, act)
        return Response({"questions": row.trial_questions.count(), "said": said})

    @extend_schema(
        operation_id="trials_questions_asked",
        responses=given_by.AskedQuestionSerializer(many=True),
        filters=False,
    )
    @action(detail=True, methods=["get"], url_path="questions/asked", pagination_class=None)
    def asked_questions(self, request: Request, pk: uuid.UUID) -> Response:
        """The trial's questions with their positions, and which are outside of the protocol's cohort."""
        row = self._designed()
        outside = set(cohorts.outside_cohort(row))
        asked = row.trial_questions.select_related("question__campaign__site", "question__patient")
        found = [
            {
                "position": one.position,
                "question": one.question_id,
                "turns": one.rounds if one.is_dialogue else list(one.question.texts),
                "is_dialogue": one.is_dialogue,
                "has_study": one.question.study_id is not None,
                "outside_cohort": one.position in outside,
            }
            for one in asked.order_by("position")
        ]
        return Response(given_by.AskedQuestionSerializer(found, many=True).data)

    @posted("trials_questions_remove_create", given_by.PositionSerializer, TrialSerializer)
    @action(detail=True, methods=["post"], url_path="questions/remove")
    def remove_question(self, request: Request, pk: uuid.UUID) -> Response:
        """Take a question and the answers to it out of a draft."""
        row, given = self._designed(), checked(given_by.PositionSerializer, request)

        def act() -> None:
            asked = row.trial_questions.filter(position=given["position"]).first()
            if asked is None:
                raise UserError(_("position: no question of the trial stands there"))
            drafts.remove_question(asked, by_user=self.user)

        self._once(request, row, act)
        return self._trial(row.pk)

    @posted("trials_arms_leave_out_create", given_by.LeftOutSerializer, ArmSerializer)
    @action(detail=True, methods=["post"], url_path="arms/leave-out")
    def leave_out(self, request: Request, pk: uuid.UUID) -> Response:
        """Leave an arm out of the scoring; it stays on the record with its reason."""
        row, given = self._designed(), checked(given_by.LeftOutSerializer, request)
        arm = _arm(row, given["arm"])
        self._once(request, row, lambda: arms.leave_out(arm, given["reason"], by_user=self.user))
        return self._shown_arm(request, arm)

    @posted("trials_arms_tables_create", given_by.FedTablesSerializer, ArmSerializer)
    @action(detail=True, methods=["post"], url_path="arms/tables")
    def set_tables(self, request: Request, pk: uuid.UUID) -> Response:
        """Say which tables of the paper an arm feeds."""
        row, given = self._designed(), checked(given_by.FedTablesSerializer, request)
        arm = _arm(row, given["arm"])
        self._once(request, row, lambda: arms.set_tables(arm, given["tables"], by_user=self.user))
        return self._shown_arm(request, arm)

    @posted("trials_raters_remove_create", given_by.RaterNameSerializer, TrialSerializer)
    @action(detail=True, methods=["post"], url_path="raters/remove")
    def remove_rater(self, request: Request, pk: uuid.UUID) -> Response:
        """Take a rater out of a draft."""
        row, given = self._designed(), checked(given_by.RaterNameSerializer, request)
        self._once(
            request, row, lambda: raters.remove_rater(_rater(row, given["username"]), by_user=self.user)
        )
        return self._trial(row.pk)

    @posted("trials_practice_create", given_by.PracticeSerializer, TrialSerializer)
    @action(detail=True, methods=["post"], url_path="practice")
    def add_practice(self, request: Request, pk: uuid.UUID) -> Response:
        """Add an answer that raters score before the first real form."""
        row, given = self._designed(), checked(given_by.PracticeSerializer, request)
        questions = Question.objects.filter(campaign__site=row.site).select_related(
            "campaign__site", "patient"
        )
        question = questions.filter(pk=given["question"]).first()
        if question is None:
            raise UserError(_("question: none of this id at the trial's site"))
        self._once(
            request,
            row,
            lambda: drafts.add_practice_item(row, question, given["text"], by_user=self.user),
        )
        return self._trial(row.pk)

    @posted("trials_amendments_create", given_by.AmendmentSerializer, TrialSerializer)
    @action(detail=True, methods=["post"], url_path="amendments")
    def amend(self, request: Request, pk: uuid.UUID) -> Response:
        """Put on record what was done otherwise than planned; with `rater` that person is withdrawn."""
        row, given = self._designed(), checked(given_by.AmendmentSerializer, request)

        def act() -> None:
            details = {}
            if given["rater"]:
                rater = _rater(row, given["rater"])
                raters.withdraw(rater, given["reason"], by_user=self.user)
                details = {"withdrawn_rater": str(rater.pk)}
            amendments.amend(row, given["text"], by_user=self.user, reason=given["reason"], details=details)

        self._once(request, row, act)
        return self._trial(row.pk)

    @extend_schema(
        operation_id="trials_power",
        parameters=[given_by.PowerSerializer],
        responses=given_by.PowerFoundSerializer,
        filters=False,
    )
    @action(detail=True, methods=["get"])
    def power(self, request: Request, pk: uuid.UUID) -> Response:
        """The power of given numbers under the trial's plan; with `wanted` (percent) the numbers that reach it."""
        from evaluation.views.power_of_designs import power_found  # numbers that few calls need

        row = self._designed()
        return Response(given_by.PowerFoundSerializer(power_found(row, request.query_params)).data)

    @extend_schema(
        operation_id="trials_unsafe", responses=TableSerializer, parameters=[api.SIMULATED], filters=False
    )
    @action(detail=True, methods=["get"])
    def unsafe(self, request: Request, pk: uuid.UUID) -> Response:
        """Answers flagged as unsafe, by arm, once the scores are locked."""
        from evaluation.reports.unsafe_answers import unsafe_table

        row = self.get_object()
        return Response(unsafe_table(row, simulated=api.flag(request, "simulated")).as_json())

    @extend_schema(
        operation_id="trials_leaks",
        responses=given_by.LeakReportSerializer,
        parameters=[api.SIMULATED],
        filters=False,
    )
    @action(detail=True, methods=["get"])
    def leaks(self, request: Request, pk: uuid.UUID) -> Response:
        """What could have told the arms apart, and what raters guessed, once the scores are locked."""
        from evaluation.reports.leaks import leak_report  # scikit-learn

        row = self.get_object()
        report = leak_report(row, simulated=api.flag(request, "simulated"))
        found = asdict(report) | {"notes": report.notes}
        return Response(given_by.LeakReportSerializer(found).data)

    def _shown_arm(self, request: Request, arm: Arm) -> Response:
        arm.refresh_from_db()
        return Response(ArmSerializer(arm, context={"request": request}).data)

    def _designed(self) -> Trial:
        """The trial; for a statistician a design does not exist."""
        row = self.get_object()
        return get_object_or_404(Trial.objects.filter(site__in=self.user.sites_as(*DESIGNERS)), pk=row.pk)

    def _once(self, request: Request, row: Trial, act: Act) -> None:
        def acted() -> list[Trial]:
            act()
            return [row]

        rows_made_once(request, acted, Trial.objects.filter(pk=row.pk))

    def _trial(self, pk: uuid.UUID, *, status: int = 200) -> Response:
        # Not `rows()`: who made themselves a rater meets the trial this once more, its arms no more.
        row = api.described(Trial.objects.filter(pk=pk)).get()
        return Response(TrialSerializer(row).data, status=status)


def _arm(trial: Trial, pk: uuid.UUID) -> Arm:
    found: Arm | None = trial.arms.select_related("trial__site").filter(pk=pk).first()
    if found is None:
        raise UserError(_("arm: the trial has none of this id"))
    return found


def _rater(trial: Trial, username: str) -> TrialRater:
    person = person_of(username, trial.site)
    found: TrialRater | None = trial.raters.select_related("trial__site", "user").filter(user=person).first()
    if found is None:
        raise UserError(_("username: no rater of this trial"))
    return found


def _question_rows(name: str, content: bytes) -> list[Any]:
    """The rows of a table of questions.

    Raises:
        UserError: the name's ending is unknown, or the table is unfit.
    """
    suffix = Path(name).suffix.lower()
    if suffix not in SUFFIXES:
        raise UserError(
            _("%(field)s: files end in %(known)s") % {"field": "name", "known": ", ".join(SUFFIXES)}
        )
    with raw_files.laid_out() as folder:
        path = folder / f"table{suffix}"
        path.write_bytes(content)
        try:
            return list(read_question_table(path, dialogues=True))
        except UserError as error:
            raise UserError(str(error).replace(str(path), "table")) from None
