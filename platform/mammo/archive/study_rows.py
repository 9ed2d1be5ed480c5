"""Rows of one imported file: patient, study, image and the ImportItem that says what became of it."""

import errno
import hashlib
import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any, cast

from mammo.archive import storage
from mammo.archive.cleaning import clean_text
from mammo.archive.label_sources import labelled, with_overall
from mammo.archive.labels import Labels
from mammo.archive.models import Image, ImportBatch, ImportItem, Patient, Report, Study
from mammo.archive.patients import add_to_roster
from mammo.archive.pseudonyms import Pseudonyms, identity
from mammo.archive.roster import merged_roster
from mammo.archive.sources import Source
from mammo.archive.written_files import WrittenFiles
from mammo.core.versions import save_versioned

Outcome = ImportItem.Outcome
REFUSED_EARLIER = "a data manager refused this file earlier"
SEEN_TEXT = "a person saw text on the stored picture"
SEEN_TEXT_NOT_KEPT = (
    "a person saw text on the stored picture, and the site keeps no originals: it was removed"
)
WITHDREW = "this patient withdrew: her data was erased and is not imported again"
# Stands where the name of a file of hers would, which may name her.
ERASED = "(erased)"
# A file to remove after the transaction: root and name.
Unused = tuple[Path, str]
_IMAGE_FIELDS = (
    "laterality", "laterality_source", "view", "view_modifiers", "is_extra", "rows", "columns", "bits_stored",
    "window_center", "window_width", "voi_function", "voi_baked", "presets", "flags", "procedure_version",
    "training_fit",
)  # fmt: skip
_LABEL_FIELDS = (
    ("density", "density"),
    ("birads", "birads_overall"),
    ("birads_left", "birads_left"),
    ("birads_right", "birads_right"),
)


class PatientAppearedError(Exception):
    """Another import made this patient, with another key, since we looked."""


@dataclass(eq=False)
class Found:
    """One file on its way: what it is, what the child said, and what was written for it."""

    source: Source
    sha256: str = ""
    staged: Path | None = None
    label: dict[str, str] | None = None
    answer: dict[str, Any] = field(default_factory=dict)
    key_id: uuid.UUID | None = None
    original: str = ""
    viewing_copy: str = ""
    viewing_copy_sha256: str = ""
    quarantine_file: str = ""
    quarantine_is_new: bool = False
    outcome: str = ""
    reason: str = ""
    image: Image | None = None
    item: uuid.UUID | None = None

    @property
    def header(self) -> dict[str, Any]:
        """What the child read from the header (originals: never stored as they are)."""
        return dict(self.answer["header"])

    def read(self) -> bytes:
        """The bytes that were hashed.

        Raises:
            OSError: they changed since.
        """
        if self.source.path is None:
            raise ValueError("a source without a file")
        data = self.source.path.read_bytes()
        if hashlib.sha256(data).hexdigest() != self.sha256:
            raise OSError(errno.EIO, "changed while it was imported; import it again", str(self.source.path))
        return data


