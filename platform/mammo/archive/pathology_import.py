"""Import of pathology: matched by hashed number and accession, or by a date window; what matches nothing comes back.

A later table corrects an earlier one: the result that stood is replaced, and the labels follow the one that stands.
"""

import re
from collections import defaultdict
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from mammo.accounts import audit
from mammo.accounts.models import Site, User
from mammo.archive.models import ImportBatch, ImportItem, Pathology, Study
from mammo.archive.parsed_values import parse_day
from mammo.archive.pseudonyms import Pseudonyms, installation
from mammo.archive.tables import PATHOLOGY, Mapping, Row, read_table
from mammo.archive.unmatched import write_unmatched
from mammo.core.choices import PathologyClass
from mammo.core.digits import number_in
from mammo.core.errors import UserError

Outcome = ImportItem.Outcome
Method = Pathology.Method
# A specimen belongs to the last mammogram of up to a year before it, or of the week after it (marked, then imaged).
WINDOW_BEFORE = timedelta(days=7)
WINDOW_AFTER = timedelta(days=365)
MIN_FOLLOW_UP_MONTHS = 24
DAYS_OF_A_MONTH = 365.25 / 12
# How far a study may lie from where a table's months of follow-up begin, and how much earlier she may be seen.
FOLLOW_UP_WINDOW = timedelta(days=92)
APPOINTMENT = timedelta(days=14)
FOLLOWED_TOO_SHORTLY = (
    f"the date of the follow-up is less than {MIN_FOLLOW_UP_MONTHS} months after the study: "
    "mend date or accession"
)

_SIDES = {
    "l": "L",
    "left": "L",
    "左": "L",
    "左乳": "L",
    "左侧": "L",
    "r": "R",
    "right": "R",
    "右": "R",
    "右乳": "R",
    "右侧": "R",
}
_CLASSES = {
    "benign": PathologyClass.BENIGN, "良性": PathologyClass.BENIGN,
    "high_risk": PathologyClass.HIGH_RISK, "high risk": PathologyClass.HIGH_RISK, "high-risk": PathologyClass.HIGH_RISK,
    "高危": PathologyClass.HIGH_RISK, "高风险": PathologyClass.HIGH_RISK,
    "malignant": PathologyClass.MALIGNANT, "恶性": PathologyClass.MALIGNANT,
    "": "", "negative": "", "阴性": "",
}  # fmt: skip
_METHODS: tuple[tuple[str, str], ...] = (
    (r"vacuum|vab|mammotome|真空|旋切|麦默通", Method.VACUUM_BIOPSY),
    (r"fine.?needle|fna|细针", Method.FINE_NEEDLE),
    (r"core|cnb|needle biopsy|粗针|空心针|穿刺", Method.CORE_BIOPSY),
    (r"surg|excision|mastectomy|lumpectomy|手术|切除", Method.SURGERY),
    (r"follow.?up|随访", Method.FOLLOW_UP),
    (r"^other$|其他", Method.OTHER),
)

CONTRADICTED = (
    "this table states another result too for this breast, lesion, method and date: "
    "leave one of them out, or tell the lesions apart in column 'lesion'"
)
CORRECTED_SINCE = "this result was imported earlier, and a later table corrected it"


@dataclass(frozen=True)
class _Place:
    """What a result is about: there one result stands, and another one corrects it."""

    study: Study
    laterality: str
    lesion: str
    method: str
    specimen_date: date | None


@dataclass(frozen=True)
class _Stated:
    """What a row states."""

    place: _Place
    result: str
    months: int | None


def import_pathology(
    path: Path,
    *,
    site: Site,
    by_user: User | None,
    is_simulated: bool = False,
    mapping: Mapping | None = None,
) -> ImportBatch:
    """Import a table of results by breast or lesion (CSV, TSV, JSON lines or XLSX); one ImportItem per row.

    Raises:
        UserError: the file is missing or a column is wrong; nothing was changed.
    """
    path = Path(path)
    rows = read_table(path, PATHOLOGY, "pathology file", mapping)
    return import_pathology_rows(rows, path, site=site, by_user=by_user, is_simulated=is_simulated)


