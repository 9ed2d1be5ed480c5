"""`analyse KIND FILE.csv`: statistics of anyone's CSV file."""

import math
from pathlib import Path
from typing import Any

from django.core.management.base import CommandParser

from evaluation.analyses.agreement import analyse_agreement
from evaluation.analyses.mrmc import MrmcOptions, run_mrmc
from evaluation.analyses.paired import analyse_paired
from evaluation.analyses.preferences import analyse_preferences
from evaluation.analyses.proportions import analyse_proportions
from evaluation.analyses.ranks import analyse_ranks
from evaluation.analyses.results import AnalysisResult
from evaluation.analyses.roc import analyse_roc
from evaluation.analyses.scores import analyse_scores
from mammo.core.command import Command as BaseCommand
from mammo.core.errors import UserError

ROC_OPTIONS = (
    *("truth", "score", "compare", "cluster", "threshold", "at_sensitivity", "partial", "positive"),
    *("bootstrap", "multiclass", "seed"),
)
MRMC_OPTIONS = (
    "endpoint",
    "covariance",
    "threshold",
    "at_specificity",
    "readers",
    "cases",
    "standalone",
    "group",
    "positive",
    "margin",
)
PAIRED_OPTIONS = ("first", "second", "truth", "positive", "threshold", "cluster")
KINDS = ("agreement", "mrmc", "paired", "preferences", "proportions", "ranks", "roc", "scores")


