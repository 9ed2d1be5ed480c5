"""Import of reports: matched to a study, cleaned of identity, read, blanked; labels go to the study."""

import re
from dataclasses import asdict
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from mammo.accounts import audit
from mammo.accounts.models import Site, User
from mammo.archive.cleaning import clean_text
from mammo.archive.label_sources import labelled, with_overall
from mammo.archive.models import ImportBatch, ImportItem, Report, Study
from mammo.archive.names_across_scripts import may_hold_a_name
from mammo.archive.parsed_values import parse_age, parse_day
from mammo.archive.patients import add_to_roster
from mammo.archive.pseudonyms import Pseudonyms, installation
from mammo.archive.report_reading import ReportReading, read_report
from mammo.archive.roster import KINDS
from mammo.archive.tables import Row
from mammo.archive.unmatched import write_unmatched
from mammo.archive.vendors import vendor_of
from mammo.core.choices import Language, Vendor
from mammo.core.errors import UserError
from mammo.core.versions import save_versioned

Outcome = ImportItem.Outcome
# A report without an accession number belongs to the patient's study nearest to its date, this far away at most.
DATE_WINDOW = timedelta(days=14)
_HAN = re.compile(r"[\u3400-\u9fff]")
_LATIN_WORD = re.compile(r"[A-Za-z]{3,}")


def import_reports(
    rows: list[Row],
    path: Path,
    *,
    site: Site,
    by_user: User | None,
    is_simulated: bool,
    batch: ImportBatch | None = None,
) -> ImportBatch:
    """Import the rows of a reports table; one ImportItem per row, in a batch of its own.

    Args:
        batch: goes on with this batch, where a table is taken in a part at a time.
    """
    batch = batch or ImportBatch.objects.create(
        site=site, by_user=by_user, kind="reports", is_simulated=is_simulated
    )
    pseudonyms = installation()
    counts: dict[str, int] = {**dict.fromkeys(Outcome.values, 0), **batch.counts}
    refused: list[tuple[Row, str]] = []
    for start in range(0, len(rows), 50):
        with transaction.atomic(), audit.at_the_end():
            for row in rows[start : start + 50]:
                outcome, reason = _take(row, site, pseudonyms, is_simulated)
                counts[outcome] += 1
                if outcome == Outcome.REJECTED:
                    refused.append((row, reason))
                source = f"{path.name}, line {row.number}"
                ImportItem.objects.create(batch=batch, source=source, outcome=outcome, reason=reason)
    if refused:
        write_unmatched(refused, batch)
    with transaction.atomic():
        batch.counts, batch.finished_at = counts, timezone.now()
        batch.save(update_fields=["counts", "finished_at"])
        audit.record_late(
            "archive.imported", by_user=by_user, on=batch, site=site, kind="reports", counts=counts
        )
    return batch


def matching_studies(row: Row, site: Site, pseudonyms: Pseudonyms) -> list[Study]:
    """Studies that a row's keys name: its study_uid, or patient and accession together, all that are given."""
    studies = Study.objects.filter(site=site).select_related("patient", "site")
    if row["study_uid"]:
        studies = studies.filter(study_uid_hash=pseudonyms.uid_hash(row["study_uid"]))
    if row["patient"]:
        studies = studies.filter(patient__number_hash=pseudonyms.number_hash(site.code, row["patient"]))
    if row["accession"] and (row["patient"] and not row["study_uid"]):
        studies = studies.filter(accession_hash=pseudonyms.accession_hash(site.code, row["accession"]))
    if row["study_uid"] or (row["patient"] and row["accession"]):
        return list(studies[:2])
    if row["patient"] and row["date"]:
        shift = pseudonyms.date_shift(site.code, row["patient"])
        return _nearest(studies, parse_day(row["date"], "date") + shift)
    return []


def _nearest(studies: QuerySet[Study], day: date) -> list[Study]:
    """The studies nearest to a (shifted) day, within the window; two when they are equally near."""
    near = studies.filter(date__range=(day - DATE_WINDOW, day + DATE_WINDOW))
    distances = [(abs((study.date - day).days), study) for study in near if study.date]
    least = min((distance for distance, _ in distances), default=0)
    return [study for distance, study in distances if distance == least][:2]


def _take(row: Row, site: Site, pseudonyms: Pseudonyms, is_simulated: bool) -> tuple[str, str]:
    if not row["text"]:
        return Outcome.REJECTED, "column 'text' is empty"
    if not row["study_uid"] and not (row["patient"] and (row["accession"] or row["date"])):
        return Outcome.REJECTED, "nothing to match by: give study_uid, or patient with accession or date"
    try:
        found = matching_studies(row, site, pseudonyms)
    except UserError as error:
        return Outcome.REJECTED, str(error)
    if len(found) != 1:
        return (
            Outcome.REJECTED,
            "no study matches its patient and accession, date or study_uid"
            if not found
            else "two studies match",
        )
    study = found[0]
    if study.patient.erased_at is not None:
        return Outcome.REJECTED, "this patient withdrew: her data was erased"
    try:
        details = _details(row, study)
    except UserError as error:
        return Outcome.REJECTED, str(error)
    sha256 = pseudonyms.text_hash(row["text"])
    if Report.objects.filter(study=study, sha256=sha256).exists():
        missing = {name: value for name, value in details.items() if not getattr(study, name)}
        _save_changes(study, {**missing, **_doctors(row, study, pseudonyms)})
        return Outcome.DUPLICATE, "this report was imported earlier"
    reading, may_name = _store(row, study, sha256, is_simulated)
    _save_changes(study, {**details, **_labels(study, reading), **_doctors(row, study, pseudonyms)})
    if may_name:
        return Outcome.IMPORTED, "a name may be left in its text: a person should read it"
    return (
        Outcome.IMPORTED,
        "" if not reading.is_doubtful else "labels are uncertain: a person should read it",
    )


