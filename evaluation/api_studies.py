"""Protocols and reader studies by program: the pages' services, once per key."""

import uuid
from collections.abc import Callable
from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from evaluation import api_design_serializers as given_by
from evaluation import api_draft_serializers as drafted_by
from evaluation.models import Protocol, ReaderStudy
from evaluation.services import protocols
from evaluation.services import reader_studies as studies
from evaluation.services.access import DESIGNERS, require_designer
from evaluation.services.amendments import amend_reader_study
from evaluation.services.outside_cases import take_out_cases
from evaluation.services.proven_studies import with_pathology
from evaluation.services.readings import withdraw_reader
from mammo.accounts.models import Site, User
from mammo.api.once import rows_made_once
from mammo.api.schema import IDEMPOTENCY_KEY, posted
from mammo.api.scopes import Scope
from mammo.api.viewsets import ReadOnlyRoomViewSet
from mammo.archive.models import Cohort
from mammo.core.errors import NotAllowedError, UserError
from modeling.models import Checkpoint

Act = Callable[[], Any]


def checked(serializer: Any, request: Request) -> dict[str, Any]:
    """The values of a request's body.

    Raises:
        ValidationError: names the fields that are wrong.
    """
    given = serializer(data=request.data)
    given.is_valid(raise_exception=True)
    values: dict[str, Any] = given.validated_data
    return values


def person_of(user_name: str, site: Any) -> User:
    """A person of the site.

    Raises:
        UserError: nobody there has this name.
    """
    found = User.objects.filter(memberships__site=site, username=user_name, is_active=True).first()
    if found is None:
        raise UserError(_("username: nobody of this name at this site"))
    return found


def require_designing(user: User) -> None:
    """Let in only who designs somewhere: asked before a body is read that names the site or the protocol.

    Raises:
        NotAllowedError: the account designs at no site.
    """
    if not user.sites_as(*DESIGNERS).exists():
        raise NotAllowedError(_("this account designs no trials"))


def designed_protocol(user: User, pk: uuid.UUID) -> Protocol:
    """A protocol of a site where the account designs.

    Raises:
        UserError: there is none, for this account.
    """
    mine = Protocol.objects.visible_to(user).filter(site__in=user.sites_as(*DESIGNERS))
    found = mine.filter(pk=pk).select_related("site").first()
    if found is None:
        raise UserError(_("protocol: none of this id where this account is researcher"))
    return found


def _cohort_of(site: Site, pk: uuid.UUID) -> Cohort:
    found = Cohort.objects.filter(site=site, pk=pk).first()
    if found is None:
        raise UserError(_("cohort: none of this id at this site"))
    return found


