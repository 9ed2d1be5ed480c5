"""The codes for the day on which a second factor is lost, as a file: put on record."""

from allauth.mfa.recovery_codes.views import DownloadRecoveryCodesView
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.views.decorators.http import require_safe

from mammo.accounts import audit
from mammo.accounts.models import User

_download = DownloadRecoveryCodesView.as_view()


@login_required
@require_safe
def download_recovery_codes(request: HttpRequest) -> HttpResponseBase:
    """The unused codes of one's own, where allauth lets them be seen."""
    answer: HttpResponseBase = _download(request)
    if answer.status_code == 200 and isinstance(request.user, User):
        audit.record("accounts.recovery_codes_downloaded", by_user=request.user, on=request.user)
    return answer
