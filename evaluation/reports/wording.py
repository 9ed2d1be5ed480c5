"""Methods and notes of the statistics in the reader's language: they are pure functions and know none.

A text is found by the template it was made from; its numbers and names are put into the translation. What is not listed
here stays as the statistics wrote it.
"""

import re
from collections.abc import Callable, Iterable
from functools import lru_cache

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop, pgettext

TEMPLATES = (
    gettext_noop("two-way random ANOVA (raters x questions), Satterthwaite t"),
    gettext_noop("two-way cluster bootstrap (raters x {clusters}), percentile, B = {b}"),
    gettext_noop("moments of raters and {clusters} over the cells present, Satterthwaite t"),
    gettext_noop("no scores"),
    gettext_noop("one score: no interval"),
    gettext_noop("a variance component was estimated below zero and set to zero"),
    gettext_noop("the scores do not vary: no interval beyond the value and no test"),
    gettext_noop("one rater: questions random, the rater fixed"),
    gettext_noop("one question: raters random, the question fixed"),
    gettext_noop("one rater and one patient: no interval"),
    gettext_noop(
        "{missing} of {cells} scores are missing: means are over the cells present, contrasts over the cells that hold "
        "both systems"
    ),
    gettext_noop(
        "several questions of one patient: patients are the random factor ({patients} patients, {questions} questions)"
    ),
    gettext_noop(
        "patients have different numbers of questions: each counts with its number in means and intervals"
    ),
    gettext_noop("the interval reached beyond the scale ({low} to {high}) and is cut off at its end"),
    gettext_noop("agreement is over the systems shown together, which differences between systems inflate"),
    gettext_noop("ICC uses the {used} of {units} answers that every rater scored"),
    gettext_noop("{n} readers: conclusions about other readers rest on few; five or more are advised"),
    gettext_noop("{n} raters: conclusions about other raters rest on few; five or more are advised"),
    gettext_noop("one reader: the reader is fixed, conclusions hold for this reader only"),
    gettext_noop(
        "patients have several cases: the variance is over patients ({patients} patients, {cases} cases)"
    ),
    gettext_noop(
        "systems differ in how far questions part on them (Brown-Forsythe test, p {p}): differences share one error, "
        "which is {low} to {high} times that of their own two systems alone; read the differences of pairs beside them"
    ),
    gettext_noop("{system}: {authors} authors, taken as random"),
    gettext_noop("{system}: {authors} authors, taken as fixed since raters lack scores of one of them"),
    gettext_noop("{system}: {kept} of {raters} raters, who scored every author"),
    gettext_noop("two-way random ANOVA (raters x authors, every author counts alike), Satterthwaite t"),
    gettext_noop("Wilson, patients as clusters (Rao-Scott)"),
    gettext_noop("drawn again the cases give the same share: the interval takes the threshold as known"),
    gettext_noop("empirical AUC, clusters by Obuchowski (1997)"),
    gettext_noop("empirical AUC, DeLong"),
    gettext_noop("character 2-4-grams, naive Bayes, {folds}-fold over questions; bootstrap of questions"),
    gettext_noop(
        "not every reader read every case in every modality ({missing} of {whole} readings are missing)"
    ),
    gettext_noop("DeLong's covariance does not fit such a design: the unbiased covariance is used"),
)
# Words that stand inside of sentences; under a count the same words take another form.
UNITS: dict[str, Callable[[], str]] = {
    "questions": lambda: pgettext("units of an analysis", "questions"),
    "patients": lambda: pgettext("units of an analysis", "patients"),
}


@lru_cache(maxsize=1)
def _patterns() -> tuple[tuple[re.Pattern[str], str], ...]:
    made = []
    for template in TEMPLATES:
        parts = re.split(r"\{(\w+)\}", template)
        literal = "".join(
            f"(?P<{part}>.+?)" if place % 2 else re.escape(part) for place, part in enumerate(parts)
        )
        made.append((re.compile(literal), template))
    return tuple(made)


def unit_word(name: str) -> str:
    """Patients or questions as a sentence names them; any other word as it stands."""
    return UNITS[name]() if name in UNITS else name


def listed(parts: Iterable[str]) -> str:
    """The parts as a list within a sentence, set apart as the language does it."""
    return pgettext("between the parts of a list", ", ").join(parts)


def in_words(text: str) -> str:
    """A method or note of the statistics, translated where it is known."""
    for pattern, template in _patterns():
        found = pattern.fullmatch(text)
        if found is not None:
            named = {name: unit_word(value) for name, value in found.groupdict().items()}
            return _(template).format(**named)
    return text


def sentences(notes: Iterable[str]) -> list[str]:
    """Notes as sentences, each begun with a capital and ended as the language ends them."""
    made = []
    for note in notes:
        said = in_words(note)
        made.append(_("%(sentence)s.") % {"sentence": f"{said[0].upper()}{said[1:]}"})
    return made