class ProtocolViewSet(ReadOnlyRoomViewSet[Protocol]):
    """Protocols of the sites where the account is researcher, statistician or admin."""

    model = Protocol
    serializer_class = given_by.ProtocolSerializer
    read_scope = Scope.READ_TRIALS
    write_scopes = dict.fromkeys(("create", "change", "freeze", "fill_checklist"), Scope.WRITE_TRIALS)

    def rows(self) -> QuerySet[Protocol]:
        return Protocol.objects.visible_to(self.user).select_related("site")

    @extend_schema(
        operation_id="protocols_create",
        request=given_by.NewProtocolSerializer,
        responses={201: given_by.ProtocolSerializer},
        parameters=[IDEMPOTENCY_KEY],
    )
    def create(self, request: Request) -> Response:
        """Write a draft protocol."""
        require_designing(self.user)
        given = checked(given_by.NewProtocolSerializer, request)
        site = self.user.sites_as(*DESIGNERS).filter(code=given.pop("site")).first()
        if site is None:
            raise UserError(_("site: none of this code where this account is researcher"))
        title, cohort = given.pop("title"), given.pop("cohort")
        if cohort is not None:
            given["cohort"] = _cohort_of(site, cohort)
        rows = rows_made_once(
            request,
            lambda: [protocols.create_protocol(title, site=site, by_user=self.user, **given)],
            self.rows(),
        )
        return Response(given_by.ProtocolSerializer(rows[0]).data, status=201)

    @posted("protocols_change_create", given_by.ChangedProtocolSerializer, given_by.ProtocolSerializer)
    @action(detail=True, methods=["post"])
    def change(self, request: Request, pk: uuid.UUID) -> Response:
        """Change fields of a protocol that is not frozen; an older version is 409."""
        row = self.get_object()
        require_designer(row.site, self.user)
        given = checked(given_by.ChangedProtocolSerializer, request)
        version = given.pop("version")
        if given.get("cohort") is not None:
            given["cohort"] = _cohort_of(row.site, given["cohort"])

        def act() -> list[Protocol]:
            protocols.change_protocol(row, given, by_user=self.user, expected_version=version)
            return [row]

        rows_made_once(request, act, self.rows())
        return Response(given_by.ProtocolSerializer(self.rows().get(pk=row.pk)).data)

    @posted("protocols_freeze", None, given_by.ProtocolSerializer)
    @action(detail=True, methods=["post"])
    def freeze(self, request: Request, pk: uuid.UUID) -> Response:
        """Freeze a protocol by its hash; nothing of it changes afterwards."""
        row = self.get_object()
        rows_made_once(request, lambda: [protocols.freeze_protocol(row, by_user=self.user)], self.rows())
        row.refresh_from_db()
        return Response(given_by.ProtocolSerializer(row).data)

    @posted("protocols_checklist_create", drafted_by.ChecklistSerializer, given_by.ProtocolSerializer)
    @action(detail=True, methods=["post"], url_path="checklist")
    def fill_checklist(self, request: Request, pk: uuid.UUID) -> Response:
        """Write what no row can fill of the reporting checklists, by item (`<checklist>.<item>`)."""
        row = self.get_object()
        require_designer(row.site, self.user)
        given = checked(drafted_by.ChecklistSerializer, request)

        def act() -> list[Protocol]:
            protocols.fill_checklist(row, given["items"], by_user=self.user)
            return [row]

        rows_made_once(request, act, self.rows())
        return Response(given_by.ProtocolSerializer(self.rows().get(pk=row.pk)).data)