class StudyRows:
    """Writes the rows of one batch; call `write` inside a transaction."""

    def __init__(self, batch: ImportBatch, labels: Labels, pseudonyms: Pseudonyms) -> None:
        self.batch, self.site, self.labels, self.pseudonyms = batch, batch.site, labels, pseudonyms
        self.written = WrittenFiles()

    def known_image(self, sha256: str) -> Image | None:
        """The image that these bytes became earlier at this site."""
        known = Image.objects.filter(study__site=self.site, sha256=sha256)
        return known.select_related("study__patient").first()

    def number_hash(self, header: dict[str, Any]) -> str:
        """Join key of the file's patient."""
        return self.pseudonyms.number_hash(self.site.code, _identity(header))

    def lock_patients(self, numbers: Iterable[str]) -> None:
        """Hold the rows of those who are known, by hash, until the transaction ends; always in the same order.

        A withdrawal changes her row before it lists her images: either it sees the image that comes, or is seen here.
        """
        hers = Patient.objects.select_for_update().filter(site=self.site, number_hash__in=sorted(numbers))
        list(hers.order_by("pk").values_list("pk"))

    def was_refused(self, sha256: str) -> bool:
        """Whether a data manager refused these bytes."""
        return ImportItem.objects.filter(
            batch__site=self.site, sha256=sha256, decision=ImportItem.Decision.REJECTED
        ).exists()

    def quarantine(self, found: Found) -> tuple[str, bool]:
        """Keep the file for a person, once per content; returns its name and whether it was written now."""
        kept = (
            ImportItem.objects.filter(batch__site=self.site, sha256=found.sha256, resolved_at=None)
            .exclude(quarantine_file="")
            .first()
        )
        if kept is not None:
            return kept.quarantine_file, False
        name = storage.store_original(found.read(), self.site.key_id, named_by=self.written.new_name)
        return name, True

    def write(self, found: Found, keys: dict[str, uuid.UUID]) -> list[Unused]:
        """Write the rows of one file; returns files that turned out not to be needed."""
        outcome = found.answer["outcome"]
        if outcome == Outcome.DUPLICATE:
            known = self.known_image(found.sha256)
            if self._came_earlier(found, known):
                self._label(known, found)
            return []
        if outcome != Outcome.IMPORTED:
            return self._not_imported(found, outcome)
        unused = [
            (storage.originals_root(), found.original),
            (storage.viewing_copies_root(), found.viewing_copy),
        ]
        known = self.known_image(found.sha256)
        if known is not None:
            self._came_earlier(found, known)
            return unused
        # A public set's rules say nothing of text on one of its pictures: they stand over no person's decision.
        if not found.source.is_judged_by_person:
            if self.was_refused(found.sha256):
                self._item(found, Outcome.REJECTED, REFUSED_EARLIER)
                return unused
            if self._saw_text(found.sha256):
                return self._quarantined(found, SEEN_TEXT, "burned_in", unused)
        header = found.header
        sop_uid_hash = self.pseudonyms.uid_hash(header["sop_uid"])
        if Image.objects.filter(study__site=self.site, sop_uid_hash=sop_uid_hash).exists():
            # Another import may have stored these very bytes since the look above.
            known = self.known_image(found.sha256)
            if known is not None:
                self._came_earlier(found, known)
                return unused
            return self._quarantined(
                found,
                "an image with this SOPInstanceUID but other bytes was imported earlier",
                "known_uid",
                unused,
            )
        patient = self._patient(found, keys)
        if patient.erased_at is not None:
            self._item(found, Outcome.REJECTED, WITHDREW)
            return unused
        study = self._study(patient, header)
        if study.patient_id != patient.pk:
            return self._quarantined(
                found, "its StudyInstanceUID belongs to another patient", "other_patient", unused
            )
        image = self._image(found, study, sop_uid_hash)
        self._label(image, found)
        self._item(found, Outcome.IMPORTED, ", ".join(image.flags), image=image)
        return []

    def _came_earlier(self, found: Found, known: Image | None) -> bool:
        """Answer bytes that an image has; false where hers is emptied, as she withdrew: nothing of them is taken."""
        if known is not None and known.study.patient.erased_at is not None:
            self._item(found, Outcome.REJECTED, WITHDREW)
            return False
        self._item(found, Outcome.DUPLICATE, "imported earlier", image=known)
        return True

    def _saw_text(self, sha256: str) -> bool:
        """Whether a person saw text on the stored picture of these bytes, though the detector lets them pass."""
        seen = ImportItem.objects.filter(
            batch__site=self.site, sha256=sha256, reason__in=(SEEN_TEXT, SEEN_TEXT_NOT_KEPT)
        )
        return seen.exists()

    def _not_imported(self, found: Found, outcome: str) -> list[Unused]:
        """A file that was refused, or waits for a person unless a decision about it or about her stands already."""
        details, hers = found.answer.get("found"), found.answer.get("patient", "")
        if outcome == Outcome.QUARANTINED:
            settled = (
                WITHDREW
                if self._withdrew(hers)
                else REFUSED_EARLIER
                if self.was_refused(found.sha256)
                else ""
            )
            if settled:
                self._item(found, Outcome.REJECTED, settled)
                return [(storage.originals_root(), found.quarantine_file)] if found.quarantine_is_new else []
            details = {**(details or {}), "patient": hers}
        self._item(found, outcome, found.answer["reason"], details=details)
        return []

    def _withdrew(self, number_hash: str) -> bool:
        patients = Patient.objects.filter(site=self.site, number_hash=number_hash)
        return patients.exclude(erased_at=None).exists()

    def _quarantined(self, found: Found, reason: str, kind: str, unused: list[Unused]) -> list[Unused]:
        found.quarantine_file, found.quarantine_is_new = self.quarantine(found)
        details = {**_shown(found.answer["image"]), "kind": kind, "patient": self.number_hash(found.header)}
        self._item(found, Outcome.QUARANTINED, reason, details=details)
        return unused

    def _item(
        self,
        found: Found,
        outcome: str,
        reason: str,
        *,
        image: Image | None = None,
        details: dict[str, Any] | None = None,
    ) -> None:
        found.outcome, found.image, found.reason = outcome, image, reason
        if details and found.label and outcome == Outcome.QUARANTINED:
            details = {**details, "label": found.label}  # whoever decides needs no table again
            accepts = [] if found.source.is_judged_by_person else found.source.judged.get("accepts", [])
            details |= (
                {"accepts": accepts} if accepts else {}
            )  # nor the rules by which a public set's table counts
        item = ImportItem.objects.create(
            batch=self.batch,
            source=ERASED if reason == WITHDREW else found.source.shown or found.source.name,
            outcome=outcome,
            reason=reason[:500],
            details=cast("Any", details or None),  # JSON inside an encrypted text
            sha256=found.sha256,
            image=image,
            quarantine_file=found.quarantine_file if outcome == Outcome.QUARANTINED else "",
        )
        found.item = item.pk

    def _patient(self, found: Found, keys: dict[str, uuid.UUID]) -> Patient:
        header = found.header
        number_hash = self.number_hash(header)
        # What her dates were shifted by must be on record, also where no hospital number is.
        header["numbers"] = [*header["numbers"], _identity(header)]
        patient = Patient.objects.filter(site=self.site, number_hash=number_hash).first()
        if patient is None:
            return Patient.objects.create(
                site=self.site,
                pseudonym=self.pseudonyms.pseudonym(self.site.code, _identity(header)),
                number_hash=number_hash,
                key_id=keys[number_hash],
                roster=cast("Any", merged_roster({}, header)),
                is_simulated=self.batch.is_simulated,
            )
        if patient.key_id != found.key_id:
            raise PatientAppearedError(number_hash)
        if patient.erased_at is None:
            add_to_roster(patient, header)
        return patient

    def _study(self, patient: Patient, header: dict[str, Any]) -> Study:
        """The file's study; what an earlier file left empty is filled in."""
        values = self._study_values(patient, header)
        uid_hash = self.pseudonyms.uid_hash(header["study_uid"])
        study = (
            Study.objects.filter(site=self.site, study_uid_hash=uid_hash).select_related("patient").first()
        )
        if study is None:
            return Study.objects.create(
                site=self.site,
                patient=patient,
                study_uid=self.pseudonyms.remap_uid(header["study_uid"]),
                study_uid_hash=uid_hash,
                is_simulated=self.batch.is_simulated,
                **values,
            )
        if study.patient_id == patient.pk:
            missing = {name: value for name, value in values.items() if value and not getattr(study, name)}
            others = [mark for mark in values["reporting_doctors"] if mark not in study.reporting_doctors]
            if others:
                missing["reporting_doctors"] = [*study.reporting_doctors, *others]
            if missing:
                save_versioned(study, expected_version=study.version, changes=missing)
        return study

    def _study_values(self, patient: Patient, header: dict[str, Any]) -> dict[str, Any]:
        code, day = self.site.code, header["study_date"]
        shift = self.pseudonyms.date_shift(code, _identity(header))
        studied = date.fromisoformat(day) if day else None
        return {
            "accession_hash": self.pseudonyms.accession_hash(code, header["accession"])
            if header["accession"]
            else "",
            "date": studied + shift if studied else None,
            "age": header["age"],
            "vendor": header["vendor"],
            "indication": clean_text(header["indication"], patient.roster, studied=studied).text,
            "history": clean_text(header["history"], patient.roster, studied=studied).text,
            "reporting_doctors": [
                self.pseudonyms.person_hash(code, name) for name in header["reading_doctors"]
            ],
        }

    def _label(self, image: Image | None, found: Found) -> None:
        """Density and BI-RADS of the labels table go to the study, unless a person set them; her age if none is known."""
        label = self.labels.of_file(found.source.name)
        if image is None or label is None:
            return
        study = image.study
        stated = {field_name: label[column] for column, field_name in _LABEL_FIELDS if label.get(column)}
        changes = labelled(study, stated, "table")
        if "birads_overall" in changes:
            changes["birads_rule"] = ""  # no rule made it from the sides
        elif study.label_sources.get("birads_overall") == "report":
            changes = with_overall(study, changes, _birads_read(study))
        if label.get("age") and study.age is None and study.label_source != "person":
            changes["age"] = min(int(label["age"]), 90)
        changed = {name: value for name, value in changes.items() if getattr(study, name) != value}
        if changed:
            save_versioned(study, expected_version=study.version, changes=changed)

    def _image(self, found: Found, study: Study, sop_uid_hash: str) -> Image:
        header, shown = found.header, found.answer["image"]
        spacing = header["spacing"] or [None, None]
        return Image.objects.create(
            study=study,
            sop_uid=self.pseudonyms.remap_uid(header["sop_uid"]),
            sop_uid_hash=sop_uid_hash,
            sha256=found.sha256,
            original=found.original,
            viewing_copy=found.viewing_copy,
            viewing_copy_sha256=found.viewing_copy_sha256,
            spacing_row=spacing[0],
            spacing_column=spacing[1],
            spacing_estimated=header["spacing_estimated"],
            vendor=header["vendor"],
            acquired_order=header["taken_at"] + self.pseudonyms.order_origin(header["study_uid"]),
            is_simulated=self.batch.is_simulated,
            **{name: shown[name] for name in _IMAGE_FIELDS},
        )


def _birads_read(study: Study) -> dict[str, str | None]:
    """The categories that were read from the study's newest report; empty without one."""
    report = Report.objects.filter(study=study, replaced_by=None).order_by("-created_at").first()
    return report.reading.get("birads", {}) if report is not None else {}


def _identity(header: dict[str, Any]) -> str:
    return identity(header["patient_number"], header["study_uid"])


def _shown(image: dict[str, Any]) -> dict[str, Any]:
    return {"laterality": image["laterality"], "view": image["view"]}
