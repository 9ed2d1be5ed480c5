"""`power`: how many raters and questions a difference of blinded scores needs."""

from pathlib import Path
from typing import Any

from django.core.management.base import CommandParser

from evaluation.analyses.csv_table import read_csv
from evaluation.analyses.results import columns, limits
from evaluation.analyses.scores import read_scores
from evaluation.models import Protocol
from evaluation.services.power_plan import keep_power
from evaluation.statistics.names import HYPOTHESES
from evaluation.statistics.power import PATIENT_CORRELATION, PatientClusters, ScoreSpread
from evaluation.statistics.power_planning import (
    Goal,
    Needed,
    questions_needed,
    raters_needed,
    spread_of_pilot,
)
from mammo.accounts.models import User
from mammo.core.command import Command as BaseCommand
from mammo.core.errors import UserError

RATERS = (4, 6, 8, 12, 16, 24)


class Command(BaseCommand):
    """Size a trial of blinded scores."""

    help = (
        "Raters and questions that a difference of blinded scores needs for a wanted power: closed form, checked "
        "by simulation."
    )
    example = "python manage.py power --difference 3 --power 0.8 --raters 6 12 --pilot scores.csv --aspect helpfulness"
    requires_system_checks: list[str] = []

    def arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--difference", type=float, required=True, help="true difference of two systems, in points"
        )
        parser.add_argument("--power", type=float, default=0.8, help="wanted power (0.8)")
        parser.add_argument("--alpha", type=float, default=0.05, help="two-sided level (0.05)")
        parser.add_argument("--hypothesis", default="superiority", help=", ".join(HYPOTHESES))
        parser.add_argument("--margin", type=float, help="of non_inferiority and equivalence, in points")
        parser.add_argument(
            "--raters", type=int, nargs="+", default=[], help="the questions that so many raters need"
        )
        parser.add_argument(
            "--questions", type=int, nargs="+", default=[], help="the raters that so many questions need"
        )
        parser.add_argument(
            "--raters-per-answer", type=int, help="incomplete blocks: raters of each question"
        )
        parser.add_argument(
            "--questions-per-patient",
            type=float,
            default=1.0,
            help="mean number of questions of a patient (1)",
        )
        parser.add_argument(
            "--patient-correlation",
            type=float,
            default=PATIENT_CORRELATION,
            help=f"of what is the questions' own, within a patient ({PATIENT_CORRELATION:g}, an assumption)",
        )
        parser.add_argument(
            "--pilot",
            type=Path,
            metavar="FILE.csv",
            help="scores of a pilot (as `analyse scores` reads them)",
        )
        parser.add_argument("--aspect", help="of the pilot (the first)")
        parser.add_argument("--runs", type=int, default=1000, help="simulated trials per design (1000)")
        parser.add_argument("--seed", type=int, default=1, help="of the simulation (1)")
        parser.add_argument(
            "--protocol", metavar="TITLE", help="keep the calculation in this protocol, with --by"
        )
        parser.add_argument("--by", metavar="USERNAME", help="the researcher who plans")

    def run(self, **options: Any) -> dict[str, Any]:
        """Size the trial; the result is what `--json` prints.

        Raises:
            UserError: an option is unfit, or the pilot's scores are.
        """
        if options["runs"] < 100:
            raise UserError(f"--runs {options['runs']}: give at least 100")
        keeper = _keeper(options["protocol"], options["by"])
        spread = self._spread(options["pilot"], options["aspect"])
        names = ("power", "difference", "alpha", "hypothesis", "margin", "raters_per_answer")
        how = {"runs": options["runs"], "seed": options["seed"]}
        try:
            clusters = PatientClusters(options["questions_per_patient"], options["patient_correlation"])
            goal = Goal(spread=spread, clusters=clusters, **{name: options[name] for name in names})
            counts = options["raters"] or ([] if options["questions"] else RATERS)
            found = [questions_needed(goal, count, **how) for count in counts]
            found += [raters_needed(goal, count, **how) for count in options["questions"]]
        except ValueError as error:
            raise UserError(str(error)) from None
        for line in _lines(found):
            self.say(line, **options)
        if keeper is not None:
            _keep(*keeper, goal, found, **how)
        if clusters.per_patient > 1:
            self.say(_clustered(clusters), **options)
        said = vars(clusters) | {"design_effect": clusters.design_effect}
        return {
            "goal": goal.arguments() | {"power": goal.power, "spread": vars(spread), "clusters": said},
            "designs": [
                _row(one) | {"effective_questions": clusters.effective(one.questions)} for one in found
            ],
        }

    def _spread(self, pilot: Path | None, aspect: str | None) -> ScoreSpread:
        if pilot is None:
            return ScoreSpread()
        cubes = read_scores(read_csv(pilot))
        key = aspect or next(iter(cubes))
        if key not in cubes:
            raise UserError(f"--aspect {key}: none of {pilot}; known: {', '.join(cubes)}")
        try:
            return spread_of_pilot(cubes[key])
        except ValueError as error:
            raise UserError(f"{pilot}: {error}") from None


