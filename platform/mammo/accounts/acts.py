"""What the acts of the audit trail are called in the reader's language; each room brings the names of its own."""

from collections.abc import Mapping

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

_names: dict[str, str | Promise] = {}


def register_acts(names: Mapping[str, str | Promise]) -> None:
    """Called by each room's AppConfig.ready() with what its acts are called."""
    _names.update(names)


def act_name(action: str) -> str:
    """The name of an act; of one that no room names (of an earlier version), the act itself."""
    return str(_names.get(action, action))


def known_acts() -> frozenset[str]:
    """Every act that has a name."""
    return frozenset(_names)


ACTS: dict[str, str | Promise] = {
    "accounts.changed": _("account changed"),
    "accounts.closed": _("account closed"),
    "accounts.created": _("account made"),
    "accounts.locked_out": _("locked out after wrong passwords"),
    "accounts.opened": _("account opened again"),
    "accounts.password_changed": _("password changed"),
    "accounts.password_given": _("password given"),
    "accounts.recovery_codes_downloaded": _("recovery codes downloaded"),
    "accounts.role_granted": _("role granted"),
    "accounts.role_revoked": _("role revoked"),
    "accounts.second_factor_added": _("second factor added"),
    "accounts.second_factor_failed": _("wrong code of a second factor"),
    "accounts.second_factor_removed": _("second factor removed"),
    "accounts.second_factor_reset": _("second factor reset"),
    "accounts.second_factors_removed": _("second factors removed"),
    "accounts.session_ended": _("sign-in ended by a limit"),
    "accounts.sign_in_failed": _("failed sign-in"),
    "accounts.signed_in": _("signed in"),
    "accounts.signed_out": _("signed out"),
    "accounts.site_created": _("site made"),
}
