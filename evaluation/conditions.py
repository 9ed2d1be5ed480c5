"""What the conditions of a reader study are called: their keys, and their names in every language."""

from collections.abc import Iterable, Mapping
from typing import Any

from django.conf import settings
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop, override

# Names that every study has from the start; names that a study gave itself are of no language.
TRANSLATED = (gettext_noop("alone"), gettext_noop("with UMiCon"))

Conditions = Iterable[Mapping[str, Any]]


def condition_names(conditions: Conditions) -> dict[str, str]:
    """Name of each condition by its key; the names that every study has from the start are translated."""
    return {key: _(name) if name in TRANSLATED else name for key, name in _stored_names(conditions).items()}


def condition_keys(conditions: Conditions) -> dict[str, str]:
    """Key of each condition by whatever a protocol may call it: the key, its name, that name in any language."""
    stored = _stored_names(conditions)
    found: dict[str, str] = {}
    for language, _label in settings.LANGUAGES:
        with override(language):
            found |= {name: key for key, name in condition_names(conditions).items()}
    return found | {name: key for key, name in stored.items()} | {key: key for key in stored}


def _stored_names(conditions: Conditions) -> dict[str, str]:
    return {str(c.get("key", "")): str(c.get("name") or c.get("key", "")) for c in conditions}
