"""Reports that wait for a person: their reading is doubtful, or a name may be left in them."""

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from mammo.accounts import audit
from mammo.accounts.models import User
from mammo.archive.models import Patient, Report
from mammo.archive.names_across_scripts import may_hold_a_name
from mammo.archive.report_reading.reading import DOUBTFUL_BELOW
from mammo.archive.roster import Roster, stands_in
from mammo.core.errors import NotAllowedError, WrongStateError

# Of a report in which something stands that became known of her after it was cleaned: who has read it before then
# has read it without knowing.
FOUND_LATER = "found_later"


def suspect_reports(patient: Patient, added: Roster) -> None:
    """Keep for a data manager what was cleaned before this was known of her, and may hold it; in a transaction."""
    for report in Report.objects.select_for_update(of=("self",)).filter(study__patient=patient):
        text = str(report.cleaned)
        if not (stands_in(text, added) or may_hold_a_name(text, added)):
            continue
        report.reading = {**report.reading, "may_hold_a_name": True, FOUND_LATER: True}
        report.read_at = report.read_by = None
        report.save(update_fields=["reading", "read_at", "read_by"])
        audit.record_late("archive.report_kept_back", by_user=None, on=report, site=patient.site)


def is_doubtful(report: Report) -> bool:
    """Has nobody stated the labels of a study whose report was read with doubt?"""
    confidence = report.reading.get("confidence")
    return confidence is not None and confidence < DOUBTFUL_BELOW and report.study.label_source != "person"


def may_name_somebody(report: Report) -> bool:
    """May a name be left in its cleaned text, which nobody has read since it came?"""
    if not report.reading.get("may_hold_a_name") or report.read_at is not None:
        return False
    if report.reading.get(FOUND_LATER):
        return True
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
