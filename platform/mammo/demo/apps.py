"""The synthetic hospital and the demonstration story."""

from django.apps import AppConfig


class DemoConfig(AppConfig):
    """Commands of the demonstration; nothing here runs unless asked."""

    name = "mammo.demo"
    label = "demo"
