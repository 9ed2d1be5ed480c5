"""What this room's acts are called in the audit trail."""

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

ACTS: dict[str, str | Promise] = {
    "api.token_created": _("token of the interface made"),
    "api.token_revoked": _("token of the interface revoked"),
}
