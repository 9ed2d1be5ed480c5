"""Everything that a study report is computed from, from a trial or from a folder that was exported."""

import csv
import hashlib
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from django.utils.translation import get_language
from django.utils.translation import gettext as _

from evaluation.models import Aspect, Slot, Trial, TrialEvent
from evaluation.reports.authors import authors_of_answers, authors_of_arms, checkpoints_of_arms
from evaluation.reports.leaks import leak_report
from evaluation.reports.study.hidden_forms import marks_of, scored_controls, scored_repeats, seconds_of
from evaluation.reports.study.planned import planned_by_protocol, planned_by_trial
from evaluation.reports.study.steps import STEPS
from evaluation.reports.table import software_version
from evaluation.reports.trial_scores import TrialScores, analysis_seed, arm_keys, arm_labels, trial_scores
from evaluation.reports.unsafe_answers import scored_forms
from evaluation.reports.versions import versions
from evaluation.services.dealing import shrunk_spacing
from evaluation.services.shared_wordings import shared_in_report
from evaluation.statistics.score_cube import ScoreCube, ScoreRow, cubes
from mammo.core.errors import UserError

SCORES, MANIFEST = "scores.csv", "manifest.json"
# Beside the scores, each under a hash of its own in the manifest; exports of earlier versions have none of them.
FLAGS, LEAKS = "flags.csv", "leaks.json"
FLAG_COLUMNS = ("rater", "question", "patient", "arm", "unsafe", "simulated")
COLUMNS = (
    "rater",
    "question",
    "patient",
    "arm",
    "aspect",
    "score",
    "position",
    "sitting",
    "seconds",
    "simulated",
    "known",
    "typed",
)


@dataclass(frozen=True)
class StudyData:
    """Attributes:
    facts: design of the trial as texts and numbers, by name.
    aspects: [{"key", "name", "name_zh"}] (earlier exports have no name_zh); arms: [{"id", "label"}] in table order.
    scores: rows of COLUMNS (arm is the label).
    repeats: [{"rater", "form", "aspect", "first", "second"}] of hidden repeats; earlier exports have no form.
    controls: [{"rater", "question", "arm", "whole", "control"}]: means over the aspects of degraded controls and of
        the whole answers.
    flow: counts of questions, answers and scores, and what was left out, in order.
    events: kind, time and reason of each event, without names.
    flags: rows of FLAG_COLUMNS, one for each scored form: whether the rater flagged the answer as unsafe.
    leaks: the leak report as JSON values. Both are None in exports of earlier versions, and where only scores are read.
    """

    facts: dict[str, Any]
    aspects: list[dict[str, str]]
    arms: list[dict[str, str]]
    scores: list[dict[str, Any]]
    repeats: list[dict[str, Any]] = field(default_factory=list)
    flow: list[dict[str, Any]] = field(default_factory=list)
    events: list[dict[str, str]] = field(default_factory=list)
    controls: list[dict[str, Any]] = field(default_factory=list)
    flags: list[dict[str, Any]] | None = None
    leaks: dict[str, Any] | None = None

    @property
    def sha256(self) -> str:
        """Hash of the scores file: names the data behind a report."""
        return hashlib.sha256(scores_csv(self.scores)).hexdigest()

    def beside(self) -> dict[str, bytes]:
        """Flags and leak report as the files of an export, by name; those that are there."""
        files = {}
        if self.flags is not None:
            files[FLAGS] = _csv_of(self.flags, FLAG_COLUMNS)
        if self.leaks is not None:
            files[LEAKS] = (
                json.dumps(self.leaks, ensure_ascii=False, indent=2, sort_keys=True) + "\n"
            ).encode()
        return files

    def aspect_name(self, key: str) -> str:
        """Name of an aspect in the reader's language; its key where the trial has none of this name."""
        aspect = next((aspect for aspect in self.aspects if aspect["key"] == key), {"name": key})
        in_chinese = (get_language() or "").startswith("zh")
        return (in_chinese and aspect.get("name_zh")) or aspect["name"]

    def by_arm(self, fact: str) -> dict[str, Any]:
        """A fact that is given by arm, in table order: a manifest holds names in the order of their letters."""
        given = self.facts.get(fact) or {}
        return {arm["label"]: given[arm["label"]] for arm in self.arms if arm["label"] in given}

    def cubes(self) -> dict[str, ScoreCube]:
        """Scores by aspect key, systems by label in table order, raters and questions as the trial's tables have them."""

        def named(column: str) -> list[str]:
            # R2 before R10, Q999 before Q1000.
            return sorted({str(r[column]) for r in self.scores}, key=lambda text: (len(text), text))

        rows = [
            ScoreRow(r["rater"], r["question"], r["arm"], r["aspect"], float(r["score"]), r["patient"])
            for r in self.scores
        ]
        arms = [arm["label"] for arm in self.arms]
        found = cubes(rows, systems=arms, raters=named("rater"), questions=named("question")) if rows else {}
        return {aspect["key"]: found[aspect["key"]] for aspect in self.aspects if aspect["key"] in found}


