"""A token does what its scopes name; a signed-in person is bound by roles alone."""

from typing import Any

from django.utils.translation import gettext as _
from rest_framework.exceptions import PermissionDenied
from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request

from mammo.api.models import ApiToken


class HasScope(BasePermission):
    """The view names `read_scope` and, per action, `write_scopes`; None lets every token in."""

    def has_permission(self, request: Request, view: Any) -> bool:
        """True, or an exception that names the scope.

        Raises:
            PermissionDenied: the token lacks the scope.
        """
        if not isinstance(request.auth, ApiToken):
            return True
        # An action that nobody gave a scope is closed to tokens.
        writes = request.method not in SAFE_METHODS
        needed = view.write_scopes.get(view.action, "") if writes else view.read_scope
        if needed is None or needed in request.auth.scopes:
            return True
        raise PermissionDenied(
            _("This token lacks the scope “%(scope)s”.") % {"scope": needed}, code="missing_scope"
        )
