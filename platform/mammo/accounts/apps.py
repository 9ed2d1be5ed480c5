"""Accounts: users, roles by site, audit trail."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _

from mammo.core.navigation import Entry, register_entry


class AccountsConfig(AppConfig):
    """Users, roles and audit events."""

    name = "mammo.accounts"
    label = "accounts"

    def ready(self) -> None:
        from mammo.accounts import signals  # noqa: F401  (registers the sign-in receivers)
        from mammo.accounts.acts import ACTS, register_acts

        register_acts(ACTS)
        register_entry(
            Entry(
                label=_("People"),
                url_name="accounts:people",
                roles=frozenset({"admin"}),
                order=80,
                description=_("Accounts, roles, new passwords, access."),
            )
        )
        register_entry(
            Entry(
                label=_("Audit trail"),
                url_name="accounts:audit",
                roles=frozenset({"auditor", "admin"}),
                order=90,
                description=_("Who did what to which object, when and why."),
            )
        )
