"""Who may do what, at which site; and the hash-chained trail of what was done."""

import uuid
from datetime import datetime
from typing import ClassVar

from django.contrib.auth.models import AbstractUser, UserManager
from django.db import models
from django.utils.translation import gettext_lazy as _

from mammo.core.models import OpaqueModel, TimedModel


class Role(models.TextChoices):
    """Roles of DESIGN section 5."""

    JUNIOR = "junior", _("Junior radiologist")
    SENIOR = "senior", _("Senior radiologist")
    AUTHOR = "author", _("Author")
    DATA_MANAGER = "data_manager", _("Data manager")
    RESEARCHER = "researcher", _("Researcher")
    STATISTICIAN = "statistician", _("Statistician")
    AUDITOR = "auditor", _("Auditor")
    ADMIN = "admin", _("Administrator")


class Site(TimedModel):
    """A hospital; everything is scoped by it. `code` stands where an institution's name would identify."""

    code = models.SlugField(max_length=32, unique=True)
    name = models.CharField(max_length=200)
    key_id = models.UUIDField(editable=False, help_text="key of texts of this site that belong to no patient")
    is_simulated = models.BooleanField(default=False)

    def __str__(self) -> str:
        return self.code


class User(AbstractUser):
    """An account. Roles are held per site (`Membership`)."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    display_name = models.CharField(_("name"), max_length=150, blank=True)
    years_of_experience = models.DecimalField(max_digits=4, decimal_places=1, null=True, blank=True)
    breast_training = models.CharField(max_length=300, blank=True)
    language = models.CharField(
        max_length=10, default="en", choices=[("en", "English"), ("zh-hans", "简体中文")]
    )
    is_simulated = models.BooleanField(
        default=False, help_text=_("scripted account; copied to each judgement")
    )
    must_change_password = models.BooleanField(
        default=False, help_text=_("an administrator gave the password; its owner chooses another first")
    )

    objects: ClassVar[UserManager["User"]] = UserManager()  # type: ignore[assignment]

    def __str__(self) -> str:
        return self.display_name or self.username

    def sites_as(self, *roles: str) -> models.QuerySet[Site]:
        """Sites at which the account holds one of `roles` (any role when none is named)."""
        held = Membership.objects.filter(user=self)
        if roles:
            held = held.filter(role__in=roles)
        return Site.objects.filter(pk__in=held.values("site"))

    def has_role(self, *roles: str, site: Site | None = None) -> bool:
        """Whether the account holds one of `roles` (at `site`, when given)."""
        if not self.is_active:
            return False
        held = Membership.objects.filter(user=self, role__in=roles)
        return (held.filter(site=site) if site is not None else held).exists()

    @property
    def roles(self) -> set[str]:
        """All roles held anywhere."""
        return set(Membership.objects.filter(user=self).values_list("role", flat=True))

    def role_names(self) -> list[str]:
        """The roles held anywhere in the reader's language, in the order of `Role`."""
        held = self.roles
        return [str(role.label) for role in Role if role in held]


class Membership(TimedModel):
    """One role of one account at one site."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="memberships")
    site = models.ForeignKey(Site, on_delete=models.PROTECT, related_name="memberships")
    role = models.CharField(max_length=20, choices=Role)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "site", "role"], name="membership_once")]

    def __str__(self) -> str:
        return f"{self.user} {self.role}@{self.site}"


class AuditHead(models.Model):
    """The one row that is locked while the chain grows: sequence and hash of the last event."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    sequence = models.PositiveBigIntegerField(default=0)
    sha256 = models.CharField(max_length=64, default="0" * 64)

    def __str__(self) -> str:
        return f"head at {self.sequence}"


class AuditEventQuerySet(models.QuerySet["AuditEvent"]):
    """Queries named as the domain says them."""

    def visible_to(self, user: User) -> "AuditEventQuerySet":
        """Events of the sites where the account is auditor or administrator.

        Of those that belong to no site (signing in, a lost phone): what members of these sites did, what was done
        to their accounts by nobody signed in, and what names no person.
        """
        sites = user.sites_as(Role.AUDITOR, Role.ADMIN)
        members = list(Membership.objects.filter(site__in=sites).values_list("user", flat=True).distinct())
        about_others = models.Q(object_type=User._meta.label_lower) & ~models.Q(
            object_id__in=[str(member) for member in members]
        )
        by_nobody = models.Q(actor__isnull=True) & ~about_others
        siteless = models.Q(site__isnull=True) & (models.Q(actor__in=members) | by_nobody)
        return self.filter(models.Q(site__in=sites) | siteless)

    def narrowed(
        self,
        *,
        action: str = "",
        actor: str = "",
        about: str = "",
        site: str = "",
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> "AuditEventQuerySet":
        """Events whose action begins so, by this account name, about this object, at this site, in this time."""
        found = self
        if action:
            found = found.filter(action__startswith=action)
        if actor:
            found = found.filter(actor__username=actor)
        if about:
            found = found.filter(object_id=about)
        if site:
            found = found.filter(site__code=site)
        if since is not None:
            found = found.filter(at__gte=since)
        if until is not None:
            found = found.filter(at__lte=until)
        return found


class AuditEvent(OpaqueModel):
    """Who did what to which object, when and why; each row holds the hash of the one before. Append-only."""

    append_only = True

    sequence = models.PositiveBigIntegerField(unique=True)
    at = models.DateTimeField()
    actor = models.ForeignKey(User, null=True, on_delete=models.PROTECT, related_name="+")
    action = models.CharField(max_length=60)
    object_type = models.CharField(max_length=60, blank=True)
    object_id = models.CharField(max_length=64, blank=True)
    site = models.ForeignKey(Site, null=True, on_delete=models.PROTECT, related_name="+")
    reason = models.CharField(max_length=500, blank=True)
    details = models.JSONField(default=dict)
    previous_sha256 = models.CharField(max_length=64)
    sha256 = models.CharField(max_length=64)

    objects: ClassVar[models.Manager["AuditEvent"]] = AuditEventQuerySet.as_manager()

    class Meta:
        ordering = ["sequence"]

    def __str__(self) -> str:
        return f"{self.sequence} {self.action}"
