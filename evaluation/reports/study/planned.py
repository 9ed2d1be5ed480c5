"""What a protocol and a trial's design plan beside the endpoint: as facts of an export, and in words for a report."""

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _

from evaluation import counted
from evaluation.models import Protocol, Trial
from evaluation.reports.left_pictures import LeftPictures, note_of_forms, note_of_readings
from evaluation.reports.planned_power import power_sentences
from evaluation.reports.study.steps import (
    FORMS_PASSED_OVER,
    RATERS_WITHDREW,
    READINGS_KEPT,
    READINGS_PASSED_OVER,
    SCORES_KEPT,
    THEIR_SCORES,
)
from evaluation.services.power_plan import power_of_trial

# Facts that exports of earlier versions do not hold, and those of few trials: without them there is no row.
NOT_ALWAYS = frozenset(
    {
        *("consent_basis", "exclusions", "cohort", "protocol_authors"),
        *("raters_per_answer", "repeats", "controls", "guesses", "sittings", "dialogues", "power"),
    }
)


def planned_by_protocol(protocol: Protocol) -> dict[str, Any]:
    """Consent, exclusions, cohort and authors by the name of the fact."""
    return {
        "consent_basis": protocol.consent_basis,
        "exclusions": [str(reason) for reason in protocol.exclusions],
        "cohort": protocol.cohort.name if protocol.cohort else "",
        "protocol_authors": protocol.authors,
    }


def planned_by_trial(trial: Trial) -> dict[str, Any]:
    """How the scoring is laid out, by the name of the fact; raters_per_answer is None where all score all."""
    return {
        "raters_per_answer": trial.raters_per_answer,
        "repeats": trial.repeats,
        "controls": trial.controls,
        "guesses": trial.guesses,
        "sittings": {"slots": trial.sitting_slots, "minutes": trial.sitting_minutes},
        "power": power_of_trial(trial),
    }


def planned_in_words(facts: Mapping[str, Any]) -> dict[str, str]:
    """Those of the facts that are printed otherwise than they are stored."""
    said = {}
    if "exclusions" in facts:
        said["exclusions"] = "; ".join(map(str, facts["exclusions"]))
    if "raters_per_answer" in facts:
        said["raters_per_answer"] = str(facts["raters_per_answer"] or _("every rater scores every answer"))
    if "sittings" in facts:
        said["sittings"] = _("at most %(slots)s, planned for %(minutes)s") % {
            "slots": counted.forms(facts["sittings"]["slots"]),
            "minutes": counted.minutes(facts["sittings"]["minutes"]),
        }
    if facts.get("power"):
        said["power"] = " ".join(power_sentences(facts["power"]))
    if "dialogues" in facts:
        said["dialogues"] = _("%(count)s, every turn answered by each arm and the whole scored") % {
            "count": facts["dialogues"]
        }
    return said


def rules_in_words(facts: Mapping[str, Any], flow: list[dict[str, Any]]) -> list[str]:
    """The protocol's rules for missing scores and for raters who withdrew, with what was left out by the second; and
    what was passed over where a picture was taken out.

    Args:
        flow: steps of the study's flow with their counts.
    """
    counts = {str(step["what"]): int(step["count"]) for step in flow}
    missing, withdrawn = (rule_of(facts, name) for name in ("missing_scores", "withdrawn_raters"))
    return [
        _("Rule of the protocol for missing scores: %(rule)s.") % {"rule": missing},
        _(
            "Rule of the protocol for raters who withdraw: %(rule)s. %(raters)s withdrew; left out: %(scores)s."
        )
        % {
            "rule": withdrawn,
            "raters": counted.raters(counts.get(RATERS_WITHDREW, 0)),
            "scores": counted.scores(counts.get(THEIR_SCORES, 0)),
        },
        *note_of_forms(LeftPictures(counts.get(FORMS_PASSED_OVER, 0), counts.get(SCORES_KEPT, 0))),
    ]


def rules_for_readers(facts: Mapping[str, Any], flow: list[dict[str, Any]]) -> list[str]:
    """The protocol's rules for missing readings, readers who withdrew and failed controls, with what was done, and what
    was passed over where a picture was taken out; nothing for exports of earlier versions, which do not hold the rules.

    Args:
        flow: steps of the study's flow with their counts.
    """
    if "rules" not in facts:
        return []
    counts = {str(step["what"]): int(step["count"]) for step in flow}
    of_withdrawn = counts.get("readings planned for readers who withdrew", 0)
    planned, analysed = counts["readings planned"] - of_withdrawn, counts["readings analysed"]
    return [
        _(
            "Rule of the protocol for missing readings: %(rule)s. Of %(planned)s planned for readers who stayed, not "
            "analysed: %(missing)s; of patients who withdrew: %(erased)s."
        )
        % {
            "rule": rule_of(facts, "missing_scores"),
            "planned": counted.readings(planned),
            "missing": planned - analysed,
            "erased": counts.get("readings of patients who withdrew (left out)", 0),
        },
        _(
            "Rule of the protocol for readers who withdraw: %(rule)s. %(readers)s withdrew; left out: %(readings)s "
            "planned for them."
        )
        % {
            "rule": rule_of(facts, "withdrawn_raters"),
            "readers": counted.readers(counts.get("readers who withdrew", 0)),
            "readings": counted.readings(of_withdrawn),
        },
        _(
            "Rule of the protocol for failed controls: %(rule)s. A reader study has no controls: nothing was left out "
            "for one."
        )
        % {"rule": rule_of(facts, "failed_controls")},
        *note_of_readings(LeftPictures(counts.get(READINGS_PASSED_OVER, 0), counts.get(READINGS_KEPT, 0))),
    ]


def rule_of(facts: Mapping[str, Any], name: str) -> str:
    """A rule of the protocol as the middle of a sentence."""
    rules: Mapping[str, Any] = facts.get("rules") or {}
    return str(rules.get(name) or _("not given")).rstrip(".。")
