"""Unfinished work by the programming interface: a draft per question, person and purpose."""

import contextlib
import uuid

from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from annotation import api_work_serializers as given_by
from annotation.api_access import checked, may_work
from annotation.models import Purpose, Question
from annotation.services import drafts
from mammo.api.once import rows_made_once
from mammo.api.schema import IDEMPOTENCY_KEY
from mammo.api.serializers import StrictSerializer
from mammo.api.viewsets import RoomViewSet


class DraftActions(RoomViewSet[Question]):
    """Reading and keeping one's own drafts: of a correction, of a choice, of a decision between seniors."""

    @extend_schema(operation_id="questions_correct_draft", responses=given_by.DraftSerializer)
    @action(detail=True, methods=["get"], url_path="correct/draft")
    def correction_draft(self, request: Request, pk: uuid.UUID) -> Response:
        """The account's own unfinished correction."""
        return self._draft(pk, Purpose.CORRECT)

    @extend_schema(
        operation_id="questions_correct_draft_create",
        request=given_by.NewCorrectionDraftSerializer,
        responses=given_by.DraftSerializer,
        parameters=[IDEMPOTENCY_KEY],
    )
    @correction_draft.mapping.post
    def save_correction_draft(self, request: Request, pk: uuid.UUID) -> Response:
        """Keep what was typed; an older version is answered 409 with what stands, and overwrites nothing."""
        return self._save(request, pk, Purpose.CORRECT, given_by.NewCorrectionDraftSerializer)

    @extend_schema(operation_id="questions_pick_draft", responses=given_by.DraftSerializer)
    @action(detail=True, methods=["get"], url_path="pick/draft")
    def pick_draft(self, request: Request, pk: uuid.UUID) -> Response:
        """The account's own unfinished choice."""
        return self._draft(pk, Purpose.PICK)

    @extend_schema(
        operation_id="questions_pick_draft_create",
        request=given_by.NewPickDraftSerializer,
        responses=given_by.DraftSerializer,
        parameters=[IDEMPOTENCY_KEY],
    )
    @pick_draft.mapping.post
    def save_pick_draft(self, request: Request, pk: uuid.UUID) -> Response:
        """Keep an unfinished choice, as a correction's draft."""
        return self._save(request, pk, Purpose.PICK, given_by.NewPickDraftSerializer)

    @extend_schema(operation_id="questions_adjudicate_draft", responses=given_by.DraftSerializer)
    @action(detail=True, methods=["get"], url_path="adjudicate/draft")
    def adjudication_draft(self, request: Request, pk: uuid.UUID) -> Response:
        """The account's own unfinished decision."""
        return self._draft(pk, Purpose.ADJUDICATE)

    @extend_schema(
        operation_id="questions_adjudicate_draft_create",
        request=given_by.NewAdjudicationDraftSerializer,
        responses=given_by.DraftSerializer,
        parameters=[IDEMPOTENCY_KEY],
    )
    @adjudication_draft.mapping.post
    def save_adjudication_draft(self, request: Request, pk: uuid.UUID) -> Response:
        """Keep an unfinished decision, as a correction's draft."""
        return self._save(request, pk, Purpose.ADJUDICATE, given_by.NewAdjudicationDraftSerializer)

    def _draft(self, pk: uuid.UUID, purpose: str) -> Response:
        row = drafts.draft_of(may_work(self.user, pk, purpose), user=self.user, purpose=purpose)
        content = row.content if row is not None else None
        return Response({"version": row.version if row is not None else 0, "content": content})

    def _save(
        self, request: Request, pk: uuid.UUID, purpose: str, serializer: type[StrictSerializer]
    ) -> Response:
        """Keep what the serializer lets pass, its version apart."""
        question, content = may_work(self.user, pk, purpose), checked(serializer, request)
        version, shown_round = content.pop("version"), content.pop("shown_round")

        def save() -> list[Question]:
            with contextlib.suppress(drafts.WithdrawnError):  # the draft is stored; refused below, behind it
                drafts.save_draft(
                    question,
                    by_user=self.user,
                    purpose=purpose,
                    content=content,
                    expected_version=version,
                    shown_round=shown_round,
                )
            return [question]

        rows_made_once(request, save, Question.objects.filter(pk=question.pk))
        # Looked at again, so that a repetition is answered as the first call was.
        drafts.require_not_withdrawn(question)
        return self._draft(question.pk, purpose)
