"""Cases of a reader study's draft that the protocol's cohort keeps out, taken out again."""

from django.db import transaction

from evaluation.models import ReaderStudy
from evaluation.services.access import require_designer
from evaluation.services.cohorts import outside_cases
from evaluation.services.reader_studies import locked_reader_study
from mammo.accounts import audit
from mammo.accounts.models import User


def take_out_cases(study: ReaderStudy, *, by_user: User) -> int:
    """Take the cases outside of the protocol's cohort out of a draft; the others keep their positions.

    Returns:
        how many left.

    Raises:
        WrongStateError: it is no draft.
    """
    require_designer(study.site, by_user)
    with transaction.atomic():
        row = locked_reader_study(study, ReaderStudy.State.DRAFT)
        _all, counts = outside_cases(row).delete()
        count = counts.get("evaluation.ReaderStudyCase", 0)
        audit.record("evaluation.cases_taken_out", by_user=by_user, on=row, site=row.site, count=count)
    return count
