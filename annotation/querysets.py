"""Queries of the annotation rows, named as the domain says them."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.apps import apps
from django.db import models
from django.db.models import Count, Exists, ExpressionWrapper, F, OuterRef, Q, Subquery, Value
from django.db.models.functions import Coalesce
from django.db.models.lookups import LessThan
from django.utils import timezone

if TYPE_CHECKING:
    # Named in quotes below, where ruff does not look.
    from annotation.models import (  # noqa: F401
        Campaign,
        Comment,
        Correction,
        EndpointApproval,
        Lease,
        Notification,
        Phrase,
        Pick,
        Proposal,
        Question,
        QuestionUpload,
        Transmission,
    )
    from mammo.accounts.models import Site, User

# Beyond this nobody plans a day by the exact number.
MOST_COUNTED = 1000
# Who may bring in questions.
KEEPERS = ("researcher", "data_manager", "admin")
# Who may do what: the role that each purpose needs.
ROLE_FOR = {"correct": "junior", "pick": "senior", "adjudicate": "senior"}
# Where a question stands while it waits for each purpose.
STAGE_FOR = {"correct": "proposed", "pick": "corrected", "adjudicate": "adjudicate"}
# Where nobody chooses among its answers any more.
SETTLED_STAGES = ("picked", "withdrawn")
# Where a question can stand while a seat for each purpose still has its work before it.
STAGES_BEFORE = {
    "correct": ("new", "proposed"),
    "pick": ("new", "proposed", "corrected"),
    "adjudicate": ("new", "proposed", "corrected", "adjudicate"),
}


# What no data manager has read: practice examples are about no patient.
UNCONFIRMED = Q(cleaned_by=None, stage__in=("new", "withdrawn"), is_practice=False)


def _rows(name: str) -> models.Manager[Any]:
    manager: models.Manager[Any] = apps.get_model("annotation", name)._default_manager
    return manager


def _membership(user: User, purpose: str, campaign: str, pool: str = "") -> Exists:
    """Whether `user` is a member for `purpose`, and still holds its role at the campaign's site.

    Args:
        pool: the outer row's field that names a pool; its questions are for the members of that pool alone.
    """
    members = _rows("CampaignMember").filter(
        campaign=OuterRef(campaign),
        user=user,
        purpose=purpose,
        campaign__site__in=user.sites_as(ROLE_FOR[purpose]),
    )
    if pool:
        asked = ExpressionWrapper(OuterRef(pool), output_field=models.CharField())
        members = members.annotate(asked_pool=asked).filter(Q(asked_pool="") | Q(pool=F("asked_pool")))
    return Exists(members)


class CampaignQuerySet(models.QuerySet["Campaign"]):
    """Campaigns."""

    def visible_to(self, user: User) -> CampaignQuerySet:
        """All campaigns of a researcher's sites; to others those they work on, once these are open."""
        member = Q()
        for purpose in ROLE_FOR:
            member |= Q(_membership(user, purpose, "pk"))
        return self.filter(Q(site__in=user.sites_as("researcher", "admin")) | (member & ~Q(state="draft")))

    def managed_by(self, user: User) -> CampaignQuerySet:
        """Campaigns of the sites where `user` is researcher or administrator."""
        return self.filter(site__in=user.sites_as("researcher", "admin"))

    def read_in_full_by(self, user: User) -> CampaignQuerySet:
        """Of the campaigns that `user` runs those that they do not work on: who chooses knows no origin before."""
        return self.managed_by(user).exclude(members__user=user)


