"""The programming interface under /api/v1/: tokens, and what every room's `api.py` stands on."""

from django.apps import AppConfig


class ApiConfig(AppConfig):
    """Tokens, scopes, paging, throttling and errors of the interface."""

    name = "mammo.api"
    label = "api"

    def ready(self) -> None:
        from mammo.accounts.acts import register_acts
        from mammo.accounts.keys_of_accounts import Keys, register_keys
        from mammo.api.acts import ACTS
        from mammo.api.tokens import revoke_all, standing

        register_acts(ACTS)
        register_keys(Keys(standing=standing, end=revoke_all))
