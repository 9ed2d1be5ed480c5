"""Questions brought into a campaign by the programming interface: tables, single ones, invitations, phrases."""

import uuid

from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from annotation import api_campaign_serializers as given_by
from annotation import api_upload_serializers as tables_by
from annotation.api_access import checked, kept, managed, visible
from annotation.api_serializers import QuestionSerializer
from annotation.api_work_serializers import PhraseSerializer
from annotation.models import Campaign, Phrase, Question, QuestionUpload, TabletLink
from annotation.services import phrases, pools, tablet
from annotation.services import uploads as tables
from mammo.api.once import rows_made_once
from mammo.api.schema import IDEMPOTENCY_KEY
from mammo.api.viewsets import RoomViewSet
from mammo.core.errors import WrongStateError


class QuestionsInActions(RoomViewSet[Campaign]):
    """Bringing in questions: tables, single ones, invitations to the tablet; a campaign's phrase book."""

    @extend_schema(
        operation_id="campaigns_uploads_create",
        request=tables_by.NewUploadSerializer,
        responses={201: tables_by.UploadSerializer},
        parameters=[IDEMPOTENCY_KEY],
    )
    @action(detail=True, methods=["post"], url_path="uploads")
    def read_table(self, request: Request, pk: uuid.UUID) -> Response:
        """Read a table of questions; nothing is taken in before it is confirmed (`uploads`)."""
        campaign, given = kept(self.user, pk), checked(tables_by.NewUploadSerializer, request)
        file = SimpleUploadedFile(given["name"], given["content"])
        rows = rows_made_once(
            request,
            lambda: [tables.read_upload(campaign, file, by_user=self.user)],
            QuestionUpload.objects.filter(campaign=campaign, by_user=self.user).select_related("by_user"),
        )
        if not rows:
            raise WrongStateError(_("This table was confirmed or thrown away already."))
        return Response(tables_by.UploadSerializer(rows[0]).data, status=201)

    @extend_schema(
        operation_id="campaigns_questions_create",
        request=given_by.NewQuestionSerializer,
        responses={201: QuestionSerializer},
        parameters=[IDEMPOTENCY_KEY],
    )
    @action(detail=True, methods=["post"], url_path="questions")
    def add_question(self, request: Request, pk: uuid.UUID) -> Response:
        """Take in one question; it is cleaned of identity. One that the campaign holds already is answered 409."""
        campaign, given = kept(self.user, pk), checked(given_by.NewQuestionSerializer, request)
        text = "\n---\n".join(given.pop("turns"))
        rows = rows_made_once(
            request,
            lambda: [tables.typed_question(campaign, by_user=self.user, text=text, **given)],
            Question.objects.filter(campaign=campaign).select_related("campaign__site", "patient"),
        )
        shown = QuestionSerializer(rows[0], context=self.get_serializer_context())
        return Response(shown.data, status=201)

    @extend_schema(
        operation_id="campaigns_pools",
        request=given_by.PoolsSerializer,
        responses=given_by.MovedSerializer,
        parameters=[IDEMPOTENCY_KEY],
    )
    @action(detail=True, methods=["post"], url_path="pools")
    def set_pools(self, request: Request, pk: uuid.UUID) -> Response:
        """Put many questions into pools at once: all of them, or none where one can't be moved (409 names them)."""
        campaign, given = managed(self.user, pk), checked(given_by.PoolsSerializer, request)
        moved = rows_made_once(
            request,
            lambda: pools.set_pools(campaign, given["pools"], by_user=self.user),
            Question.objects.filter(campaign=campaign),
        )
        return Response({"moved": [question.pk for question in moved]})

    @extend_schema(
        operation_id="campaigns_invitations_create",
        request=given_by.NewInvitationSerializer,
        responses={201: given_by.InvitationSerializer},
        parameters=[IDEMPOTENCY_KEY],
    )
    @action(detail=True, methods=["post"], url_path="invitations")
    def invite(self, request: Request, pk: uuid.UUID) -> Response:
        """Make a link for one patient's tablet; its address is told once."""
        campaign, given = kept(self.user, pk), checked(given_by.NewInvitationSerializer, request)
        addresses: dict[uuid.UUID, str] = {}

        def make() -> list[TabletLink]:
            link, token = tablet.invite(campaign, by_user=self.user, **given)
            addresses[link.pk] = request.build_absolute_uri(reverse("annotation:tablet", args=[token]))
            return [link]

        (link,) = rows_made_once(request, make, TabletLink.objects.filter(campaign=campaign))
        found = {name: getattr(link, name) for name in ("id", "language", "expires_at")}
        found["address"] = addresses.get(link.pk)
        return Response(given_by.InvitationSerializer(found).data, status=201)  # type: ignore[arg-type]  # a plain dict

    @extend_schema(
        operation_id="campaigns_phrases_create",
        request=given_by.NewPhraseSerializer,
        responses={201: PhraseSerializer},
        parameters=[IDEMPOTENCY_KEY],
    )
    @action(detail=True, methods=["post"], url_path="phrases")
    def add_phrase(self, request: Request, pk: uuid.UUID) -> Response:
        """Add a sentence to one's phrase book; the same one twice changes nothing."""
        campaign, given = visible(self.user, pk), checked(given_by.NewPhraseSerializer, request)
        rows = rows_made_once(
            request,
            lambda: [phrases.add(campaign, by_user=self.user, **given)],
            Phrase.objects.usable_by(self.user, campaign),
        )
        if not rows:
            raise WrongStateError(_("This phrase was taken out of the book meanwhile."))
        return Response(PhraseSerializer(rows[0]).data, status=201)
