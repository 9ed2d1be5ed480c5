"""Campaigns run by the programming interface, as the pages do it; parts of the campaigns' viewset."""

import uuid
from collections.abc import Callable
from typing import Any

from django.db.models import Count
from django.http import Http404
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from annotation import api_campaign_serializers as given_by
from annotation.api_access import checked, managed, require_researcher, researched_site, visible
from annotation.api_serializers import CampaignDesignSerializer
from annotation.markdown_text import sections_of
from annotation.models import Campaign, CampaignMember, Lease
from annotation.services import (
    assignments,
    campaign_settings,
    campaigns,
    export,
    proposals,
)
from annotation.services.members import NewMember, add_members, people_named
from mammo.accounts.models import User
from mammo.api.once import rows_made_once
from mammo.api.schema import IDEMPOTENCY_KEY
from mammo.api.scopes import Scope
from mammo.api.viewsets import RoomViewSet
from mammo.core.errors import WrongStateError
from mammo.jobs.api import JobSerializer
from mammo.jobs.models import Job

# What a token needs for each action that changes something.
CAMPAIGN_SCOPES = {
    "create": Scope.WRITE_CAMPAIGNS,
    "change_settings": Scope.WRITE_CAMPAIGNS,
    "change_proposer": Scope.WRITE_CAMPAIGNS,
    "change_instructions": Scope.WRITE_CAMPAIGNS,
    "change_guideline": Scope.WRITE_CAMPAIGNS,
    "add_member": Scope.WRITE_CAMPAIGNS,
    "add_several": Scope.WRITE_CAMPAIGNS,
    "remove_member": Scope.WRITE_CAMPAIGNS,
    "move": Scope.WRITE_CAMPAIGNS,
    "share_out": Scope.WRITE_CAMPAIGNS,
    "propose": Scope.WRITE_CAMPAIGNS,
    "write_set": Scope.WRITE_CAMPAIGNS,
    "read_table": Scope.WRITE_CAMPAIGNS,
    "add_question": Scope.WRITE_CAMPAIGNS,
    "invite": Scope.WRITE_CAMPAIGNS,
    "set_pools": Scope.WRITE_CAMPAIGNS,
    "add_practice": Scope.WRITE_CAMPAIGNS,
    "add_phrase": Scope.WRITE_WORK,
    "practise_correcting": Scope.WRITE_WORK,
    "practise_picking": Scope.WRITE_WORK,
}


