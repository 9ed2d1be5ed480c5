"""Names of hypotheses, adjustments and endpoints of readers, and what a power takes for want of a pilot.

Apart from what computes them: a start of the site loads no numbers' library.
"""

HYPOTHESES = ("superiority", "non_inferiority", "equivalence")
# Of p values over the contrasts of an aspect.
ADJUSTMENTS = ("holm", "bonferroni", "none")
# What a multi-reader analysis compares.
READER_ENDPOINTS = ("auc", "sensitivity", "specificity")
# Correlation within a patient of what is the questions' own in scores: an assumption that pages and command show.
PATIENT_CORRELATION = 0.1
