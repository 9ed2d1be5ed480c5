"""Base models: opaque keys, versions, append-only rows."""

import uuid

from django.db import models


class OpaqueModel(models.Model):
    """A row whose public name is a random UUIDv4: it says nothing about order, time or kind."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)

    class Meta:
        abstract = True


class TimedModel(OpaqueModel):
    """A row that knows when it was made."""

    created_at = models.DateTimeField(auto_now_add=True, editable=False)

    class Meta:
        abstract = True


class VersionedModel(TimedModel):
    """An editable row: every save goes through `core.versions.save_versioned` and moves `version` by one."""

    version = models.PositiveIntegerField(default=1, editable=False)
    updated_at = models.DateTimeField(auto_now=True, editable=False)

    class Meta:
        abstract = True


class AppendOnlyModel(TimedModel):
    """A judgement: written once. A change is a new row that points at the one it replaces.

    Database triggers refuse UPDATE and DELETE (PostgreSQL: TRUNCATE too); see `core.append_only`.
    """

    append_only = True

    class Meta:
        abstract = True


class IdempotentPost(models.Model):
    """One creating POST, named by the client: a retry or a double click is answered as the first was."""

    user = models.ForeignKey("accounts.User", on_delete=models.CASCADE, related_name="+")
    key = models.UUIDField()
    view = models.CharField(max_length=120)
    fingerprint = models.CharField(max_length=64, help_text="keyed hash of address and contents")
    status = models.PositiveSmallIntegerField(null=True)
    location = models.CharField(max_length=600, blank=True, help_text="header and address answered first")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "key"], name="idempotent_post_once")]

    def __str__(self) -> str:
        return f"{self.view} {self.key}"


class GuardedTable(models.Model):
    """A table whose append-only triggers were installed once: from then on a missing one was dropped."""

    name = models.CharField(max_length=120, primary_key=True)

    def __str__(self) -> str:
        return self.name
