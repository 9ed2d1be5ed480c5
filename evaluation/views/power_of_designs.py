"""The power of a trial's design, and the numbers that a wanted power needs, in words for its page."""

from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext as _

from evaluation import counted
from evaluation.forms import PowerForm
from evaluation.models import Trial
from evaluation.services.power_plan import keep_power
from evaluation.statistics.names import PATIENT_CORRELATION
from mammo.accounts.models import User
from mammo.core.errors import UserError

if TYPE_CHECKING:
    from evaluation.statistics.power import PatientClusters
    from evaluation.statistics.results import Estimate

# A calculation of power on a page answers at once; the command takes more runs.
RUNS = 200
RATERS_LOOKED_AT = (4, 6, 8, 12, 16, 24)


def calculate_power(trial: Trial, posted: Any, *, by_user: User) -> list[str]:
    """The power of given numbers; with a wanted power, the numbers that reach it too. Kept with the plan of a draft.

    Args:
        posted: the fields of `PowerForm`.

    Raises:
        UserError: a field is missing or unfit.
        NotAllowedError: not a researcher of the site.
    """
    data = _asked(posted)
    found, designs, lines = _calculated(trial, data)
    clusters = _clusters(trial, data)
    inputs = {name: value for name, value in _question(trial, data).items() if name != "clusters"}
    was_kept = keep_power(
        trial.protocol,
        trial=trial,
        inputs=inputs | {"per_patient": clusters.per_patient, "correlation": clusters.correlation},
        designs=[_design(data["raters"], data["questions"], found), *designs],
        seed=_seed(trial),
        runs=RUNS,
        wanted=data["wanted"] and data["wanted"] / 100,
        by_user=by_user,
    )
    told = _("Kept with the protocol.") if was_kept else _("Kept with the trial: its protocol is frozen.")
    return [*lines, told]


def power_found(trial: Trial, posted: Any) -> dict[str, Any]:
    """The same for programs: `power` (0 to 1) with `ci` over simulated trials and `method`, `per_patient`,
    `correlation`, `design_effect` and `effective_questions` of the clustering, and the sentences `said`.

    Raises:
        UserError: a field is missing or unfit.
    """
    data = _asked(posted)
    found, _designs, said = _calculated(trial, data)
    clusters = _clusters(trial, data)
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


def _asked(posted: Any) -> dict[str, Any]:
    """The fields of the form.

    Raises:
        UserError: one is missing or unfit.
    """
    form = PowerForm(posted)
    if not form.is_valid():
        raise UserError("; ".join(f"{name}: {' '.join(map(str, e))}" for name, e in form.errors.items()))
    data: dict[str, Any] = form.cleaned_data
    if data["hypothesis"] != "superiority" and not data["margin"]:
        raise UserError(_("margin: give one, in points of the scale"))
    return data


def _calculated(trial: Trial, data: dict[str, Any]) -> tuple["Estimate", list[dict[str, Any]], list[str]]:
    """The power of the numbers, the designs that reach a wanted one, and both in words.

    Raises:
        UserError: no power can be computed for them.
    """
    try:
        found = _power_of(trial, data)
        designs, lines = _numbers_for(trial, data) if data["wanted"] else ([], [])
        return found, designs, [_said(trial, data, found), *lines]
    except ValueError as error:
        raise UserError(str(error)) from None


def _design(raters: int, questions: int, found: "Estimate | None") -> dict[str, Any]:
    """A design with its power by simulation, as a protocol keeps it."""
    low, high = found.interval if found and found.interval else (None, None)
    return {
        "raters": raters,
        "questions": questions,
        "power": found.value if found else None,
        "low": low,
        "high": high,
    }


def _seed(trial: Trial) -> int:
    return trial.seed % (2**32)


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
    return power_of_scores(**size, **_question(trial, data), runs=RUNS, seed=_seed(trial))


def _said(trial: Trial, data: dict[str, Any], found: "Estimate") -> str:
    low, high = found.interval or (float("nan"), float("nan"))
    said = _(
        "Power for %(difference)s with %(raters)s and %(questions)s: %(value)s "
        "[%(low)s, %(high)s], %(method)s."
    ) % {
        "difference": counted.points(data["difference"]),
        "raters": counted.raters(data["raters"]),
        "questions": counted.questions(data["questions"]),
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
        "Incomplete blocks: %(per_answer)s per answer; were every answer scored by all raters, it would be "
        "%(complete)s."
    ) % {"per_answer": counted.raters(per_answer), "complete": f"{complete:.0%}"}


def _numbers_for(trial: Trial, data: dict[str, Any]) -> tuple[list[dict[str, Any]], list[str]]:
    """Designs that reach the wanted power, and in words with those that do not."""
    from evaluation.statistics.power_planning import Goal, Needed, questions_needed, raters_needed

    goal = Goal(power=data["wanted"] / 100, **_question(trial, data))
    seed = _seed(trial)
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

    reached: list[Needed] = []
    short = []
    for count in counts:
        found = questions_needed(goal, count, runs=RUNS, seed=seed)
        if found.found:
            reached.append(found)
        else:
            short.append((count, found.questions, found.expected))
    beside = raters_needed(goal, data["questions"], runs=RUNS, seed=seed)
    if beside.found and beside.raters not in counts:
        reached.append(beside)
    lines = [line(found) for found in reached] + [
        _("%(raters)s raters don't reach a power of %(wanted)s even with %(most)s questions (%(value)s).")
        % {"raters": count, "wanted": wanted, "most": most, "value": f"{value:.0%}"}
        for count, most, value in short
    ]
    return [_design(one.raters, one.questions, one.simulated) for one in reached], lines
