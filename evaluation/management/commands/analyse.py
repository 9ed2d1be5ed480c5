"""`analyse KIND FILE.csv`: statistics of anyone's CSV file."""

from pathlib import Path
from typing import Any

from django.core.management.base import CommandParser

from evaluation.analyses.agreement import analyse_agreement
from evaluation.analyses.proportions import analyse_proportions
from evaluation.analyses.results import AnalysisResult
from evaluation.analyses.roc import analyse_roc
from evaluation.analyses.scores import analyse_scores
from mammo.core.command import Command as BaseCommand
from mammo.core.errors import UserError

KINDS = ("agreement", "proportions", "roc", "scores")


class Command(BaseCommand):
    """Analyse a CSV file."""

    help = f"Analyse a CSV file; KIND is one of {', '.join(KINDS)}."
    example = "python manage.py analyse roc cases.csv --truth malignant --score ai --compare reader"
    requires_system_checks: list[str] = []

    def arguments(self, parser: CommandParser) -> None:
        parser.add_argument("kind", metavar="KIND", help=", ".join(KINDS))
        parser.add_argument("file", metavar="FILE.csv", type=Path)
        parser.add_argument("--level", type=float, default=0.95, help="confidence level (0.95)")
        parser.add_argument("--truth", help="roc: column of the truth (0 or 1)")
        parser.add_argument("--score", help="roc: column of the score; higher means positive")
        parser.add_argument("--compare", help="roc: column of a second score of the same cases")
        parser.add_argument("--positive", help="roc: value of the truth column that is the positive class")
        parser.add_argument(
            "--rater-by-question",
            action="store_true",
            help="scores: take the rater:question part out of the residual",
        )
        parser.add_argument(
            "--replicates", type=int, default=10_000, help="scores: bootstrap replicates (10000)"
        )
        parser.add_argument("--seed", type=int, default=1, help="scores: seed of the bootstrap (1)")

    def run(self, **options: Any) -> dict[str, Any]:
        """Run the analysis; the result is what `--json` prints.

        Raises:
            UserError: unknown kind, missing option, or unfit file.
        """
        if not 0 < options["level"] < 1:
            raise UserError(f"--level {options['level']}: give a share between 0 and 1, such as 0.95")
        result = self._analyse(**options)
        for line in result.lines:
            self.say(line, **options)
        return result.data

    def _analyse(self, *, kind: str, file: Path, level: float, **options: Any) -> AnalysisResult:
        if kind == "scores":
            if options["replicates"] < 100:
                raise UserError(f"--replicates {options['replicates']}: give at least 100")
            return analyse_scores(
                file,
                level=level,
                rater_by_question=options["rater_by_question"],
                b=options["replicates"],
                seed=options["seed"],
            )
        if kind == "roc":
            for name in ("truth", "score"):
                if not options[name]:
                    raise UserError(f"analyse roc: --{name} is missing; name the column")
            names = ("truth", "score", "compare", "positive")
            return analyse_roc(file, level=level, **{name: options[name] for name in names})
        if kind == "proportions":
            return analyse_proportions(file, level=level)
        if kind == "agreement":
            return analyse_agreement(file, level=level)
        raise UserError(f"analyse {kind}: no such analysis; known: {', '.join(KINDS)}")