class ReaderStudyViewSet(ReadOnlyRoomViewSet[ReaderStudy]):
    """Reader studies of the sites where the account is researcher, statistician or admin."""

    model = ReaderStudy
    serializer_class = given_by.ReaderStudySerializer
    read_scope = Scope.READ_TRIALS
    write_scopes = dict.fromkeys(
        ("create", "add_cases", "add_reader", "step", "amend", "withdraw"), Scope.WRITE_TRIALS
    )

    def rows(self) -> QuerySet[ReaderStudy]:
        return ReaderStudy.objects.visible_to(self.user).select_related("site", "protocol", "checkpoint")

    @extend_schema(
        operation_id="reader_studies_create",
        request=given_by.NewReaderStudySerializer,
        responses={201: given_by.ReaderStudySerializer},
        parameters=[IDEMPOTENCY_KEY],
    )
    def create(self, request: Request) -> Response:
        """Make a draft reader study, its model's output pinned to one checkpoint."""
        require_designing(self.user)
        given = checked(given_by.NewReaderStudySerializer, request)
        protocol = designed_protocol(self.user, given.pop("protocol"))
        checkpoint = Checkpoint.objects.filter(run__site=protocol.site, pk=given.pop("checkpoint")).first()
        if checkpoint is None:
            raise UserError(_("checkpoint: none of this id at the protocol's site"))
        name = given.pop("name")
        rows = rows_made_once(
            request,
            lambda: [
                studies.create_reader_study(
                    name, protocol=protocol, checkpoint=checkpoint, by_user=self.user, **given
                )
            ],
            self.rows(),
        )
        return Response(given_by.ReaderStudySerializer(rows[0]).data, status=201)

    @posted("reader_studies_cases_create", given_by.CasesSerializer, given_by.ReaderStudySerializer)
    @action(detail=True, methods=["post"], url_path="cases")
    def add_cases(self, request: Request, pk: uuid.UUID) -> Response:
        """Bring the studies of a cohort in that have pathology."""
        row, given = self.get_object(), checked(given_by.CasesSerializer, request)
        cohort = Cohort.objects.filter(site=row.site, pk=given["cohort"]).first()
        if cohort is None:
            raise UserError(_("cohort: none of this id at the study's site"))
        proven = with_pathology(cohort)
        return self._acted(request, row, lambda: studies.add_cases(row, proven, by_user=self.user))

    @posted("reader_studies_readers_create", given_by.PersonSerializer, given_by.ReaderStudySerializer)
    @action(detail=True, methods=["post"], url_path="readers")
    def add_reader(self, request: Request, pk: uuid.UUID) -> Response:
        """Let a doctor read."""
        row, given = self.get_object(), checked(given_by.PersonSerializer, request)

        def act() -> Any:
            reader = person_of(given["username"], row.site)
            return studies.add_reader(row, reader, by_user=self.user, group=given["group"])

        return self._acted(request, row, act)

    @posted("reader_studies_steps_create", given_by.StudyStepSerializer, given_by.ReaderStudySerializer)
    @action(detail=True, methods=["post"], url_path="steps")
    def step(self, request: Request, pk: uuid.UUID) -> Response:
        """Take the cases outside of the protocol's cohort out, freeze, open or lock."""
        row, given = self.get_object(), checked(given_by.StudyStepSerializer, request)
        steps: dict[str, Act] = {
            "take-out": lambda: take_out_cases(row, by_user=self.user),
            "freeze": lambda: studies.freeze_reader_study(row, by_user=self.user),
            "open": lambda: studies.open_reading(row, by_user=self.user),
            "lock": lambda: studies.lock_readings(row, by_user=self.user, reason=given["reason"]),
        }
        return self._acted(request, row, steps[given["step"]])

    @posted(
        "reader_studies_amendments_create",
        drafted_by.StudyAmendmentSerializer,
        given_by.ReaderStudySerializer,
    )
    @action(detail=True, methods=["post"], url_path="amendments")
    def amend(self, request: Request, pk: uuid.UUID) -> Response:
        """Put on record what was done otherwise than planned."""
        row, given = self.get_object(), checked(drafted_by.StudyAmendmentSerializer, request)
        return self._acted(
            request,
            row,
            lambda: amend_reader_study(row, given["text"], by_user=self.user, reason=given["reason"]),
        )

    @posted(
        "reader_studies_withdrawals_create",
        drafted_by.WithdrawnReaderSerializer,
        given_by.ReaderStudySerializer,
    )
    @action(detail=True, methods=["post"], url_path="withdrawals")
    def withdraw(self, request: Request, pk: uuid.UUID) -> Response:
        """Take a reader out of a running study; what they read stays on the record."""
        row, given = self.get_object(), checked(drafted_by.WithdrawnReaderSerializer, request)

        def act() -> None:
            person = person_of(given["username"], row.site)
            reader = row.readers.select_related("reader_study__site", "user").filter(user=person).first()
            if reader is None:
                raise UserError(_("username: no reader of this study"))
            withdraw_reader(reader, given["reason"], by_user=self.user)

        return self._acted(request, row, act)

    def _acted(self, request: Request, row: ReaderStudy, act: Act) -> Response:
        def acted() -> list[ReaderStudy]:
            act()
            return [row]

        rows_made_once(request, acted, ReaderStudy.objects.filter(pk=row.pk))
        return Response(given_by.ReaderStudySerializer(self.rows().get(pk=row.pk)).data)
