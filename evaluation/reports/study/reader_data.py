"""Everything that a reader study's report is computed from, from the study or from a folder that was exported."""

import csv
import hashlib
import io
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from evaluation.conditions import condition_keys, condition_names
from evaluation.models import ReaderStudy, ReadingSlot
from evaluation.reports.case_sets import cases_read
from evaluation.reports.left_pictures import LeftPictures
from evaluation.reports.reader_readings import (
    CaseReading,
    Readers,
    left_pictures_of,
    readings_of_erased,
    study_readings,
)
from evaluation.reports.study.planned import planned_by_protocol
from evaluation.reports.study.reader_files import MRMCAOV_SNIPPET, imrmc_file, mrmcaov_file
from evaluation.reports.study.reader_raw import raw_files
from evaluation.reports.study.steps import READINGS_KEPT, READINGS_PASSED_OVER
from evaluation.reports.table import software_version
from evaluation.reports.verification import tissue_and_follow_up
from evaluation.reports.versions import versions
from mammo.core.errors import UserError

READINGS, CALLS, MANIFEST = "readings.csv", "calls.csv", "manifest.json"
KIND = "reader study"
CALL_COLUMNS = ("reader", "modality", "case", "group", "called", "output_right", "simulated")
# As the columns of a file say it; no output was stored where nothing stands.
SAID: dict[bool | None, str] = {None: "", False: "0", True: "1"}


@dataclass(frozen=True)
class ReaderData:
    """Attributes:
    facts: design of the study as texts and numbers, by name.
    flow: [{"what", "count", "left_out"}] from the design to the analysis, in order.
    events: kind, time, reason and hash of each event, without names.
    found: standing readings.
    """

    facts: dict[str, Any]
    flow: list[dict[str, Any]]
    events: list[dict[str, str]]
    found: list[CaseReading]

    @property
    def sha256(self) -> str:
        """Hash of the readings file: names the data behind a report."""
        return hashlib.sha256(mrmcaov_file(self.found)).hexdigest()

    @property
    def readers(self) -> Readers:
        """The readers' rows of Table 7."""
        facts = self.facts
        names = condition_names(facts["conditions"])
        left = LeftPictures(**facts.get("left_pictures", {}))
        return Readers(self.found, names, facts["operating_point"], facts["erased"], left)

    @property
    def condition_keys(self) -> dict[str, str]:
        """Key of each condition by whatever a protocol may call it."""
        return condition_keys(self.facts["conditions"])

    @property
    def steps(self) -> list[tuple[str, int, bool]]:
        """What, how many, and whether it stands at the side of the flow: what went no further."""
        return [(step["what"], step["count"], step["left_out"]) for step in self.flow]

    @property
    def verified(self) -> tuple[int, int]:
        """Cases with a tissue result, and with a negative follow-up alone."""
        return self.facts["tissue"], self.facts["follow_up"]


def from_reader_study(study: ReaderStudy, *, simulated: bool) -> ReaderData:
    """Read a locked reader study.

    Raises:
        WrongStateError: it is not locked.
        UserError: there is no reading.
    """
    found = study_readings(study, simulated=simulated)
    if not found:
        raise UserError(_("the study holds no readings; simulated ones count with --simulated"))
    erased = readings_of_erased(study, simulated=simulated)
    left = left_pictures_of(study, simulated=simulated)
    events = [
        {
            "kind": event.kind,
            "time": f"{event.created_at:%Y-%m-%d %H:%M}",
            "reason": event.reason,
            "sha256": event.sha256,
        }
        for event in study.events.order_by("created_at", "pk")
    ]
    facts = _facts(study, found, erased) | {"left_pictures": asdict(left)}
    return ReaderData(facts, _flow(study, found, erased, left), events, found)


def _facts(study: ReaderStudy, found: list[CaseReading], erased: int) -> dict[str, Any]:
    protocol = study.protocol
    cases = cases_read(study, {reading.case for reading in found})
    tissue, follow_up = tissue_and_follow_up((case.study_id, case.laterality) for case in cases)
    return {
        "name": study.name,
        "conditions": [{"key": c.get("key", ""), "name": c.get("name", "")} for c in study.conditions],
        "design": study.design,
        "washout_days": study.washout_days if study.design == ReaderStudy.Design.CROSSOVER else "",
        "unit": study.unit,
        "reader_sees": study.reader_sees,
        "model_sees": study.model_sees,
        "prevalence_statement": study.prevalence_statement,
        "operating_point": study.operating_point,
        "checkpoint": study.checkpoint.sha256 if study.checkpoint else "",
        "design_sha256": study.design_sha256,
        "protocol": protocol.title,
        "protocol_sha256": protocol.frozen_sha256,
        "ethics_approval": protocol.ethics_approval,
        "registry_number": protocol.registry_number,
        "primary_endpoint": protocol.primary_endpoint,
        "alpha": protocol.alpha,
        "multiplicity": protocol.multiplicity,
        "analysis_plan": protocol.analysis_plan,
        "rules": protocol.rules,
        **planned_by_protocol(protocol),
        "tissue": tissue,
        "follow_up": follow_up,
        "erased": erased,
        "software": software_version(),
        "versions": versions(),
    }