class QuestionQuerySet(models.QuerySet["Question"]):
    """Questions and the worklists made of them."""

    def visible_to(self, user: User) -> QuestionQuerySet:
        """All questions of a researcher's sites; to others the confirmed ones of the campaigns they work on."""
        visible = Q(campaign__site__in=user.sites_as("researcher", "admin"))
        for purpose in ROLE_FOR:
            visible |= self._open_to(user, purpose)
        return self.filter(visible)

    def managed_by(self, user: User) -> QuestionQuerySet:
        """Questions of the sites where `user` is researcher or administrator."""
        return self.filter(campaign__site__in=user.sites_as("researcher", "admin"))

    def open_to(self, user: User, purpose: str) -> QuestionQuerySet:
        """Confirmed questions of campaigns that are no drafts and that `user` works on for `purpose`."""
        return self.filter(self._open_to(user, purpose))

    @staticmethod
    def _open_to(user: User, purpose: str) -> Q:
        works_on = Q(_membership(user, purpose, "campaign", "pool")) & ~Q(campaign__state="draft")
        return works_on & ~UNCONFIRMED

    def unconfirmed(self) -> QuestionQuerySet:
        """Questions that wait for a data manager to look at their cleaned wording."""
        return self.filter(UNCONFIRMED, stage="new")

    def unconfirmed_for(self, user: User) -> QuestionQuerySet:
        """Of these, the ones of this data manager's sites."""
        return self.unconfirmed().filter(campaign__site__in=user.sites_as("data_manager"))

    def lacking_proposals(self) -> QuestionQuerySet:
        """Questions of confirmed wording that no model has proposed answers to yet."""
        return self.filter(stage="new", cleaned_by__isnull=False).filter(
            ~Exists(_rows("Proposal").filter(question=OuterRef("pk")))
        )

    def waiting_for(self, user: User, purpose: str) -> QuestionQuerySet:
        """The worklist of `user`: what may be worked on now, returned questions first; nothing skipped."""
        found = self.open_to(user, purpose).filter(campaign__state="open", stage=STAGE_FOR[purpose])
        found = found.exclude(_done_by(user, purpose)).exclude(_skipped_by(user, purpose))
        if purpose != "correct":
            found = found.exclude(_corrected_by(user))
        if purpose == "adjudicate":
            found = found.exclude(_done_by(user, "pick"))
        held = _seat_of(user, purpose)
        return (
            found.filter(Q(held) | Q(LessThan(_seats_of_others(user, purpose), _seats(purpose))))
            .filter(Q(held) | Q(campaign__is_assigned_only=False))
            .order_by("-round", "campaign", "position")
        )

    def first_waiting(
        self, user: User, purpose: str, *, most: int, without: Collection[UUID] = ()
    ) -> list[Question]:
        """The head of the worklist, in its order, found campaign by campaign along the worklist's index.

        Ordered over all campaigns at once, the database would look at every waiting question's seats before it
        could sort them (docs/benchmarks.md).
        """
        found: list[Question] = []
        campaigns = _rows("Campaign").filter(members__user=user, members__purpose=purpose, state="open")
        for campaign in campaigns.distinct().order_by("pk"):
            rows = self.waiting_for(user, purpose).filter(campaign=campaign).exclude(pk__in=without)
            rows = rows.select_related("campaign__site", "patient").order_by("-round", "position")
            found += rows[:most]
        # Campaigns stay in their order among questions of the same round: sorting is stable.
        return sorted(found, key=lambda question: -question.round)[:most]

    def count_waiting(
        self, user: User, purpose: str, *, most: int = MOST_COUNTED, without: Collection[UUID] = ()
    ) -> int:
        """How many questions wait beside those of `without`, counted no further than `most`."""
        total = 0
        campaigns = _rows("Campaign").filter(members__user=user, members__purpose=purpose, state="open")
        for campaign in campaigns.distinct():
            rows = self.waiting_for(user, purpose).filter(campaign=campaign).exclude(pk__in=without)
            rows = rows.order_by("-round", "position")
            total += rows[: most - total].count()
            if total >= most:
                break
        return total

    def held_by(self, user: User, purpose: str) -> QuestionQuerySet:
        """Of the worklist: what `user` was assigned or has begun."""
        # Found from the person's seats, which are few: not by asking every waiting question for its seats.
        seats = _rows("Lease").filter(
            Q(expires_at__isnull=True) | Q(expires_at__gt=timezone.now()),
            user=user,
            purpose=purpose,
            question__stage=STAGE_FOR[purpose],
            round=F("question__round"),
        )
        return self.waiting_for(user, purpose).filter(pk__in=list(seats.values_list("question", flat=True)))

    def returned_to(self, user: User) -> QuestionQuerySet:
        """Of the worklist: what `user` corrected in an earlier round and a senior sent back."""
        return self.waiting_for(user, "correct").filter(_corrected_by(user), round__gt=1)

    def skipped_by(self, user: User, purpose: str) -> QuestionQuerySet:
        """What `user` left to others in the question's present round."""
        found = self.open_to(user, purpose).filter(stage=STAGE_FOR[purpose])
        return found.filter(_skipped_by(user, purpose)).order_by("campaign", "position")

    def done_by(self, user: User, purpose: str) -> QuestionQuerySet:
        """What `user` has settled in the question's present round."""
        return self.filter(_done_by(user, purpose)).order_by("campaign", "position")