def import_pathology_rows(
    rows: list[Row],
    path: Path,
    *,
    site: Site,
    by_user: User | None,
    is_simulated: bool = False,
    batch: ImportBatch | None = None,
) -> ImportBatch:
    """Import rows that were read before; `path` names them in items and messages.

    Args:
        batch: goes on with this batch, where a table is taken in a part at a time.
    """
    pseudonyms = installation()
    is_simulated = is_simulated or site.is_simulated
    refused: list[tuple[Row, str]] = []
    with transaction.atomic(), audit.at_the_end():
        batch = batch or ImportBatch.objects.create(
            site=site, by_user=by_user, kind="pathology", is_simulated=is_simulated
        )
        counts: dict[str, int] = {**dict.fromkeys(Outcome.values, 0), **batch.counts}
        stated = [_read(row, site, pseudonyms) for row in rows]
        results: dict[_Place, set[str]] = defaultdict(set)
        for each in stated:
            if isinstance(each, _Stated):
                results[each.place].add(each.result)
        for row, each in zip(rows, stated, strict=True):
            if isinstance(each, str):
                outcome, reason = str(Outcome.REJECTED), each
            elif len(results[each.place]) > 1:
                outcome, reason = str(Outcome.REJECTED), CONTRADICTED
            else:
                outcome, reason = _take(each, batch, by_user, is_simulated)
            if outcome == Outcome.REJECTED:
                refused.append((row, reason))
            counts[outcome] += 1
            source = f"{path.name}, line {row.number}"
            ImportItem.objects.create(batch=batch, source=source, outcome=outcome, reason=reason)
        batch.counts, batch.finished_at = counts, timezone.now()
        batch.save(update_fields=["counts", "finished_at"])
        if refused:
            write_unmatched(refused, batch)
        audit.record_late(
            "archive.imported", by_user=by_user, on=batch, site=site, kind="pathology", counts=counts
        )
    return batch


def _read(row: Row, site: Site, pseudonyms: Pseudonyms) -> _Stated | str:
    """What a row states, or why it is not taken."""
    try:
        side, method, result, months = _values(row)
        taken = parse_day(row["date"], "date") if row["date"] else None
    except UserError as error:
        return str(error)
    specimen_date = taken + pseudonyms.date_shift(site.code, row["patient"]) if taken else None
    study = _study(row, site, pseudonyms, specimen_date, months)
    if isinstance(study, str):
        return study
    return _Stated(_Place(study, side, row["lesion"][:40], method, specimen_date), result, months)


def _take(stated: _Stated, batch: ImportBatch, by_user: User | None, is_simulated: bool) -> tuple[str, str]:
    """Store a result; another one that stands for the same lesion, method and date is replaced by it."""
    place = vars(stated.place)
    held = list(Pathology.objects.filter(**place).select_related("replaced_by").order_by("-created_at"))
    same = next((row for row in held if row.result == stated.result), None)
    if same is not None:
        is_replaced = hasattr(same, "replaced_by")
        return Outcome.DUPLICATE, CORRECTED_SINCE if is_replaced else "this result was imported earlier"
    standing = next((row for row in held if not hasattr(row, "replaced_by")), None)
    if standing is not None and standing.created_at >= batch.created_at:
        return Outcome.REJECTED, CONTRADICTED  # an earlier part of the same table stated it
    made = Pathology.objects.create(
        **place,
        result=stated.result,
        follow_up_months=stated.months,
        replaces=standing,
        is_simulated=is_simulated or stated.place.study.is_simulated,
    )
    if standing is None:
        return Outcome.IMPORTED, ""
    audit.record_late(
        "archive.pathology_corrected", by_user=by_user, on=made, site=batch.site,
        study=str(made.study_id), before=standing.result, after=made.result,
    )  # fmt: skip
    return Outcome.IMPORTED, f"corrects “{standing.result}”, which an earlier table stated"


