"""Steps of a trial's flow from the design to the analysis: the one place of their names, order and side."""

from django.utils.translation import gettext_noop

RATERS_WITHDREW = gettext_noop("raters who withdrew")
THEIR_SCORES = gettext_noop("scores of raters who withdrew (left out)")
FORMS_PASSED_OVER = gettext_noop("forms passed over, since a picture of the question was taken out")
SCORES_KEPT = gettext_noop("scores given before a picture of the question was taken out (kept)")
READINGS_PASSED_OVER = gettext_noop("readings passed over, since a picture of the case was taken out")
READINGS_KEPT = gettext_noop("readings made before a picture of the case was taken out (kept)")
# By what is counted, in order: whether it stands at the side of the flow, as what went no further does.
STEPS = {
    gettext_noop("questions in the design"): False,
    gettext_noop("arms scored"): False,
    gettext_noop("arms run and left out"): True,
    gettext_noop("answers to be scored"): False,
    gettext_noop("raters invited"): False,
    RATERS_WITHDREW: True,
    THEIR_SCORES: True,
    gettext_noop("scores of patients who withdrew (left out)"): True,
    FORMS_PASSED_OVER: True,
    SCORES_KEPT: True,
    gettext_noop("simulated scores left out"): True,
    gettext_noop("forms of hidden repeats and controls (analysed apart)"): True,
    gettext_noop("scores analysed"): False,
}