def _done_by(user: User, purpose: str) -> Exists:
    if purpose == "correct":
        rows = _rows("Correction").filter(
            proposal__question=OuterRef("pk"), by_user=user, round=OuterRef("round")
        )
    else:
        rows = _rows("Pick").filter(
            question=OuterRef("pk"),
            by_user=user,
            round=OuterRef("round"),
            is_adjudication=purpose == "adjudicate",
        )
    return Exists(rows)


def _corrected_by(user: User) -> Exists:
    return Exists(_rows("Correction").filter(proposal__question=OuterRef("pk"), by_user=user))


def _skipped_by(user: User, purpose: str) -> Exists:
    rows = _rows("Skip").filter(question=OuterRef("pk"), by_user=user, purpose=purpose)
    return Exists(rows.filter(round=OuterRef("round"), lifted_at__isnull=True))


def _standing_leases(purpose: str) -> models.QuerySet[Any]:
    found: models.QuerySet[Any] = _rows("Lease").filter(
        Q(expires_at__isnull=True) | Q(expires_at__gt=timezone.now()),
        question=OuterRef("pk"),
        purpose=purpose,
        round=OuterRef("round"),
    )
    return found


def _seat_of(user: User, purpose: str) -> Exists:
    return Exists(_standing_leases(purpose).filter(user=user))


def _seats(purpose: str) -> F | Value:
    return {"correct": F("campaign__overlap"), "pick": F("campaign__senior_overlap")}.get(purpose, Value(1))


def _seats_of_others(user: User, purpose: str) -> Coalesce:
    leases = _standing_leases(purpose).exclude(user=user)
    counted = leases.order_by().values("question").annotate(n=Count("pk")).values("n")
    return Coalesce(Subquery(counted), 0, output_field=models.IntegerField())


class QuestionUploadQuerySet(models.QuerySet["QuestionUpload"]):
    """Tables of questions that wait to be confirmed; they hold patients' words before cleaning."""

    def visible_to(self, user: User) -> QuestionUploadQuerySet:
        """One's own, while one may still bring in questions at the site; all of a site for its data managers."""
        own = Q(by_user=user, campaign__site__in=user.sites_as(*KEEPERS))
        return self.filter(own | Q(campaign__site__in=user.sites_as("data_manager")))


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

    def at_work(self) -> LeaseQuerySet:
        """Standing seats at questions that wait now for what the seat is for, and that its holder has not settled."""
        now = Q()
        for purpose, stage in STAGE_FOR.items():
            now |= Q(purpose=purpose, question__stage=stage)
        return self.standing().unsettled().filter(now)

    def unsettled(self) -> LeaseQuerySet:
        """Seats at questions that wait for what the seat is for, now or at a later stage of their present round.

        What its holder has settled is not among them.
        """
        theirs = {"by_user": OuterRef("user"), "round": OuterRef("round")}
        corrected = _rows("Correction").filter(proposal__question=OuterRef("question"), **theirs)
        picked = _rows("Pick").filter(question=OuterRef("question"), **theirs)
        done = {
            "correct": corrected,
            "pick": picked.filter(is_adjudication=False),
            "adjudicate": picked.filter(is_adjudication=True),
        }
        open_ = Q()
        for purpose, rows in done.items():
            open_ |= Q(purpose=purpose, question__stage__in=STAGES_BEFORE[purpose]) & ~Q(Exists(rows))
        return self.filter(open_, round=F("question__round"))