def _flow(
    study: ReaderStudy, found: list[CaseReading], erased: int, left: LeftPictures
) -> list[dict[str, Any]]:
    slots = ReadingSlot.objects.filter(reader__reader_study=study)
    gone = study.readers.filter(withdrawn_at__isnull=False)
    steps = [
        (gettext_noop("cases in the design"), study.cases.count(), False),
        (gettext_noop("readers invited"), study.readers.count(), False),
        (gettext_noop("readers who withdrew"), gone.count(), True),
        (gettext_noop("readings planned"), slots.count(), False),
        (
            gettext_noop("readings planned for readers who withdrew"),
            slots.filter(reader__in=gone).count(),
            True,
        ),
        (gettext_noop("readings of patients who withdrew (left out)"), erased, True),
        (READINGS_PASSED_OVER, left.passed_over, True),
        (READINGS_KEPT, left.kept, True),
        (gettext_noop("readings analysed"), len(found), False),
    ]
    return [
        {"what": what, "count": count, "left_out": is_left_out}
        for what, count, is_left_out in steps
        if count or not is_left_out
    ]


def _calls_csv(found: list[CaseReading]) -> bytes:
    """What the readings file has no column for, in the same order."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(CALL_COLUMNS)
    for r in found:
        flags = (SAID[r.called], SAID[r.output_right], SAID[r.is_simulated])
        writer.writerow((r.reader, r.condition, r.case, r.group, *flags))
    return text.getvalue().encode()


def to_files(data: ReaderData) -> dict[str, bytes]:
    """Files of a frozen export of the database's rows, by name: what a report is made from again, everything that
    readers gave with its codebook, and files for other programs."""
    files = {READINGS: mrmcaov_file(data.found), CALLS: _calls_csv(data.found)}
    manifest = {
        "kind": KIND,
        "facts": data.facts,
        "flow": data.flow,
        "events": data.events,
        "sha256": {name: hashlib.sha256(content).hexdigest() for name, content in files.items()},
    }
    return (
        files
        | raw_files(data.found)
        | {
            "readings.imrmc": imrmc_file(data.facts["name"], data.found),
            "mrmcaov.R": MRMCAOV_SNIPPET.encode(),
            MANIFEST: (json.dumps(manifest, ensure_ascii=False, indent=2) + "\n").encode(),
        }
    )


def holds_readings(folder: Path) -> bool:
    """Whether a folder says that it is the export of a reader study."""
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(manifest, dict) and manifest.get("kind") == KIND


def from_folder(folder: Path) -> ReaderData:
    """Read a frozen export.

    Raises:
        UserError: a file is missing or unreadable, or is not the one that the manifest names.
    """
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        raw = {name: (folder / name).read_bytes() for name in (READINGS, CALLS)}
        named = manifest["sha256"]
        facts, flow, events = manifest["facts"], manifest["flow"], manifest["events"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(
            _("%(folder)s: not an export (%(error)s); give the folder that export_readings wrote")
            % {"folder": folder, "error": error}
        ) from None
    for name, content in raw.items():
        if hashlib.sha256(content).hexdigest() != named.get(name):
            raise UserError(
                _("%(file)s: its content is not that which the manifest names; export again")
                % {"file": folder / name}
            )
    return ReaderData(facts, flow, events, _readings(raw[READINGS], raw[CALLS]))


def _readings(readings: bytes, calls: bytes) -> list[CaseReading]:
    first, second = (list(csv.DictReader(io.StringIO(raw.decode()))) for raw in (readings, calls))
    said = {text: value for value, text in SAID.items()}
    return [
        CaseReading(
            pk=str(place),
            reader=row["reader"],
            group=call["group"],
            condition=row["modality"],
            case=row["case"],
            patient=row["patient"],
            study=None,
            truth=row["truth"] == "1",
            called=call["called"] == "1",
            likelihood=float(row["rating"]),
            is_simulated=call["simulated"] == "1",
            output_right=said[call["output_right"]],
        )
        for place, (row, call) in enumerate(zip(first, second, strict=True), start=1)
    ]
