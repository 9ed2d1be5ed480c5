"""Accounts: users, roles by site, audit trail."""

from django.apps import AppConfig


class AccountsConfig(AppConfig):
    """Users, roles and audit events."""

    name = "mammo.accounts"
    label = "accounts"

    def ready(self) -> None:
        from mammo.accounts import signals  # noqa: F401  (registers the sign-in receivers)