class CommentQuerySet(models.QuerySet["Comment"]):
    """Remarks."""

    def readable_by(self, user: User, question: Question) -> CommentQuerySet:
        """What `user` may read of a question's remarks now.

        A researcher who does not work on the campaign reads all. A junior reads all of a question they work on;
        where several juniors are to agree, the others' only once their own correction of this round exists. A
        senior reads, until they chose and the question is settled, what researchers and they themselves wrote: a
        junior's remark would tell who changed what.
        """
        rows = self.filter(question=question).order_by("created_at", "pk")
        members = _rows("CampaignMember").filter(campaign=question.campaign, user=user)
        if user.has_role("researcher", "admin", site=question.campaign.site) and not members.exists():
            return rows
        own = _rows("Correction").filter(proposal__question=question, by_user=user)
        compared = question.campaign.overlap > 1 and members.filter(purpose="correct").exists()
        if compared and not own.filter(round=question.round).exists():
            return rows.filter(Q(role="research") | Q(by_user=user))
        if own.exists():
            return rows
        chosen = _rows("Pick").filter(question=question, by_user=user, round=question.round)
        has_chosen = question.stage in SETTLED_STAGES and chosen.exists()
        is_senior = members.filter(purpose__in=("pick", "adjudicate"))
        if has_chosen or not is_senior.exists():
            return rows
        return rows.filter(Q(role="research") | Q(by_user=user))


class NotificationQuerySet(models.QuerySet["Notification"]):
    """News."""

    def unread(self, user: User) -> NotificationQuerySet:
        """What this person has not seen yet."""
        return self.filter(user=user, read_at__isnull=True)


class PhraseQuerySet(models.QuerySet["Phrase"]):
    """Phrases."""

    def usable_by(self, user: User, campaign: Campaign) -> PhraseQuerySet:
        """A person's own phrases and the shared ones, in alphabetical order."""
        return self.filter(Q(by_user=user) | Q(is_shared=True), campaign=campaign).order_by("text")


class EndpointApprovalQuerySet(models.QuerySet["EndpointApproval"]):
    """Approvals of endpoints."""

    def standing(self, site: Site, host: str) -> EndpointApprovalQuerySet:
        """Approvals of this host that hold today."""
        today = timezone.localdate()
        return self.filter(site=site, host=host, state="approved", expires_on__gte=today)

    def to_decide(self, user: User) -> EndpointApprovalQuerySet:
        """What others asked for and the account may decide."""
        sites = user.sites_as("admin", "data_manager")
        return self.filter(state="asked", site__in=sites).exclude(asked_by=user)


class TransmissionQuerySet(models.QuerySet["Transmission"]):
    """What was handed over to be sent to endpoints."""

    def on_day(self, day: date) -> TransmissionQuerySet:
        """Those of one day of the installation's time zone."""
        begin = timezone.make_aware(datetime.combine(day, time.min))
        return self.filter(created_at__gte=begin, created_at__lt=begin + timedelta(days=1))

    def with_answers(self) -> TransmissionQuerySet:
        """With `answers`: how many proposals the same job stored for the same question."""
        proposal = apps.get_model("annotation", "Proposal")
        made = proposal.objects.filter(job=OuterRef("job"), question=OuterRef("question"))
        counted = made.order_by().values("question").annotate(n=Count("pk")).values("n")
        return self.annotate(answers=Coalesce(Subquery(counted), Value(0)))