def from_trial(trial: Trial, *, simulated: bool, scores_alone: bool = False) -> StudyData:
    """Read a locked or unblinded trial; before unblinding arms stand under their codes.

    Args:
        scores_alone: leave out the flags and the leak report, which figures need not.

    Raises:
        WrongStateError: the trial is not locked, or its design was altered.
    """
    found = trial_scores(trial, simulated=simulated)
    keys = arm_keys(trial)
    labels = {keys[pk]: label for pk, label in arm_labels(trial)}
    rows = list(found.sources)
    patients = {
        question: patient
        for cube in found.cubes.values()
        for question, patient in zip(cube.questions, cube.patients or cube.questions, strict=True)
    }
    # Patients are numbered: their ids stay in the database.
    numbers = {
        patient: f"P{place:03d}" for place, patient in enumerate(sorted(set(patients.values())), start=1)
    }
    scores = _score_rows(rows, labels, {q: numbers[patient] for q, patient in patients.items()})
    names = {str(rater): name for rater, name in _pseudonyms(rows)}
    written = authors_of_answers(trial, labels)
    checkpoints = checkpoints_of_arms(trial)
    people: dict[str, Any] = {"checkpoints": checkpoints} if checkpoints else {}
    people |= {"authors": authors_of_arms(trial, labels)} | ({"author_of": written} if written else {})
    return StudyData(
        _facts(trial, found) | people,
        [
            {"key": a.key, "name": a.name, "name_zh": a.name_zh}
            for a in Aspect.objects.filter(trial=trial).order_by("position")
        ],
        [{"id": str(place), "label": label} for place, (_pk, label) in enumerate(arm_labels(trial), start=1)],
        sorted(scores, key=lambda row: [str(row[name]) for name in COLUMNS[:5]]),
        scored_repeats(trial, names, simulated=simulated),
        _flow(trial, found, len(scores)),
        _events(trial),
        scored_controls(trial, names, dict(arm_labels(trial)), simulated=simulated),
        *(() if scores_alone else _beside(trial, numbers, simulated=simulated)),
    )


def _score_rows(
    rows: Sequence[Mapping[str, Any]], labels: Mapping[str, str], patients: Mapping[str, str]
) -> list[dict[str, Any]]:
    """Rows of COLUMNS; `patients` are the numbers of the questions' patients."""
    details = _details([source["slot"] for source in rows])
    return [
        {
            "rater": source["rater"],
            "question": source["question"],
            "patient": patients[source["question"]],
            "arm": labels[source["arm"]],
            "aspect": source["aspect"],
            "score": source["value"],
            "position": source["position"],
            **details[source["slot"]],
            "simulated": int(source["simulated"]),
        }
        for source in rows
    ]


