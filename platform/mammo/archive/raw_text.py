"""The only door to a report as it was received: a data manager's, and each opening is in the audit trail."""

from django.db import transaction
from django.utils.translation import gettext as _

from mammo.accounts import audit
from mammo.accounts.models import User
from mammo.archive.models import Report
from mammo.core.errors import NotAllowedError


def open_raw_text(report: Report, *, by_user: User) -> str:
    """The report with the names and numbers that stand in it.

    Raises:
        NotAllowedError: the account is no data manager of the site.
    """
    site = report.study.site
    if not by_user.has_role("data_manager", site=site):
        raise NotAllowedError(_("only a data manager of the site opens a report as it was received"))
    with transaction.atomic():
        audit.record("archive.raw_text_opened", by_user=by_user, on=report, site=site)
    return str(report.original)
