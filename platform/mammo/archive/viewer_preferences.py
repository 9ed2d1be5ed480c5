"""How a reader likes the viewer, kept with the account: it follows them to every computer."""

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _

from mammo.accounts.models import User
from mammo.archive.models import ViewerPreferences
from mammo.core.errors import UserError

# Known preferences and their values; the first is the default.
KNOWN: dict[str, tuple[Any, ...]] = {
    "tool": ("window", "pan", "length", "lens"),
    "lens_size": (260, 180, 360),
    "lens_zoom": (1, 2),
    "linked": (True, False),
    "first_step": ("four", "cc", "mlo", "prior"),
}


def preferences_of(user: User) -> dict[str, Any]:
    """All preferences of an account; what was never chosen has its default."""
    row = ViewerPreferences.objects.filter(user=user).first()
    kept = row.values if row is not None else {}
    return {name: kept.get(name, choices[0]) for name, choices in KNOWN.items()}


def keep_preferences(user: User, changes: Mapping[str, Any]) -> dict[str, Any]:
    """Change the named preferences and return all of them.

    Raises:
        UserError: a name or value is unknown.
    """
    for name, value in changes.items():
        # True == 1 for Python, but not for a reader's choice.
        known = [(type(choice), choice) for choice in KNOWN.get(name, ())]
        if (type(value), value) not in known:
            raise UserError(_("%(name)s: unknown, or none of its values") % {"name": str(name)[:40]})
    row, _made = ViewerPreferences.objects.get_or_create(user=user)
    row.values = {**row.values, **changes}
    row.save(update_fields=["values"])
    return preferences_of(user)
