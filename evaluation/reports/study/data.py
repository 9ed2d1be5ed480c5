"""Everything that a study report is computed from, from a trial or from a folder that was exported."""

import csv
import hashlib
import io
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from evaluation.models import Aspect, Score, Slot, Trial, TrialEvent
from evaluation.reports.authors import authors_of_arms
from evaluation.reports.study.hidden_forms import marks_of, scored_controls, scored_repeats
from evaluation.reports.table import software_version
from evaluation.reports.trial_scores import TrialScores, analysis_seed, arm_keys, arm_labels, trial_scores
from evaluation.reports.versions import versions
from evaluation.statistics.score_cube import ScoreCube, ScoreRow, cubes
from mammo.core.errors import UserError

SCORES, MANIFEST = "scores.csv", "manifest.json"
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


# Steps of the flow that stand at its side: what went no further.
LEFT_OUT = frozenset(
    {
        "arms run and left out",
        "raters who withdrew",
        "scores of raters who withdrew (left out)",
        "simulated scores left out",
        "forms of hidden repeats and controls (analysed apart)",
    }
)


@dataclass(frozen=True)
class StudyData:
    """Attributes:
    facts: design of the trial as texts and numbers, by name.
    aspects: [{"key", "name"}]; arms: [{"id", "label"}] in table order.
    scores: rows of COLUMNS (arm is the label).
    repeats: [{"rater", "aspect", "first", "second"}] of hidden repeats.
    controls: [{"rater", "question", "arm", "whole", "control"}]: means over the aspects of degraded controls and of
        the whole answers.
    flow: counts of questions, answers and scores, and what was left out, in order.
    events: kind, time and reason of each event, without names.
    """

    facts: dict[str, Any]
    aspects: list[dict[str, str]]
    arms: list[dict[str, str]]
    scores: list[dict[str, Any]]
    repeats: list[dict[str, Any]] = field(default_factory=list)
    flow: list[dict[str, Any]] = field(default_factory=list)
    events: list[dict[str, str]] = field(default_factory=list)
    controls: list[dict[str, Any]] = field(default_factory=list)

    @property
    def sha256(self) -> str:
        """Hash of the scores file: names the data behind a report."""
        return hashlib.sha256(scores_csv(self.scores)).hexdigest()

    def aspect_name(self, key: str) -> str:
        """Name of an aspect; its key where the trial has none of this name."""
        return next((aspect["name"] for aspect in self.aspects if aspect["key"] == key), key)

    def cubes(self) -> dict[str, ScoreCube]:
        """Scores by aspect key, systems by label in table order."""
        rows = [
            ScoreRow(r["rater"], r["question"], r["arm"], r["aspect"], float(r["score"]), r["patient"])
            for r in self.scores
        ]
        found = cubes(rows, systems=[arm["label"] for arm in self.arms]) if rows else {}
        return {aspect["key"]: found[aspect["key"]] for aspect in self.aspects if aspect["key"] in found}


def from_trial(trial: Trial, *, simulated: bool) -> StudyData:
    """Read a locked or unblinded trial; before unblinding arms stand under their codes.

    Raises:
        WrongStateError: the trial is not locked, or its design was altered.
    """
    found = trial_scores(trial, simulated=simulated)
    keys = arm_keys(trial)
    labels = {keys[pk]: label for pk, label in arm_labels(trial)}
    rows = list(found.sources)
    details = _details([source["slot"] for source in rows])
    patients = {
        question: patient
        for cube in found.cubes.values()
        for question, patient in zip(cube.questions, cube.patients or cube.questions, strict=True)
    }
    # Patients are numbered: their ids stay in the database.
    numbers = {
        patient: f"P{place:03d}" for place, patient in enumerate(sorted(set(patients.values())), start=1)
    }
    scores = [
        {
            "rater": source["rater"],
            "question": source["question"],
            "patient": numbers[patients[source["question"]]],
            "arm": labels[source["arm"]],
            "aspect": source["aspect"],
            "score": source["value"],
            "position": source["position"],
            **details[source["slot"]],
            "simulated": int(source["simulated"]),
        }
        for source in rows
    ]
    names = {str(rater): name for rater, name in _pseudonyms(rows)}
    return StudyData(
        _facts(trial, found) | {"authors": authors_of_arms(trial, labels)},
        [{"key": a.key, "name": a.name} for a in Aspect.objects.filter(trial=trial).order_by("position")],
        [{"id": str(place), "label": label} for place, (_pk, label) in enumerate(arm_labels(trial), start=1)],
        sorted(scores, key=lambda row: [str(row[name]) for name in COLUMNS[:5]]),
        scored_repeats(trial, names, simulated=simulated),
        _flow(trial, found.left_out, len(scores)),
        _events(trial),
        scored_controls(trial, names, labels, simulated=simulated),
    )