class Command(BaseCommand):
    """Analyse a CSV file."""

    help = f"Analyse a CSV file; KIND is one of {', '.join(KINDS)}."
    example = "python manage.py analyse roc cases.csv --truth malignant --score ai --compare reader"
    requires_system_checks: list[str] = []

    def arguments(self, parser: CommandParser) -> None:
        parser.add_argument("kind", metavar="KIND", help=", ".join(KINDS))
        parser.add_argument(
            "file", metavar="FILE.csv", type=Path, help="one row per observation, with a heading"
        )
        parser.add_argument("--level", type=float, default=0.95, help="confidence level (0.95)")
        parser.add_argument("--truth", help="roc, paired: column of the truth (0 or 1)")
        parser.add_argument("--score", help="roc: column of the score; higher means positive")
        parser.add_argument(
            "--cluster",
            metavar="COLUMN",
            help="roc, paired: units of one name (breasts) belong together",
        )
        parser.add_argument("--at-sensitivity", type=float, help="roc: specificity at this sensitivity")
        parser.add_argument(
            "--partial", type=float, help="roc: partial area over specificities from here to 1"
        )
        parser.add_argument(
            "--margin",
            type=float,
            help="scores, mrmc: test differences for non-inferiority and equivalence within this margin",
        )
        parser.add_argument("--maximum", type=float, help="scores: top of the scale (the largest score)")
        parser.add_argument(
            "--nominal", action="store_true", help="agreement: values are names of categories (4A, benign)"
        )
        parser.add_argument("--mixed", action="store_true", help="scores: fit the linear mixed model too")
        parser.add_argument(
            "--profile",
            action="store_true",
            help="scores: with --mixed, profile-likelihood intervals too (takes minutes)",
        )
        parser.add_argument("--compare", help="roc: column of a second score of the same cases")
        parser.add_argument(
            "--positive", help="roc, mrmc, paired: value of the truth column that is the positive class"
        )
        self._mrmc_arguments(parser)
        self._comparison_arguments(parser)
        parser.add_argument(
            "--rater-by-question",
            action="store_true",
            help="scores: take the rater:question part out of the residual",
        )
        parser.add_argument(
            "--replicates", type=int, help="scores, roc --bootstrap: replicates (10000; roc 2000)"
        )
        parser.add_argument("--seed", type=int, default=1, help="scores, roc: seed of the bootstrap (1)")

    def _comparison_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--bootstrap",
            action="store_true",
            help="roc: check DeLong's results by bootstrap and permutation",
        )
        parser.add_argument(
            "--multiclass", action="store_true", help="roc: the truth names several classes (Hand and Till)"
        )
        parser.add_argument("--first", metavar="COLUMN", help="paired: column of the first calls (0 or 1)")
        parser.add_argument("--second", metavar="COLUMN", help="paired: column of the second calls")
        parser.add_argument(
            "--blocks", default="question", help="ranks: of scores, question (default) or rater"
        )
        parser.add_argument("--reference", metavar="SYSTEM", help="preferences: the system of strength 0")
        parser.add_argument("--ties", default="half", help="preferences: half (default) or dropped")

    def _mrmc_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--endpoint", default="auc", help="mrmc: auc (default), sensitivity or specificity"
        )
        parser.add_argument(
            "--covariance",
            help="mrmc: delong, jackknife or unbiased; by default delong where the design fits",
        )
        parser.add_argument(
            "--threshold", type=float, help="mrmc, roc, paired: ratings from here on are positive calls"
        )
        parser.add_argument(
            "--at-specificity",
            type=float,
            help="mrmc: with --endpoint sensitivity, read off the ROC curve at this specificity",
        )
        parser.add_argument("--readers", default="random", help="mrmc: random (default) or fixed")
        parser.add_argument("--cases", default="random", help="mrmc: random (default) or fixed")
        parser.add_argument(
            "--standalone", metavar="NAME", help="mrmc: modality or reader that is a system alone"
        )
        parser.add_argument("--group", metavar="COLUMN", help="mrmc: column with the group of each reader")

    def run(self, **options: Any) -> dict[str, Any]:
        """Run the analysis; the result is what `--json` prints.

        Raises:
            UserError: unknown kind, missing option, or unfit file.
        """
        if not 0 < options["level"] < 1:
            raise UserError(f"--level {options['level']}: give a share between 0 and 1, such as 0.95")
        for name in ("threshold", "at_sensitivity", "at_specificity", "partial", "margin", "maximum"):
            if options[name] is not None and not math.isfinite(options[name]):
                raise UserError(f"--{name.replace('_', '-')} {options[name]}: give a number")
        result = self._analyse(**options)
        for line in result.lines:
            self.say(line, **options)
        return result.data

    def _analyse(self, *, kind: str, file: Path, level: float, **options: Any) -> AnalysisResult:
        if options["replicates"] is not None and options["replicates"] < 100:
            raise UserError(f"--replicates {options['replicates']}: give at least 100")
        if kind == "scores":
            return self._scores(file, level, **options)
        if kind == "roc":
            for name in ("truth", "score"):
                if not options[name]:
                    raise UserError(f"analyse roc: --{name} is missing; name the column")
            chosen = {name: options[name] for name in ROC_OPTIONS}
            return analyse_roc(file, level=level, b=options["replicates"] or 2000, **chosen)
        if kind == "mrmc":
            return run_mrmc(file, MrmcOptions(level=level, **{name: options[name] for name in MRMC_OPTIONS}))
        if kind == "proportions":
            return analyse_proportions(file, level=level)
        if kind == "paired":
            return analyse_paired(file, level=level, **{name: options[name] for name in PAIRED_OPTIONS})
        if kind == "ranks":
            return analyse_ranks(file, level=level, blocks=options["blocks"])
        if kind == "preferences":
            return analyse_preferences(
                file, level=level, reference=options["reference"], ties=options["ties"]
            )
        if kind == "agreement":
            return analyse_agreement(file, level=level, nominal=options["nominal"])
        raise UserError(f"analyse {kind}: no such analysis; known: {', '.join(KINDS)}")

    def _scores(self, file: Path, level: float, **options: Any) -> AnalysisResult:
        if options["margin"] is not None and not options["margin"] > 0:
            raise UserError(
                f"--margin {options['margin']:g}: give a margin above zero, in points of the scale"
            )
        return analyse_scores(
            file,
            level=level,
            rater_by_question=options["rater_by_question"],
            b=options["replicates"] or 10_000,
            seed=options["seed"],
            **{name: options[name] for name in ("margin", "maximum", "mixed", "profile")},
        )
