"""Who stands behind a request."""

from django.http import Http404, HttpRequest

from mammo.accounts.models import User


def signed_in(request: HttpRequest) -> User:
    """The signed-in account (the views are behind `login_required`)."""
    if not isinstance(request.user, User):
        raise Http404
    return request.user


def require_data_manager(user: User) -> None:
    """Answer as for an unknown page to everyone else."""
    if not user.has_role("data_manager"):
        raise Http404