class RunActions(RoomViewSet[Campaign]):
    """Making a campaign, its settings, texts and people, opening and closing, asking for proposals and exports."""

    @extend_schema(
        operation_id="campaigns_create",
        request=given_by.NewCampaignSerializer,
        responses={201: given_by.CampaignSettingsSerializer},
        parameters=[IDEMPOTENCY_KEY],
    )
    def create(self, request: Request) -> Response:
        """Make a draft campaign at a site where the account is researcher."""
        require_researcher(self.user)
        given = checked(given_by.NewCampaignSerializer, request)
        site = researched_site(self.user, given.pop("site"))
        name = given.pop("name")
        rows = rows_made_once(
            request,
            lambda: [
                campaigns.create_campaign(name, site=site, by_user=self.user, is_from_afar=True, **given)
            ],
            Campaign.objects.managed_by(self.user),
        )
        return Response(given_by.CampaignSettingsSerializer(rows[0]).data, status=201)

    @extend_schema(operation_id="campaigns_settings", responses=given_by.CampaignSettingsSerializer)
    @action(detail=True, methods=["get"], url_path="settings")
    def settings_of(self, request: Request, pk: uuid.UUID) -> Response:
        """Every setting, for researchers of the site."""
        return self._settings(managed(self.user, pk))

    @extend_schema(
        operation_id="campaigns_settings_create",
        request=given_by.ChangedSettingsSerializer,
        responses=given_by.CampaignSettingsSerializer,
        parameters=[IDEMPOTENCY_KEY],
    )
    @settings_of.mapping.post
    def change_settings(self, request: Request, pk: uuid.UUID) -> Response:
        """Change settings; what raters have seen is frozen once the first answer was sent in (409)."""
        campaign, given = managed(self.user, pk), checked(given_by.ChangedSettingsSerializer, request)
        version = given.pop("version")
        self._once(
            request,
            campaign,
            lambda: campaign_settings.change_settings(
                campaign, by_user=self.user, expected_version=version, **given
            ),
        )
        return self._settings(campaign)

    def _settings(self, campaign: Campaign) -> Response:
        campaign.refresh_from_db()
        return Response(given_by.CampaignSettingsSerializer(campaign).data)

    @extend_schema(
        operation_id="campaigns_proposer_create",
        request=given_by.NewProposerSerializer,
        responses=CampaignDesignSerializer,
        parameters=[IDEMPOTENCY_KEY],
    )
    @action(detail=True, methods=["post"], url_path="proposer")
    def change_proposer(self, request: Request, pk: uuid.UUID) -> Response:
        """Name another proposing system; only before the first proposal."""
        campaign, given = managed(self.user, pk), checked(given_by.NewProposerSerializer, request)
        self._once(
            request,
            campaign,
            lambda: campaigns.change_proposer(campaign, by_user=self.user, is_from_afar=True, **given),
        )
        campaign.refresh_from_db()
        return Response(CampaignDesignSerializer(campaign).data)

    @extend_schema(operation_id="campaigns_texts", responses=given_by.TextsSerializer)
    @action(detail=True, methods=["get"], url_path="texts")
    def texts(self, request: Request, pk: uuid.UUID) -> Response:
        """Instructions and guideline, for everybody on the campaign."""
        return self._texts(visible(self.user, pk))

    @extend_schema(
        operation_id="campaigns_instructions_create",
        request=given_by.NewInstructionsSerializer,
        responses=given_by.TextsSerializer,
        parameters=[IDEMPOTENCY_KEY],
    )
    @action(detail=True, methods=["post"], url_path="texts/instructions")
    def change_instructions(self, request: Request, pk: uuid.UUID) -> Response:
        """A new version of the instructions; judgements name the one they were made under."""
        campaign, given = managed(self.user, pk), checked(given_by.NewInstructionsSerializer, request)
        self._once(
            request,
            campaign,
            lambda: campaigns.change_instructions(
                campaign, given["text"], by_user=self.user, expected_version=given["version"]
            ),
        )
        return self._texts(campaign)

    @extend_schema(
        operation_id="campaigns_guideline_create",
        request=given_by.NewGuidelineSerializer,
        responses=given_by.TextsSerializer,
        parameters=[IDEMPOTENCY_KEY],
    )
    @action(detail=True, methods=["post"], url_path="texts/guideline")
    def change_guideline(self, request: Request, pk: uuid.UUID) -> Response:
        """A new version of the guideline, its edition named; error tags cite its headings."""
        campaign, given = managed(self.user, pk), checked(given_by.NewGuidelineSerializer, request)
        self._once(
            request,
            campaign,
            lambda: campaign_settings.change_guideline(
                campaign,
                given["text"],
                edition=given["edition"],
                by_user=self.user,
                expected_version=given["version"],
            ),
        )
        return self._texts(campaign)

    def _texts(self, campaign: Campaign) -> Response:
        campaign.refresh_from_db()
        found = {
            "version": campaign.version,
            "instructions": campaign.instructions,
            "instruction_version": campaigns.current_instructions(campaign),
            "guideline": campaign.guideline,
            "guideline_edition": campaign.guideline_edition,
            "guideline_version": campaign_settings.current_guideline(campaign),
            "sections": sections_of(campaign.guideline),
        }
        return Response(given_by.TextsSerializer(found).data)

    @extend_schema(operation_id="campaigns_members", responses=given_by.MembersSerializer)
    @action(detail=True, methods=["get"], url_path="members")
    def members(self, request: Request, pk: uuid.UUID) -> Response:
        """Who works on a campaign, as what, in which pool; for researchers of the site."""
        return self._members(managed(self.user, pk))

    @extend_schema(
        operation_id="campaigns_members_create",
        request=given_by.NewMemberSerializer,
        responses=given_by.MembersSerializer,
        parameters=[IDEMPOTENCY_KEY],
    )
    @members.mapping.post
    def add_member(self, request: Request, pk: uuid.UUID) -> Response:
        """Let a person work on a campaign; one who does already is put into the pool that is named."""
        campaign, given = managed(self.user, pk), checked(given_by.NewMemberSerializer, request)
        one = NewMember(self._person(campaign, given["user"]), given["purpose"], given["pool"])
        self._once(request, campaign, lambda: add_members(campaign, [one], by_user=self.user))
        return self._members(campaign)

    @extend_schema(
        operation_id="campaigns_members_add_several",
        request=given_by.NewMembersSerializer,
        responses=given_by.MembersSerializer,
        parameters=[IDEMPOTENCY_KEY],
    )
    @action(detail=True, methods=["post"], url_path="members/several")
    def add_several(self, request: Request, pk: uuid.UUID) -> Response:
        """Let several people work on a campaign: all of them, or nobody; what is refused names the account."""
        campaign, given = managed(self.user, pk), checked(given_by.NewMembersSerializer, request)
        rows = given["members"]
        people = people_named(campaign, [row["user"] for row in rows])
        wanted = [NewMember(people[row["user"]], row["purpose"], row["pool"]) for row in rows]
        self._once(request, campaign, lambda: add_members(campaign, wanted, by_user=self.user))
        return self._members(campaign)

    @extend_schema(
        operation_id="campaigns_members_remove",
        request=given_by.FormerMemberSerializer,
        responses=given_by.MembersSerializer,
        parameters=[IDEMPOTENCY_KEY],
    )
    @action(detail=True, methods=["post"], url_path="members/remove")
    def remove_member(self, request: Request, pk: uuid.UUID) -> Response:
        """A person works here no longer; what they did stays, what they hold is free again."""
        campaign, given = managed(self.user, pk), checked(given_by.FormerMemberSerializer, request)
        rows = CampaignMember.objects.filter(campaign=campaign, purpose=given["purpose"])

        def remove() -> None:
            member = (
                rows.select_related("campaign__site", "user").filter(user__username=given["user"]).first()
            )
            if member is None:
                raise Http404
            campaigns.remove_member(member, by_user=self.user)

        self._once(request, campaign, remove)
        return self._members(campaign)

    def _members(self, campaign: Campaign) -> Response:
        rows = campaign.members.select_related("user").order_by("purpose", "user__username")
        return Response(given_by.MembersSerializer({"members": rows}).data)

    @staticmethod
    def _person(campaign: Campaign, name: str) -> User:
        people = User.objects.filter(memberships__site=campaign.site).distinct()
        person: User = get_object_or_404(people, username=name)
        return person

    @extend_schema(
        operation_id="campaigns_move",
        request=given_by.MoveSerializer,
        responses=given_by.CampaignSettingsSerializer,
        parameters=[IDEMPOTENCY_KEY],
    )
    @action(detail=True, methods=["post"])
    def move(self, request: Request, pk: uuid.UUID) -> Response:
        """Open or close a campaign."""
        campaign, given = managed(self.user, pk), checked(given_by.MoveSerializer, request)

        def act() -> None:
            if given["to"] == "open":
                campaigns.open_campaign(campaign, by_user=self.user)
            else:
                campaigns.close_campaign(campaign, by_user=self.user, reason=given["reason"])

        self._once(request, campaign, act)
        return self._settings(campaign)

    @extend_schema(
        operation_id="campaigns_share_out",
        request=given_by.ShareSerializer,
        responses=given_by.SharesSerializer,
        parameters=[IDEMPOTENCY_KEY],
    )
    @action(detail=True, methods=["post"], url_path="share-out")
    def share_out(self, request: Request, pk: uuid.UUID) -> Response:
        """Assign what nobody holds to named people in equal parts."""
        campaign, given = managed(self.user, pk), checked(given_by.ShareSerializer, request)
        people = [self._person(campaign, name) for name in dict.fromkeys(given["people"])]
        purpose = given["purpose"]
        self._once(
            request,
            campaign,
            lambda: assignments.share_out(campaign, people, purpose, by_user=self.user, most=given["most"]),
        )
        held = Lease.objects.filter(question__campaign=campaign, purpose=purpose, expires_at__isnull=True)
        counted = held.order_by().values_list("user__username").annotate(n=Count("pk"))
        return Response({"assigned": dict(counted)})

    @extend_schema(
        operation_id="campaigns_propose",
        request=None,
        responses={201: JobSerializer},
        parameters=[IDEMPOTENCY_KEY],
    )
    @action(detail=True, methods=["post"])
    def propose(self, request: Request, pk: uuid.UUID) -> Response:
        """Queue proposals for the questions that lack them."""
        campaign = managed(self.user, pk)

        def queue() -> list[Job]:
            job = proposals.queue_proposals(campaign, by_user=self.user)
            if job is None:
                raise WrongStateError(_("No question lacks proposals."))
            return [job]

        rows = rows_made_once(request, queue, Job.objects.visible_to(self.user))
        return Response(JobSerializer(rows[0]).data, status=201)

    @extend_schema(
        operation_id="campaigns_exports_create",
        request=given_by.NewExportSerializer,
        responses={201: JobSerializer},
        parameters=[IDEMPOTENCY_KEY],
    )
    @action(detail=True, methods=["post"], url_path="exports")
    def write_set(self, request: Request, pk: uuid.UUID) -> Response:
        """Queue a training set from the picked answers."""
        campaign, given = managed(self.user, pk), checked(given_by.NewExportSerializer, request)
        rows = rows_made_once(
            request,
            lambda: [export.queue_export(campaign, by_user=self.user, **given)],
            Job.objects.visible_to(self.user),
        )
        return Response(JobSerializer(rows[0]).data, status=201)

    def _once(self, request: Request, campaign: Campaign, act: Callable[[], Any]) -> None:
        """Do something with a campaign, once per key."""

        def acted() -> list[Campaign]:
            act()
            return [campaign]

        rows_made_once(request, acted, Campaign.objects.filter(pk=campaign.pk))