def _beside(
    trial: Trial, numbers: Mapping[str, str], *, simulated: bool
) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """The flags of every form, patients by their numbers, and the leak report as JSON values."""
    labels = dict(arm_labels(trial))
    flags = [
        {
            "rater": form.rater,
            "question": f"Q{form.question:03d}",
            "patient": numbers[form.patient],
            "arm": labels[form.arm],
            "unsafe": int(form.is_flagged),
            "simulated": int(form.is_simulated),
        }
        for form in scored_forms(trial, simulated=simulated)
    ]
    leaks = json.loads(json.dumps(asdict(leak_report(trial, simulated=simulated))))
    return sorted(flags, key=lambda row: [row[name] for name in ("rater", "question", "arm")]), leaks


def _details(slots: list[str]) -> dict[str, dict[str, Any]]:
    """Sitting, marks and active seconds of each slot."""
    marks, seconds = marks_of(set(slots)), seconds_of(set(slots))
    rows = Slot.objects.filter(pk__in=set(slots)).values_list("pk", "sitting")
    return {
        str(pk): {
            "sitting": sitting,
            "seconds": round(seconds.get(str(pk), 0.0), 1),
            "known": int(marks.get(str(pk), (False, False))[0]),
            "typed": int(marks.get(str(pk), (False, False))[1]),
        }
        for pk, sitting in rows
    }


def _pseudonyms(sources: list[Mapping[str, Any]]) -> list[tuple[str, str]]:
    slots = {source["slot"]: source["rater"] for source in sources}
    rows = Slot.objects.filter(pk__in=slots).values_list("pk", "rater_id")
    return [(str(rater), slots[str(pk)]) for pk, rater in rows]


def _facts(trial: Trial, found: TrialScores) -> dict[str, Any]:
    protocol = trial.protocol
    # The arms of the contrast by name: an export under codes names none.
    withheld = () if trial.state == Trial.State.UNBLINDED else ("first", "second")
    dialogues = trial.trial_questions.exclude(rounds_sha256="").count()
    return {
        **({"dialogues": dialogues} if dialogues else {}),
        **({"spacing": spacing} if (spacing := shrunk_spacing(trial)) is not None else {}),
        "shared_wordings": shared_in_report(trial),
        **({"earlier_shown": True} if trial.show_earlier else {}),
        **({"left_out_arms": arms} if (arms := _left_out(trial)) else {}),
        "trial": trial.name,
        "state": trial.state,
        "order": trial.order,
        "scale": [trial.scale_min, trial.scale_max],
        "raters": found.raters,
        "questions": found.questions,
        "patients": found.patients,
        "trained_raters": sorted(found.trained),
        "seed": analysis_seed(trial),
        "report_shown": trial.show_report,
        "design_sha256": trial.design_sha256,
        "protocol": protocol.title,
        "protocol_sha256": protocol.frozen_sha256,
        "ethics_approval": protocol.ethics_approval,
        "registry_number": protocol.registry_number,
        "primary_endpoint": {
            name: said for name, said in protocol.primary_endpoint.items() if name not in withheld
        },
        **({"contrast_withheld": True} if withheld and protocol.primary_endpoint.get("first") else {}),
        "alpha": protocol.alpha,
        "multiplicity": protocol.multiplicity,
        "analysis_plan": protocol.analysis_plan,
        "rules": protocol.rules,
        **planned_by_protocol(protocol),
        **planned_by_trial(trial),
        "simulated": trial.is_simulated,
        "software": software_version(),
        "versions": versions(),
    }


def _left_out(trial: Trial) -> list[dict[str, str]]:
    """Arms that were run and left out with their reasons; before the unblinding neither name nor reason, which may hold
    the name."""
    told = trial.state == Trial.State.UNBLINDED
    rows = trial.arms.exclude(left_out_reason="").order_by("position")
    return [
        {
            "label": arm.name if told else "",
            "reason": arm.left_out_reason if told else "",
        }
        for arm in rows
    ]