def _keeper(title: str | None, username: str | None) -> tuple[Protocol, User] | None:
    """The protocol that keeps the calculation, and in whose name; None where none was named."""
    if title is None and username is None:
        return None
    if title is None or username is None:
        raise UserError("--protocol, --by: give both, or neither")
    user = User.objects.filter(username=username).first()
    if user is None:
        raise UserError(f"--by {username}: no such account")
    seen = list(Protocol.objects.visible_to(user).filter(title=title)[:2])
    if len(seen) != 1:
        count = "none" if not seen else "several"
        raise UserError(f"--protocol {title}: {count} of this title that {username} sees")
    if seen[0].frozen_at is not None:
        raise UserError(f"--protocol {title}: it is frozen, nothing is added to it")
    return seen[0], user


def _keep(protocol: Protocol, user: User, goal: Goal, found: list[Needed], *, runs: int, seed: int) -> None:
    clusters = goal.clusters
    inputs = {name: getattr(goal, name) for name in ("difference", "hypothesis", "margin", "alpha")}
    keep_power(
        protocol,
        inputs=inputs
        | {
            "raters_per_answer": goal.raters_per_answer,
            "per_patient": clusters.per_patient,
            "correlation": clusters.correlation,
            "spread": vars(goal.spread) if goal.spread else None,
        },
        designs=[_design(one) for one in found],
        seed=seed,
        runs=runs,
        wanted=goal.power,
        by_user=user,
    )


def _design(needed: Needed) -> dict[str, Any]:
    simulated = needed.simulated
    low, high = simulated.interval if simulated and simulated.interval else (None, None)
    return {
        "raters": needed.raters,
        "questions": needed.questions,
        "power": simulated.value if simulated else None,
        "low": low,
        "high": high,
    }


def _clustered(clusters: PatientClusters) -> str:
    return (
        f"{clusters.per_patient:g} questions per patient, correlation {clusters.correlation:g}: design effect "
        f"{clusters.design_effect:.2f}, so that 100 questions count as {clusters.effective(100):.0f}"
    )


def _row(needed: Needed) -> dict[str, Any]:
    simulated = needed.simulated
    return {
        "raters": needed.raters,
        "questions": needed.questions,
        "found": needed.found,
        "expected_power": needed.expected,
        "simulated_power": simulated.value if simulated else None,
        "simulated_interval": limits(simulated.interval) if simulated else None,
        "complete_power": needed.complete,
    }


def _lines(found: list[Needed]) -> list[str]:
    rows = [["raters", "questions", "power (closed form)", "simulated [95% CI]", "all raters on each"]]
    for one in found:
        simulated = "–"
        if one.simulated is not None and one.simulated.interval is not None:
            low, high = one.simulated.interval
            simulated = f"{one.simulated.value:.3f} [{low:.3f}, {high:.3f}]"
        complete = "–" if one.complete is None else f"{one.complete:.3f}"
        power = f"{one.expected:.3f}" + ("" if one.found else " (not reached)")
        rows.append([str(one.raters), str(one.questions), power, simulated, complete])
    return columns(rows)