def _details(slots: list[str]) -> dict[str, dict[str, Any]]:
    """Sitting, active seconds and marks of each slot."""
    marks = marks_of(set(slots))
    rows = Slot.objects.filter(pk__in=set(slots)).values_list("pk", "sitting")
    seconds: dict[str, float] = {}
    for slot, value in (
        Score.objects.standing().filter(slot__in=set(slots)).values_list("slot_id", "active_seconds")
    ):
        seconds[str(slot)] = max(seconds.get(str(slot), 0.0), value)
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
        "simulated": trial.is_simulated,
        "software": software_version(),
        "versions": versions(),
    }


def _flow(trial: Trial, left_out: Mapping[str, int], scores: int) -> list[dict[str, Any]]:
    questions = trial.trial_questions.count()
    arms = trial.arms.filter(left_out_reason="").count()
    dropped = trial.arms.exclude(left_out_reason="").count()
    return [
        {"what": gettext_noop("questions in the design"), "count": questions},
        {"what": gettext_noop("arms scored"), "count": arms},
        {"what": gettext_noop("arms run and left out"), "count": dropped},
        {
            "what": gettext_noop("answers to be scored"),
            "count": sum(arm.answers.count() for arm in trial.arms.filter(left_out_reason="")),
        },
        {"what": gettext_noop("raters invited"), "count": trial.raters.count()},
        {
            "what": gettext_noop("raters who withdrew"),
            "count": trial.raters.filter(withdrawn_at__isnull=False).count(),
        },
        {"what": gettext_noop("scores of raters who withdrew (left out)"), "count": left_out["withdrawn"]},
        {"what": gettext_noop("scores of patients who withdrew (left out)"), "count": left_out["erased"]},
        {"what": gettext_noop("simulated scores left out"), "count": left_out["simulated"]},
        {
            "what": gettext_noop("forms of hidden repeats and controls (analysed apart)"),
            "count": Slot.objects.filter(rater__trial=trial, scores__isnull=False)
            .exclude(kind=Slot.Kind.SCORED)
            .distinct()
            .count(),
        },
        {"what": gettext_noop("scores analysed"), "count": scores},
    ]


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
    text = io.StringIO(newline="")
    columns = [name for name in COLUMNS if not scores or name in scores[0]]
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(scores)
    return ("\ufeff" + text.getvalue()).encode()


def to_folder(data: StudyData) -> dict[str, bytes]:
    """Files of a frozen export, by name: the scores and a manifest with everything else and their hash."""
    manifest = {key: value for key, value in asdict(data).items() if key != "scores"} | {
        "sha256": data.sha256
    }
    return {
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
    rows: list[dict[str, Any]] = list(csv.DictReader(io.StringIO(raw.decode("utf-8-sig"))))
    named = manifest.pop("sha256", "")
    data = StudyData(scores=rows, **{key: manifest[key] for key in manifest})
    if hashlib.sha256(raw).hexdigest() != named:
        raise UserError(
            _("%(file)s: its content is not that which the manifest names; export again")
            % {"file": folder / SCORES}
        )
    return data
