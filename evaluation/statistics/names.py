"""Names of hypotheses and adjustments, apart from what computes them: a start of the site loads no numbers' library."""

HYPOTHESES = ("superiority", "non_inferiority", "equivalence")
# Of p values over the contrasts of an aspect.
ADJUSTMENTS = ("holm", "bonferroni", "none")
