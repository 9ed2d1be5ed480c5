"""Core: base models, keys, encryption, append-only rows."""

from django.apps import AppConfig


class CoreConfig(AppConfig):
    """Installs the append-only triggers' life cycle."""

    name = "mammo.core"
    label = "core"

    def ready(self) -> None:
        from mammo.core import append_only, assets, navigation  # noqa: F401  (they bring system checks)

        append_only.connect_signals()
