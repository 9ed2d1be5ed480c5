"""Core: base models, keys, encryption, append-only rows."""

from django.apps import AppConfig


class CoreConfig(AppConfig):
    """Installs the append-only triggers' life cycle and the database's privacy."""

    name = "mammo.core"
    label = "core"

    def ready(self) -> None:
        from mammo.core import append_only, assets, navigation, private_database  # noqa: F401  (two bring system checks)

        append_only.connect_signals()
        private_database.connect_signals()