def _flow(trial: Trial, found: TrialScores, scores: int) -> list[dict[str, Any]]:
    left_out, pictures = found.left_out, found.left_pictures
    questions = trial.trial_questions.count()
    arms = trial.arms.filter(left_out_reason="").count()
    dropped = trial.arms.exclude(left_out_reason="").count()
    apart = Slot.objects.filter(rater__trial=trial, scores__isnull=False).exclude(kind=Slot.Kind.SCORED)
    counts = (
        questions,
        arms,
        dropped,
        sum(arm.answers.count() for arm in trial.arms.filter(left_out_reason="")),
        trial.raters.count(),
        trial.raters.filter(withdrawn_at__isnull=False).count(),
        left_out["withdrawn"],
        left_out["erased"],
        pictures.passed_over,
        pictures.kept,
        left_out["simulated"],
        apart.distinct().count(),
        scores,
    )
    return [{"what": what, "count": count} for what, count in zip(STEPS, counts, strict=True)]


def _events(trial: Trial) -> list[dict[str, str]]:
    rows = TrialEvent.objects.filter(trial=trial).order_by("created_at", "pk")
    return [
        {
            "kind": row.kind,
            "time": f"{row.created_at:%Y-%m-%d %H:%M}",
            "reason": "; ".join(filter(None, (str(row.details.get("text", "")), row.reason))),
            "sha256": row.sha256,
        }
        for row in rows
    ]


def scores_csv(scores: list[dict[str, Any]]) -> bytes:
    """The scores as UTF-8 CSV with BOM (for spreadsheets), rows in order; exports of earlier versions have fewer
    columns and keep them."""
    return _csv_of(scores, [name for name in COLUMNS if not scores or name in scores[0]])


def _csv_of(rows: list[dict[str, Any]], columns: Sequence[str]) -> bytes:
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return ("\ufeff" + text.getvalue()).encode()


def to_folder(data: StudyData) -> dict[str, bytes]:
    """Files of a frozen export, by name: the scores, flags and leak report, and a manifest with everything else and
    their hashes."""
    apart, beside = ("scores", "flags", "leaks"), data.beside()
    manifest = {key: value for key, value in asdict(data).items() if key not in apart}
    manifest |= {"sha256": data.sha256, "files": {name: _hash(raw) for name, raw in beside.items()}}
    return beside | {
        SCORES: scores_csv(data.scores),
        MANIFEST: (json.dumps(manifest, ensure_ascii=False, indent=2, sort_keys=True) + "\n").encode(),
    }


def from_folder(folder: Path) -> StudyData:
    """Read a frozen export.

    Raises:
        UserError: a file is missing or unreadable, or the scores are not those that the manifest names.
    """
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        raw = (folder / SCORES).read_bytes()
    except (OSError, ValueError) as error:
        raise UserError(
            _("%(folder)s: not an export (%(error)s); give the folder that export_scores wrote")
            % {"folder": folder, "error": error}
        ) from None
    named, beside = manifest.pop("sha256", ""), manifest.pop("files", {})
    _require_named(folder / SCORES, raw, named)
    found = {name: _beside_of(folder / name, sha256) for name, sha256 in beside.items()}
    return StudyData(
        scores=_rows_of(raw),
        flags=_rows_of(found[FLAGS]) if FLAGS in found else None,
        leaks=json.loads(found[LEAKS]) if LEAKS in found else None,
        **manifest,
    )


def _beside_of(path: Path, named: str) -> bytes:
    """A file that the manifest names.

    Raises:
        UserError: it is missing, or another one.
    """
    if path.name not in (FLAGS, LEAKS):
        raise UserError(_("%(file)s: no file of an export; export again") % {"file": path})
    try:
        raw = path.read_bytes()
    except OSError:
        raw = b""
    _require_named(path, raw, named)
    return raw


def _require_named(path: Path, raw: bytes, named: str) -> None:
    if _hash(raw) != named:
        raise UserError(
            _("%(file)s: its content is not that which the manifest names; export again") % {"file": path}
        )


def _rows_of(raw: bytes) -> list[dict[str, Any]]:
    return list(csv.DictReader(io.StringIO(raw.decode("utf-8-sig"))))


def _hash(raw: bytes) -> str:
    return hashlib.sha256(raw).hexdigest()
