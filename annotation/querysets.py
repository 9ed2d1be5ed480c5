"""Queries of the annotation rows, named as the domain says them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.apps import apps
from django.db import models
from django.db.models import Count, Exists, F, OuterRef, Q, Subquery
from django.db.models.functions import Coalesce
from django.utils import timezone

if TYPE_CHECKING:
    # Named in quotes below, where ruff does not look.
    from annotation.models import Campaign, Correction, Lease, Pick, Proposal, Question  # noqa: F401
    from mammo.accounts.models import User

# Who may do what: the role that each purpose needs.
ROLE_FOR = {"correct": "junior", "pick": "senior"}


def _rows(name: str) -> models.Manager[Any]:
    manager: models.Manager[Any] = apps.get_model("annotation", name)._default_manager
    return manager


def _membership(user: User, purpose: str, campaign: str) -> Exists:
    """Whether `user` is a member for `purpose`, and still holds its role at the campaign's site."""
    members = _rows("CampaignMember").filter(
        campaign=OuterRef(campaign),
        user=user,
        purpose=purpose,
        campaign__site__in=user.sites_as(ROLE_FOR[purpose]),
    )
    return Exists(members)


class CampaignQuerySet(models.QuerySet["Campaign"]):
    """Campaigns."""

    def visible_to(self, user: User) -> CampaignQuerySet:
        """All campaigns of a researcher's sites; to others those they work on, once these are open."""
        member = _membership(user, "correct", "pk") | _membership(user, "pick", "pk")
        return self.filter(Q(site__in=user.sites_as("researcher", "admin")) | (Q(member) & ~Q(state="draft")))


class QuestionQuerySet(models.QuerySet["Question"]):
    """Questions and the worklists made of them."""

    def visible_to(self, user: User) -> QuestionQuerySet:
        """All questions of a researcher's sites; to others those of the campaigns they work on."""
        return self.filter(
            Q(campaign__site__in=user.sites_as("researcher", "admin"))
            | Q(self._open_to(user, "correct"))
            | Q(self._open_to(user, "pick"))
        )

    def open_to(self, user: User, purpose: str) -> QuestionQuerySet:
        """Questions of campaigns that are no drafts and that `user` works on for `purpose`."""
        return self.filter(self._open_to(user, purpose))

    @staticmethod
    def _open_to(user: User, purpose: str) -> Q:
        return Q(_membership(user, purpose, "campaign")) & ~Q(campaign__state="draft")

    def lacking_proposals(self) -> QuestionQuerySet:
        """Questions that no model has proposed answers to yet."""
        return self.filter(stage="new").filter(~Exists(_rows("Proposal").filter(question=OuterRef("pk"))))

    def waiting_for(self, user: User, purpose: str) -> QuestionQuerySet:
        """The worklist of `user`: what may be corrected or picked now, returned questions first."""
        found = self.open_to(user, purpose).filter(campaign__state="open")
        found = found.filter(_stage_for(purpose)).exclude(_done_by(user, purpose))
        if purpose == "pick":
            found = found.exclude(
                Exists(_rows("Correction").filter(proposal__question=OuterRef("pk"), by_user=user))
            )
        overlap = "campaign__overlap" if purpose == "correct" else "campaign__senior_overlap"
        return (
            found.annotate(seats_of_others=_seats_of_others(user, purpose))
            .filter(seats_of_others__lt=F(overlap))
            .order_by("-round", "campaign", "position")
        )

    def done_by(self, user: User, purpose: str) -> QuestionQuerySet:
        """What `user` has settled in the question's present round."""
        return self.filter(_done_by(user, purpose)).order_by("campaign", "position")


def _stage_for(purpose: str) -> Q:
    return Q(stage="proposed") if purpose == "correct" else Q(stage="corrected")


def _done_by(user: User, purpose: str) -> Exists:
    if purpose == "correct":
        rows = _rows("Correction").filter(
            proposal__question=OuterRef("pk"), by_user=user, round=OuterRef("round")
        )
    else:
        rows = _rows("Pick").filter(question=OuterRef("pk"), by_user=user, round=OuterRef("round"))
    return Exists(rows)


def _seats_of_others(user: User, purpose: str) -> Coalesce:
    leases = _rows("Lease").filter(
        Q(expires_at__isnull=True) | Q(expires_at__gt=timezone.now()),
        question=OuterRef("pk"),
        purpose=purpose,
        round=OuterRef("round"),
    )
    counted = leases.exclude(user=user).order_by().values("question").annotate(n=Count("pk")).values("n")
    return Coalesce(Subquery(counted), 0, output_field=models.IntegerField())


class ProposalQuerySet(models.QuerySet["Proposal"]):
    """Proposals."""

    def current(self, question: Question) -> ProposalQuerySet:
        """The newest set of proposals to a question, in the order they were made."""
        newest = self.filter(question=question).aggregate(newest=models.Max("round"))["newest"]
        return self.filter(question=question, round=newest or 0).order_by("index")


class CorrectionQuerySet(models.QuerySet["Correction"]):
    """Corrections."""

    def standing(self) -> CorrectionQuerySet:
        """Those that no later revision replaces."""
        return self.filter(replaced_by__isnull=True)

    def candidates(self, question: Question) -> CorrectionQuerySet:
        """The corrected answers of the question's present round that a senior chooses from."""
        return self.standing().filter(proposal__question=question, round=question.round).order_by("pk")


class PickQuerySet(models.QuerySet["Pick"]):
    """Picks."""

    def standing(self) -> PickQuerySet:
        """Those that no later revision replaces."""
        return self.filter(replaced_by__isnull=True)


class LeaseQuerySet(models.QuerySet["Lease"]):
    """Leases."""

    def standing(self) -> LeaseQuerySet:
        """Named assignments, finished work, and pool work whose time is not over."""
        return self.filter(Q(expires_at__isnull=True) | Q(expires_at__gt=timezone.now()))
