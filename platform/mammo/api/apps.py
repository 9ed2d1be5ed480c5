"""The programming interface under /api/v1/: tokens, and what every room's `api.py` stands on."""

from django.apps import AppConfig


class ApiConfig(AppConfig):
    """Tokens, scopes, paging, throttling and errors of the interface."""

    name = "mammo.api"
    label = "api"
