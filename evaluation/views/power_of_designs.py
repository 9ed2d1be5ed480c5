"""The power of a trial's design, and the numbers that a wanted power needs, in words for its page."""

from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext as _

from evaluation.forms import PowerForm
from evaluation.models import Trial
from evaluation.statistics.names import PATIENT_CORRELATION
from mammo.core.errors import UserError

if TYPE_CHECKING:
    from evaluation.statistics.power import PatientClusters
    from evaluation.statistics.results import Estimate

# A calculation of power on a page answers at once; the command takes more runs.
RUNS = 200
RATERS_LOOKED_AT = (4, 6, 8, 12, 16, 24)


def power_in_words(trial: Trial, posted: Any) -> list[str]:
    """The power of given numbers; with a wanted power, the numbers that reach it too.

    Args:
        posted: the fields of `PowerForm`.

    Raises:
        UserError: a field is missing or unfit.
    """
    lines: list[str] = power_found(trial, posted)["said"]
    return lines


def power_found(trial: Trial, posted: Any) -> dict[str, Any]:
    """The same for programs: `power` (0 to 1) with `ci` over simulated trials and `method`, `per_patient`,
    `correlation`, `design_effect` and `effective_questions` of the clustering, and the sentences `said`.

    Raises:
        UserError: a field is missing or unfit.
    """
    form = PowerForm(posted)
    if not form.is_valid():
        raise UserError("; ".join(f"{name}: {' '.join(map(str, e))}" for name, e in form.errors.items()))
    data = form.cleaned_data
    if data["hypothesis"] != "superiority" and not data["margin"]:
        raise UserError(_("margin: give one, in points of the scale"))
    try:
        found, clusters = _power_of(trial, data), _clusters(trial, data)
        said = [_said(trial, data, found)] + (_numbers_for(trial, data) if data["wanted"] else [])
    except ValueError as error:
        raise UserError(str(error)) from None
    return {
        "power": found.value,
        "ci": list(found.interval) if found.interval else None,
        "method": found.method,
        "per_patient": clusters.per_patient,
        "correlation": clusters.correlation,
        "design_effect": clusters.design_effect,
        "effective_questions": clusters.effective(data["questions"]),
        "said": said,
    }


def _question(trial: Trial, data: dict[str, Any]) -> dict[str, Any]:
    """What both calculations are asked, beside the numbers."""
    needs_margin = data["hypothesis"] != "superiority"
    return {
        "difference": data["difference"],
        "hypothesis": data["hypothesis"],
        "margin": data["margin"] if needs_margin else None,
        "alpha": trial.protocol.alpha,
        "raters_per_answer": trial.raters_per_answer,
        "clusters": _clusters(trial, data),
    }


def questions_per_patient(trial: Trial) -> float:
    """Mean number of questions of a patient of the trial; a question without a patient is its own; 1 without any."""
    rows = trial.trial_questions.values_list("question__patient_id", "question_id")
    patients = {patient or question for patient, question in rows}
    return len(rows) / len(patients) if patients else 1.0


def _clusters(trial: Trial, data: dict[str, Any]) -> "PatientClusters":
    from evaluation.statistics.power import PatientClusters

    per_patient, correlation = data["per_patient"], data["correlation"]
    return PatientClusters(
        questions_per_patient(trial) if per_patient is None else per_patient,
        PATIENT_CORRELATION if correlation is None else correlation,
    )


def _clustered(trial: Trial, data: dict[str, Any]) -> str:
    """What questions of one patient cost, as a sentence behind the power; nothing where each has a patient of its own."""
    clusters = _clusters(trial, data)
    if clusters.per_patient == 1:
        return ""
    return " " + _(
        "%(per_patient)s questions per patient with a correlation of %(correlation)s: design effect %(effect)s, "
        "%(questions)s questions count as %(effective)s."
    ) % {
        "per_patient": f"{clusters.per_patient:.3g}",
        "correlation": f"{clusters.correlation:g}",
        "effect": f"{clusters.design_effect:.2f}",
        "questions": data["questions"],
        "effective": f"{clusters.effective(data['questions']):.1f}",
    }


def _power_of(trial: Trial, data: dict[str, Any]) -> "Estimate":
    from evaluation.statistics.power import power_of_scores  # numbers that no other page needs

    size = {"raters": data["raters"], "questions": data["questions"]}
    return power_of_scores(**size, **_question(trial, data), runs=RUNS, seed=trial.seed % (2**32))


def _said(trial: Trial, data: dict[str, Any], found: "Estimate") -> str:
    low, high = found.interval or (float("nan"), float("nan"))
    said = _(
        "Power for %(difference)s points with %(raters)s raters and %(questions)s questions: %(value)s "
        "[%(low)s, %(high)s], %(method)s."
    ) % {
        "difference": f"{data['difference']:g}",
        "raters": data["raters"],
        "questions": data["questions"],
        "value": f"{found.value:.0%}",
        "low": f"{low:.0%}",
        "high": f"{high:.0%}",
        "method": found.method,
    }
    return said + _clustered(trial, data) + _incomplete(trial, data)


def _incomplete(trial: Trial, data: dict[str, Any]) -> str:
    """What incomplete blocks cost, as a sentence behind the power; nothing where every rater scores every answer."""
    from evaluation.statistics.power_planning import expected_power

    per_answer = trial.raters_per_answer
    if per_answer is None or per_answer >= data["raters"]:
        return ""
    own = _question(trial, data) | {"raters_per_answer": None}
    complete = expected_power(raters=data["raters"], questions=data["questions"], **own)
    return " " + _(
        "Incomplete blocks: %(per_answer)s raters per answer; were every answer scored by all raters, it would be "
        "%(complete)s."
    ) % {"per_answer": per_answer, "complete": f"{complete:.0%}"}


def _numbers_for(trial: Trial, data: dict[str, Any]) -> list[str]:
    from evaluation.statistics.power_planning import Goal, Needed, questions_needed, raters_needed

    goal = Goal(power=data["wanted"] / 100, **_question(trial, data))
    seed = trial.seed % (2**32)
    least = max(goal.raters_per_answer or 2, 2)
    counts = sorted({data["raters"], *(count for count in RATERS_LOOKED_AT if count >= least)})
    wanted = f"{goal.power:.0%}"

    def line(found: Needed) -> str:
        low, high = found.simulated.interval if found.simulated and found.simulated.interval else (0.0, 0.0)
        return _(
            "For a power of %(wanted)s: %(raters)s raters and %(questions)s questions (%(value)s by the closed "
            "form; %(simulated)s [%(low)s, %(high)s] of %(runs)s simulated trials)."
        ) % {
            "wanted": wanted,
            "raters": found.raters,
            "questions": found.questions,
            "value": f"{found.expected:.0%}",
            "simulated": f"{found.simulated.value if found.simulated else 0:.0%}",
            "low": f"{low:.0%}",
            "high": f"{high:.0%}",
            "runs": RUNS,
        }

    lines, short = [], []
    for count in counts:
        found = questions_needed(goal, count, runs=RUNS, seed=seed)
        if found.found:
            lines.append(line(found))
        else:
            short.append((count, found.questions, found.expected))
    beside = raters_needed(goal, data["questions"], runs=RUNS, seed=seed)
    if beside.found and beside.raters not in counts:
        lines.append(line(beside))
    return lines + [
        _("%(raters)s raters don't reach a power of %(wanted)s even with %(most)s questions (%(value)s).")
        % {"raters": count, "wanted": wanted, "most": most, "value": f"{value:.0%}"}
        for count, most, value in short
    ]