def _values(row: Row) -> tuple[str, str, str, int | None]:
    """Side, method, result and months of follow-up of a row.

    Raises:
        UserError: names the column and what may stand in it.
    """
    if not row["patient"]:
        raise UserError(_("column 'patient' is empty"))
    side = _SIDES.get(row["side"].lower())
    if side is None:
        raise UserError(_("column 'side': unknown value; write L or R, one row per breast"))
    written = row["method"].lower()
    method = next((value for pattern, value in _METHODS if re.search(pattern, written)), None)
    if method is None:
        raise UserError(
            _("column 'method': unknown value; write one of %(known)s") % {"known": ", ".join(Method.values)}
        )
    if row["class"].lower() not in _CLASSES:
        raise UserError(_("column 'class': unknown value; write benign, high_risk or malignant"))
    result = str(_CLASSES[row["class"].lower()])
    if method != Method.FOLLOW_UP:
        if not result:
            raise UserError(_("column 'class' is empty: only a negative follow-up has none"))
        return side, method, result, None
    months = number_in(row["follow_up_months"], 4) or 0
    if result or months < MIN_FOLLOW_UP_MONTHS:
        raise UserError(
            _("a negative follow-up has no class and at least %(months)s follow_up_months")
            % {"months": MIN_FOLLOW_UP_MONTHS}
        )
    return side, method, "", months


def _study(
    row: Row, site: Site, pseudonyms: Pseudonyms, specimen_date: date | None, months: int | None
) -> Study | str:
    """The study that a result belongs to, or why there is none; `months` of a negative follow-up, else None."""
    hers = Study.objects.filter(
        site=site,
        patient__number_hash=pseudonyms.number_hash(site.code, row["patient"]),
        patient__erased_at=None,
    )
    if not hers.exists():
        return "no patient with this number has a study here"
    if row["accession"]:
        study = hers.filter(accession_hash=pseudonyms.accession_hash(site.code, row["accession"])).first()
        if study is None:
            return "this patient has no study with this accession number"
        if months is not None:
            return study if _was_followed(study, specimen_date) else FOLLOWED_TOO_SHORTLY
        if not _in_window(study, specimen_date):
            return f"the specimen is outside {WINDOW_BEFORE.days} days before to {WINDOW_AFTER.days} days after the study"
        return study
    if specimen_date is None:
        return "nothing to match by: give accession or date"
    if months is not None:
        return _followed_study(hers, specimen_date, months)
    near = [study for study in hers.exclude(date=None) if study.date and _in_window(study, specimen_date)]
    if not near:
        return f"no study of this patient lies within {WINDOW_AFTER.days} days before the specimen"
    before = [study for study in near if study.date and study.date <= specimen_date]
    return max(before or near, key=lambda study: str(study.date))


def _followed_study(hers: QuerySet[Study], last_seen: date, months: int) -> Study | str:
    """The study from which on she was followed for so many months: the one nearest to that long ago."""
    begun = last_seen - timedelta(days=round(months * DAYS_OF_A_MONTH))
    near = [
        (abs((study.date - begun).days), study)
        for study in hers.exclude(date=None)
        if study.date and _was_followed(study, last_seen)
    ]
    if not near or min(near, key=lambda pair: pair[0])[0] > FOLLOW_UP_WINDOW.days:
        return f"no study of this patient lies {months} months before the date of the follow-up: give its accession"
    least = min(distance for distance, _study in near)
    found = [study for distance, study in near if distance == least]
    return found[0] if len(found) == 1 else "two studies match"


def _was_followed(study: Study, last_seen: date | None) -> bool:
    """Whether the follow-up's date, where it is given, lies at least so many months after the study."""
    if last_seen is None or study.date is None:
        return True
    # A few days less, as appointments fall: "24 months" of a table are seldom 731 days.
    least = MIN_FOLLOW_UP_MONTHS * DAYS_OF_A_MONTH - APPOINTMENT.days
    return (last_seen - study.date).days >= least


def _in_window(study: Study, specimen_date: date | None) -> bool:
    if specimen_date is None or study.date is None:
        return True
    return study.date - WINDOW_BEFORE <= specimen_date <= study.date + WINDOW_AFTER