def _store(row: Row, study: Study, sha256: str, is_simulated: bool) -> tuple[ReportReading, bool]:
    """Store the report; what was read, and whether its cleaned text may hold a name of the roster."""
    text, roster = row["text"], _roster_of(row, study)
    cleaned = clean_text(text, roster, studied=_day(row["date"])).text
    may_name = may_hold_a_name(cleaned, roster)
    reading = read_report(
        cleaned, edition=settings.MAMMO_BIRADS_EDITION, overall_rule=settings.MAMMO_BIRADS_OVERALL_RULE
    )
    Report.objects.create(
        study=study,
        language=language_of(text),
        original=text,
        cleaned=cleaned,
        blanked=reading.blanked,
        blanked_strict=reading.blanked_strict,
        reading={
            "density": reading.density,
            "birads": {
                "left": reading.birads.left, "right": reading.birads.right, "overall": reading.birads.overall,
            },
            "confidence": reading.confidence, "rule": reading.rule, "edition": reading.edition,
            "may_hold_a_name": may_name,
        },
        sha256=sha256,
        replaces=Report.objects.filter(study=study, replaced_by=None).order_by("-created_at").first(),
        is_simulated=is_simulated or study.is_simulated,
    )  # fmt: skip
    return reading, may_name


def _doctors(row: Row, study: Study, pseudonyms: Pseudonyms) -> dict[str, list[str]]:
    """The study's doctors with the row's: the hash in the study, the name in her roster, for whoever assigns it."""
    if not row["doctor"]:
        return {}
    add_to_roster(study.patient, {"doctors": [row["doctor"]]})
    hashed = pseudonyms.person_hash(study.site.code, row["doctor"])
    return {"reporting_doctors": list(dict.fromkeys((*study.reporting_doctors, hashed)))}


def _roster_of(row: Row, study: Study) -> dict[str, list[str]]:
    roster = {kind: list(study.patient.roster.get(kind, [])) for kind in KINDS}
    roster["numbers"] += [value for value in (row["patient"], row["accession"]) if value]
    roster["doctors"] += [row["doctor"]] if row["doctor"] else []
    return roster


def language_of(text: str) -> str:
    """Language of a text by its letters: zh, en or mix."""
    han, words = len(_HAN.findall(text)), len(_LATIN_WORD.findall(text.replace("BI-RADS", "")))
    if not han:
        return Language.ENGLISH
    return Language.MIXED if words >= 8 and words * 4 > han else Language.CHINESE


def _labels(study: Study, reading: ReportReading) -> dict[str, Any]:
    """What was read, where no table and no person has stated it; the rule with the category that it made.

    What an earlier report stated stays where this one states nothing of it: an addendum names one side and no density.
    """
    birads = reading.birads
    read = {
        "density": reading.density or "",
        "birads_left": birads.left or "",
        "birads_right": birads.right or "",
        "birads_overall": birads.overall or "",
    }
    earlier = {name for name, source in study.label_sources.items() if source == "report"}
    stated = {name: value for name, value in read.items() if value or name not in earlier}
    changes = labelled(study, stated, "report")
    if "birads_overall" in changes:
        changes["birads_rule"] = reading.rule
    if any(name in changes for name in ("birads_left", "birads_right", "birads_overall")):
        changes["birads_edition"] = reading.edition
    return with_overall(study, changes, asdict(birads))


def _details(row: Row, study: Study) -> dict[str, Any]:
    """Optional columns: age, vendor, symptom, indication, history."""
    details: dict[str, Any] = {}
    if row["age"]:
        details["age"] = parse_age(row["age"])
    if row["vendor"]:
        vendor = row["vendor"].lower()
        details["vendor"] = vendor if vendor in Vendor.values else vendor_of(row["vendor"])
    roster, studied = _roster_of(row, study), _day(row["date"])
    for column in ("symptom", "indication", "history"):
        if row[column]:
            details[column] = clean_text(row[column], roster, studied=studied).text
    return details


def _day(written: str) -> date | None:
    return parse_day(written, "date") if written else None


def _save_changes(study: Study, changes: dict[str, Any]) -> None:
    changed = {name: value for name, value in changes.items() if getattr(study, name) != value}
    if changed:
        save_versioned(study, expected_version=study.version, changes=changed)
