"""Tokens of the programming interface: only their hash is kept."""

from django.db import models
from django.db.models import Q
from django.utils import timezone

from mammo.accounts.models import User
from mammo.core.models import TimedModel


class ApiTokenQuerySet(models.QuerySet["ApiToken"]):
    """Queries named as the domain says them."""

    def of(self, user: User) -> "ApiTokenQuerySet":
        """Tokens of this account, newest first."""
        return self.filter(user=user).order_by("-created_at")

    def usable(self) -> "ApiTokenQuerySet":
        """Neither expired nor revoked, of accounts that are active."""
        now = timezone.now()
        return self.filter(Q(revoked_at__isnull=True), expires_at__gt=now, user__is_active=True)


class ApiToken(TimedModel):
    """A named, scoped, expiring key of one account.

    The secret is 32 random bytes, so one round of SHA-256 keeps it as safe at rest as a slow hash would.
    """

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="api_tokens")
    name = models.CharField(max_length=80)
    digest = models.CharField(max_length=64, unique=True, help_text="SHA-256 of the secret")
    ending = models.CharField(max_length=4, help_text="last characters, to tell tokens apart")
    scopes = models.JSONField(default=list)
    expires_at = models.DateTimeField()
    last_used_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)

    objects = ApiTokenQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return f"{self.name} …{self.ending}"

    @property
    def state(self) -> str:
        """`usable`, `expired` or `revoked`."""
        if self.revoked_at is not None:
            return "revoked"
        return "usable" if self.expires_at > timezone.now() else "expired"
