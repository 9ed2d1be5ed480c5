"""Reports that wait for a person: their reading is doubtful, or a name may be left in them."""

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from mammo.accounts import audit
from mammo.accounts.models import User
from mammo.archive.models import Report
from mammo.archive.report_reading.reading import DOUBTFUL_BELOW
from mammo.core.errors import NotAllowedError, WrongStateError


def is_doubtful(report: Report) -> bool:
    """Has nobody stated the labels of a study whose report was read with doubt?"""
    confidence = report.reading.get("confidence")
    return confidence is not None and confidence < DOUBTFUL_BELOW and report.study.label_source != "person"


def may_name_somebody(report: Report) -> bool:
    """May a name be left in its cleaned text, which nobody has read since it came?"""
    if not report.reading.get("may_hold_a_name") or report.read_at is not None:
        return False
    return not report.study.label_corrections.filter(created_at__gt=report.created_at).exists()


def waits_for_a_person(report: Report) -> bool:
    """Is it kept from readers and from training until a data manager has read it?"""
    return is_doubtful(report) or may_name_somebody(report)


def record_no_name(report: Report, *, by_user: User) -> Report:
    """A data manager has read the cleaned text of a report and found no name in it; once said, it stands.

    Raises:
        NotAllowedError: the account is no data manager of the site.
        WrongStateError: the patient withdrew, or no name is suspected in this report.
    """
    study = report.study
    if not by_user.has_role("data_manager", site=study.site):
        raise NotAllowedError(_("only a data manager of the site says that a report holds no name"))
    if study.patient.erased_at is not None:
        raise WrongStateError(_("this patient withdrew: her data was erased"))
    with transaction.atomic():
        report = (
            Report.objects.select_for_update()
            .select_related("study__site", "study__patient")
            .get(pk=report.pk)
        )
        if report.read_at is not None:
            return report
        if not report.reading.get("may_hold_a_name"):
            raise WrongStateError(_("no name is suspected in this report"))
        report.read_at, report.read_by = timezone.now(), by_user
        report.save(update_fields=["read_at", "read_by"])
        audit.record("archive.report_holds_no_name", by_user=by_user, on=report, site=study.site)
    return report
