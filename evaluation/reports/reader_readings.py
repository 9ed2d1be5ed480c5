"""Readings of a locked reader study as the statistics want them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from evaluation.conditions import condition_names
from evaluation.models import Reader, ReaderStudy, ReaderStudyCase, Reading, ReadingSlot
from evaluation.reports.left_pictures import NOTHING_LEFT, LeftPictures, left_from_study
from evaluation.services.reader_studies import require_study_unchanged
from evaluation.statistics.mrmc_readings import ReadingRow
from mammo.core.choices import Birads
from mammo.core.errors import WrongStateError

HALF = 0.5
ORDER = {category: place for place, category in enumerate(Birads.values)}


@dataclass(frozen=True)
class CaseReading:
    """One standing final reading.

    Attributes:
        reader: pseudonym (R01, …); group: junior, senior, …
        called: the category is at or above the study's operating point.
        likelihood: of malignancy, 0 to 100.
        output_right: the pinned output, at one half, agrees with the truth; None where there is none.
        given: what else the reader gave, and where in the sequence; empty where it was read from an export.
    """

    pk: str
    reader: str
    group: str
    condition: str
    case: str
    patient: str
    study: Any
    truth: bool
    called: bool
    likelihood: float
    is_simulated: bool
    output_right: bool | None = None
    given: Mapping[str, Any] = field(default_factory=dict)

    def source(self) -> Mapping[str, Any]:
        """The companion row."""
        return {
            "row": f"{self.reader} {self.condition}",
            "reading": self.pk,
            "case": self.case,
            "value": self.likelihood,
            "called": int(self.called),
            "truth": int(self.truth),
            "simulated": self.is_simulated,
        }

    def row(self) -> ReadingRow:
        """For the multi-reader analysis."""
        return ReadingRow(self.reader, self.condition, self.case, self.truth, self.likelihood, self.patient)


@dataclass(frozen=True)
class Readers:
    """What the readers' rows of a table stand on.

    Attributes:
        found: standing readings.
        names: of the conditions.
        operating_point: lowest category that means biopsy.
        erased: readings left out because the patient withdrew.
        left_pictures: what was passed over, and what stays, of cases of which a picture was taken out.
    """

    found: list[CaseReading]
    names: dict[str, str]
    operating_point: str
    erased: int
    left_pictures: LeftPictures = NOTHING_LEFT


_ERASED = Q(slot__case__study__patient__erased_at__isnull=False)


def readings_of_erased(study: ReaderStudy, *, simulated: bool) -> int:
    """Readings that are left out because the patient withdrew."""
    return _standing(study, simulated=simulated).filter(_ERASED).count()


def left_pictures_of(study: ReaderStudy, *, simulated: bool) -> LeftPictures:
    """What was passed over, and what stays, of cases of which a picture was taken out."""
    slots = ReadingSlot.objects.filter(reader__reader_study=study)
    return left_from_study(slots, _standing(study, simulated=simulated).exclude(_ERASED))


def _standing(study: ReaderStudy, *, simulated: bool) -> QuerySet[Reading]:
    rows = Reading.objects.filter(
        slot__reader__reader_study=study,
        slot__reader__withdrawn_at__isnull=True,
        replaced_by__isnull=True,
        phase="final",
    )
    return rows if simulated else rows.filter(is_simulated=False)


def study_readings(study: ReaderStudy, *, simulated: bool) -> list[CaseReading]:
    """Standing final readings; those of readers and patients who withdrew are left out.

    Raises:
        WrongStateError: the reader study is not locked, or its design, truth or protocol was altered.
    """
    if study.state != ReaderStudy.State.LOCKED:
        raise WrongStateError(
            _("reader study %(name)s: it is “%(state)s”; tables are computed once the readings are locked")
            % {"name": study.name, "state": study.get_state_display()}
        )
    require_study_unchanged(study)
    rows = _standing(study, simulated=simulated).exclude(_ERASED)
    readers = Reader.objects.filter(reader_study=study).order_by("pk").values_list("pk", flat=True)
    names = {pk: f"R{place:02d}" for place, pk in enumerate(readers, start=1)}
    point = ORDER[study.operating_point]
    found = rows.select_related("slot__reader", "slot__case__study").order_by(
        "slot__reader", "slot__position"
    )
    return [
        CaseReading(
            str(row.pk),
            names[row.slot.reader_id],
            row.slot.reader.group,
            row.slot.condition,
            f"C{row.slot.case.position:03d}",
            str(row.slot.case.study.patient_id),
            row.slot.case.study_id,
            row.slot.case.truth,
            ORDER[row.category] >= point,
            float(row.likelihood),
            row.is_simulated,
            _output_right(row.slot.case),
            _given(row),
        )
        for row in found
    ]


def readers_of(study: ReaderStudy, *, simulated: bool) -> Readers:
    """Readers of a locked study.

    Raises:
        WrongStateError: the reader study is not locked.
    """
    return Readers(
        study_readings(study, simulated=simulated),
        condition_names(study.conditions),
        study.operating_point,
        readings_of_erased(study, simulated=simulated),
        left_pictures_of(study, simulated=simulated),
    )


def _output_right(case: ReaderStudyCase) -> bool | None:
    values = case.output.get("malignancy", {}).values()
    return (max(values) >= HALF) == case.truth if values else None


def _given(reading: Reading) -> dict[str, Any]:
    """What the reader gave, and where in the sequence; empty texts and None for what was not asked or given."""
    click = reading.point or {}
    return {
        "session": reading.slot.session,
        "position": reading.slot.position,
        "side": reading.side,
        "finding": reading.finding,
        "view": str(click.get("view", "")),
        "across": click.get("across"),
        "down": click.get("down"),
        "category": reading.category,
        "revision": reading.revision,
        "seconds": float(reading.seconds),
    }
