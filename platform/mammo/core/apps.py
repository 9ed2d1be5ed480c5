"""Core: base models, keys, encryption, append-only rows."""

from django.apps import AppConfig


class CoreConfig(AppConfig):
    """Installs the append-only triggers' life cycle."""

    name = "mammo.core"
    label = "core"

    def ready(self) -> None:
        from mammo.core import append_only

        append_only.connect_signals()
