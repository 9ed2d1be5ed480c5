"""Trials from their design to the unblinding by program: the pages' services, once per key."""

import uuid
from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from annotation.models import Campaign
from evaluation import api
from evaluation import api_design_serializers as given_by
from evaluation.api_drafts import DRAFT_WRITES, POWER_PARAMETERS, DraftActions
from evaluation.api_serializers import ArmSerializer, TrialSerializer
from evaluation.api_studies import Act, checked, designed_protocol, person_of, require_designing
from evaluation.aspects import DEFAULT_ASPECTS, AspectDefinition
from evaluation.models import Arm, Trial
from evaluation.services import answers as answering
from evaluation.services import arms, cohorts, dealing, drafts, freezing, raters, screening, trials
from evaluation.services.progress import left_pictures_of_questions, trial_progress
from evaluation.services.scoring import lock_trial, open_scoring
from evaluation.services.shared_wordings import wording_notes
from evaluation.services.unblinding import confirm_unblinding, request_unblinding
from mammo.api.once import rows_made_once
from mammo.api.schema import IDEMPOTENCY_KEY, posted
from mammo.api.scopes import Scope
from mammo.core.errors import UserError
from modeling.models import Checkpoint


class DesignActions(DraftActions):
    """A trial's design and its steps."""

    @extend_schema(
        operation_id="trials_create",
        request=given_by.NewTrialSerializer,
        responses={201: TrialSerializer},
        parameters=[IDEMPOTENCY_KEY],
    )
    def create(self, request: Request) -> Response:
        """Make a draft trial."""
        require_designing(self.user)
        given = checked(given_by.NewTrialSerializer, request)
        protocol = designed_protocol(self.user, given.pop("protocol"))
        aspects = given.pop("aspects")
        defined = DEFAULT_ASPECTS if aspects is None else [AspectDefinition(**one) for one in aspects]
        name, scale = given.pop("name"), (given.pop("scale_min"), given.pop("scale_max"))
        rows = rows_made_once(
            request,
            lambda: [
                trials.create_trial(
                    name, protocol=protocol, by_user=self.user, scale=scale, aspects=defined, **given
                )
            ],
            self.rows(),
        )
        return self._trial(rows[0].pk, status=201)

    @extend_schema(operation_id="trials_design", responses=given_by.DesignSerializer, filters=False)
    @action(detail=True, methods=["get"])
    def design(self, request: Request, pk: uuid.UUID) -> Response:
        """What keeps a draft from being frozen, what the screen found, and how far raters are; no score."""
        return self._design(self._designed())

    def _design(self, row: Trial) -> Response:
        is_draft = row.state == Trial.State.DRAFT
        hits = screening.screen_trial(row) if is_draft else []
        scored = row.arms.filter(left_out_reason="").count()
        found = {
            "state": row.state,
            "version": row.version,
            "questions": row.trial_questions.count(),
            "arms": scored,
            "unanswered": scored * row.trial_questions.count()
            - row.trial_questions.filter(answers__arm__left_out_reason="").count(),
            "cohort": cohorts.bound_by(row),
            "obstacles": freezing.obstacles(row) if is_draft else [],
            "notes": [
                *dealing.spacing_note(dealing.shrunk_spacing(row)),
                *dealing.missing_note(row),
                *left_pictures_of_questions(row),
                *wording_notes(row),
            ],
            "screen": [
                {
                    "kind": hit.finding.kind,
                    "matched": hit.finding.matched,
                    "blocks": hit.finding.blocks,
                    "answers": hit.answers,
                    "settled": hit.settled,
                }
                for hit in hits
            ],
            "progress": [
                {"username": one.rater.user.username, "done": one.forms_done, "total": one.forms}
                for one in trial_progress(row)
            ],
        }
        return Response(given_by.DesignSerializer(found).data)

    @posted("trials_settings_create", given_by.ChangedTrialSerializer, TrialSerializer)
    @action(detail=True, methods=["post"], url_path="settings")
    def change_settings(self, request: Request, pk: uuid.UUID) -> Response:
        """Change settings of a draft; an older version is 409."""
        row = self._designed()
        given = given_by.ChangedTrialSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        changes, version = given.changes(), given.validated_data["version"]
        self._once(
            request,
            row,
            lambda: drafts.change_trial(row, changes, by_user=self.user, expected_version=version),
        )
        return self._trial(row.pk)

    @posted("trials_questions_create", given_by.NewQuestionsSerializer, TrialSerializer)
    @action(detail=True, methods=["post"], url_path="questions")
    def add_questions(self, request: Request, pk: uuid.UUID) -> Response:
        """Bring questions of a campaign in; training patients and questions of an arm are refused.

        So are text-only questions of a training wording; those about a study are counted in the notes of `design/`.
        """
        row, given = self._designed(), checked(given_by.NewQuestionsSerializer, request)
        campaign = Campaign.objects.filter(site=row.site, pk=given["campaign"]).first()
        if campaign is None:
            raise UserError(_("campaign: none of this id at the trial's site"))

        dialogues = given["dialogues"]

        def act() -> Any:
            if given["count"] is not None:
                return trials.sample_questions(
                    row, campaign, given["count"], by_user=self.user, dialogues=dialogues
                )
            chosen = trials.eligible_questions(row, campaign, dialogues=dialogues)
            if given["questions"]:
                known = {
                    q.pk: q for q in campaign.questions.select_related("campaign__site", "patient", "study")
                }
                missing = [str(pk) for pk in given["questions"] if pk not in known]
                if missing:
                    raise UserError(_("questions: %(name)s is none of this campaign") % {"name": missing[0]})
                chosen = [known[pk] for pk in dict.fromkeys(given["questions"])]
            return trials.add_questions(row, chosen, by_user=self.user, dialogues=dialogues)

        self._once(request, row, act)
        return self._trial(row.pk)

    @extend_schema(
        operation_id="trials_arms_create",
        request=given_by.NewArmSerializer,
        responses={201: ArmSerializer},
        parameters=[IDEMPOTENCY_KEY],
        filters=False,
    )
    @action(detail=True, methods=["post"], url_path="arms")
    def add_arm(self, request: Request, pk: uuid.UUID) -> Response:
        """Add an arm: a system, doctors who write, or finished answers."""
        row, given = self._designed(), checked(given_by.NewArmSerializer, request)

        def act() -> list[Arm]:
            arm = self._arm(row, given)
            if given["tables"]:
                arms.set_tables(arm, given["tables"], by_user=self.user)
            return [arm]

        made = rows_made_once(request, act, Arm.objects.filter(trial=row))
        return Response(ArmSerializer(made[0], context={"request": request}).data, status=201)

    def _arm(self, trial: Trial, given: Mapping[str, Any]) -> Arm:
        name, kind = given["name"], given["kind"]
        if given["answers"]:
            return arms.add_written_arm(
                trial,
                name,
                given["answers"],
                by_user=self.user,
                kind=kind,
                source="interface",
                checkpoint=self._checkpoint(trial, given),
            )
        if kind == Arm.Kind.HUMAN:
            authors = [person_of(one, trial.site) for one in given["authors"]]
            return arms.add_human_arm(trial, name, authors=authors, by_user=self.user)
        if kind == Arm.Kind.REFERENCE:
            raise UserError(_("answers: a reference brings its answers with it"))
        checkpoint = self._checkpoint(trial, given)
        return arms.add_system_arm(
            trial, name, by_user=self.user, spec=given["spec"], checkpoint=checkpoint, is_from_afar=True
        )

    def _checkpoint(self, trial: Trial, given: Mapping[str, Any]) -> Checkpoint | None:
        """The checkpoint that an arm names, of the trial's site."""
        if given["checkpoint"] is None:
            return None
        rows = Checkpoint.objects.filter(run__site=trial.site).select_related("run__snapshot")
        found: Checkpoint | None = rows.filter(pk=given["checkpoint"]).first()
        if found is None:
            raise UserError(_("checkpoint: none of this id at the trial's site"))
        return found

    @posted("trials_raters_create", given_by.PersonSerializer, TrialSerializer)
    @action(detail=True, methods=["post"], url_path="raters")
    def add_rater(self, request: Request, pk: uuid.UUID) -> Response:
        """Let a senior score."""
        row, given = self._designed(), checked(given_by.PersonSerializer, request)
        self._once(
            request,
            row,
            lambda: raters.add_rater(row, person_of(given["username"], row.site), by_user=self.user),
        )
        return self._trial(row.pk)

    @posted("trials_rules_create", given_by.RuleSerializer, given_by.DesignSerializer)
    @action(detail=True, methods=["post"], url_path="rules")
    def settle(self, request: Request, pk: uuid.UUID) -> Response:
        """Settle a finding of the screen by a rule that holds for every arm."""
        row, given = self._designed(), checked(given_by.RuleSerializer, request)
        self._once(request, row, lambda: screening.settle(row, **given, by_user=self.user))
        row.refresh_from_db()
        return self._design(row)

    @posted("trials_steps_create", given_by.TrialStepSerializer, TrialSerializer)
    @action(detail=True, methods=["post"], url_path="steps")
    def step(self, request: Request, pk: uuid.UUID) -> Response:
        """Queue answers, freeze, open, lock, ask for the unblinding; a second person confirms it."""
        row, given = self.get_object(), checked(given_by.TrialStepSerializer, request)
        user, reason = self.user, given["reason"]
        steps: dict[str, Act] = {
            "answer": lambda: answering.queue_answers(row, by_user=user),
            "freeze": lambda: freezing.freeze_trial(row, by_user=user),
            "open": lambda: open_scoring(row, by_user=user),
            "lock": lambda: lock_trial(row, by_user=user, reason=reason),
            "request_unblinding": lambda: request_unblinding(row, by_user=user, reason=reason),
            "confirm_unblinding": lambda: confirm_unblinding(row, by_user=user),
        }
        self._once(request, row, steps[given["step"]])
        return self._trial(row.pk)


class TrialViewSet(DesignActions, api.TrialViewSet):
    """Trials: to design, to run, to read."""

    write_scopes = dict.fromkeys(
        (
            *("create", "change_settings", "add_questions", "add_arm", "add_rater", "settle", "step"),
            *DRAFT_WRITES,
        ),
        Scope.WRITE_TRIALS,
    )
    parameters = api.TrialViewSet.parameters | POWER_PARAMETERS
