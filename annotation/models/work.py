"""Work under way: drafts, seats, skipped and flagged questions, remarks, news."""

from django.db import models

from annotation.models.campaigns import Campaign
from annotation.models.choices import FlagKind, NewsKind, Purpose, SkipReason
from annotation.models.questions import AboutQuestion, Question
from annotation.querysets import CommentQuerySet, LeaseQuerySet, NotificationQuerySet
from mammo.accounts.models import User
from mammo.core.encryption import EncryptedJSONField, EncryptedTextField
from mammo.core.models import AppendOnlyModel, TimedModel, VersionedModel


class Draft(AboutQuestion, VersionedModel):
    """Unfinished work of one person, saved on the server while they type."""

    question = models.ForeignKey(Question, on_delete=models.PROTECT, related_name="drafts")
    user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="drafts")
    purpose = models.CharField(max_length=10, choices=Purpose)
    content = EncryptedJSONField()
    page = models.UUIDField(null=True, help_text="the open page that saved last; empty: a program did")
    page_save = models.PositiveIntegerField(default=0, help_text="which of that page's saves it was")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["question", "user", "purpose"], name="draft_once")]

    def __str__(self) -> str:
        return f"draft of {self.user_id} on {self.question_id}"


class Lease(TimedModel):
    """A person holds a question for a while; expiry never drops a draft."""

    question = models.ForeignKey(Question, on_delete=models.CASCADE, related_name="leases")
    user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="leases")
    purpose = models.CharField(max_length=10, choices=Purpose)
    round = models.PositiveSmallIntegerField(default=1)
    seat = models.PositiveSmallIntegerField(default=0, help_text="0 to overlap - 1")
    expires_at = models.DateTimeField(null=True, help_text="empty: a named assignment, which does not expire")

    objects = LeaseQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["question", "user", "purpose", "round"], name="lease_person_once"
            ),
            models.UniqueConstraint(fields=["question", "purpose", "round", "seat"], name="lease_seat_once"),
        ]

    def __str__(self) -> str:
        return f"{self.user_id} holds {self.question_id}"


class Skip(AboutQuestion, TimedModel):
    """A person left a question to somebody else, with a reason; a researcher may give it back."""

    question = models.ForeignKey(Question, on_delete=models.PROTECT, related_name="skips")
    by_user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    purpose = models.CharField(max_length=10, choices=Purpose)
    round = models.PositiveSmallIntegerField(default=1)
    code = models.CharField(max_length=10, choices=SkipReason)
    reason = EncryptedTextField(blank=True)
    lifted_at = models.DateTimeField(null=True)
    lifted_by = models.ForeignKey(User, null=True, on_delete=models.PROTECT, related_name="+")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["question", "by_user", "purpose", "round"],
                condition=models.Q(lifted_at__isnull=True),
                name="skip_once",
            )
        ]

    def __str__(self) -> str:
        return f"{self.by_user_id} skipped {self.question_id}"


class Flag(AboutQuestion, TimedModel):
    """Something is wrong with the question itself; a researcher settles it."""

    question = models.ForeignKey(Question, on_delete=models.PROTECT, related_name="flags")
    by_user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    kind = models.CharField(max_length=10, choices=FlagKind)
    note = EncryptedTextField(blank=True)
    settled_at = models.DateTimeField(null=True)
    settled_by = models.ForeignKey(User, null=True, on_delete=models.PROTECT, related_name="+")
    settlement = EncryptedTextField(blank=True)

    def __str__(self) -> str:
        return f"{self.kind} flag on {self.question_id}"


class Comment(AboutQuestion, AppendOnlyModel):
    """A remark on a question, among those who work on it."""

    question = models.ForeignKey(Question, on_delete=models.PROTECT, related_name="comments")
    by_user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    role = models.CharField(max_length=10, help_text="correct, pick or research: as what it was written")
    text = EncryptedTextField()

    objects = CommentQuerySet.as_manager()

    def __str__(self) -> str:
        return f"remark on {self.question_id}"


class Notification(TimedModel):
    """One line of news for one person; it names the question and holds none of its text."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="notifications")
    kind = models.CharField(max_length=10, choices=NewsKind)
    campaign = models.ForeignKey(Campaign, null=True, on_delete=models.CASCADE, related_name="+")
    question = models.ForeignKey(Question, null=True, on_delete=models.CASCADE, related_name="+")
    read_at = models.DateTimeField(null=True)
    sent_at = models.DateTimeField(null=True, help_text="by e-mail, where that is switched on")
    posted_at = models.DateTimeField(null=True, help_text="by webhook, where that is switched on")

    objects = NotificationQuerySet.as_manager()

    class Meta:
        indexes = [models.Index(fields=["user", "read_at", "created_at"], name="notification_list")]

    def __str__(self) -> str:
        return f"{self.kind} for {self.user_id}"
