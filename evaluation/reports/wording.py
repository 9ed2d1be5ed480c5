"""Methods and notes of the statistics in the reader's language: they are pure functions and know none.

A text is found by the template it was made from; its numbers and names are put into the translation. What is not listed
here stays as the statistics wrote it.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop, pgettext

from evaluation.reports.refusals import REFUSALS

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
        "scores missing: {missing} of {cells}; means are over the cells present, contrasts over the cells that hold "
        "both systems"
    ),
    gettext_noop(
        "several questions of one patient: patients are the random factor (patients: {patients}, questions: {questions})"
    ),
    gettext_noop(
        "patients have different numbers of questions: each counts with its number in means and intervals"
    ),
    gettext_noop("the interval reached beyond the scale ({low} to {high}) and is cut off at its end"),
    gettext_noop("agreement is over the systems shown together, which differences between systems inflate"),
    gettext_noop("ICC uses the answers that every rater scored ({used} of {units})"),
    gettext_noop("{n} readers: conclusions about other readers rest on few; five or more are advised"),
    gettext_noop("{n} raters: conclusions about other raters rest on few; five or more are advised"),
    gettext_noop("one reader: the reader is fixed, conclusions hold for this reader only"),
    gettext_noop(
        "patients have several cases: the variance is over patients (patients: {patients}, cases: {cases})"
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
        "not every reader read every case in every modality (readings missing: {missing} of {whole})"
    ),
    gettext_noop("DeLong's covariance does not fit such a design: the unbiased covariance is used"),
    gettext_noop("paired DeLong"),
    gettext_noop("paired, empirical AUC, clusters by Obuchowski (1997)"),
    gettext_noop("paired difference, clusters by Obuchowski (1998)"),
    gettext_noop("Tango (score, paired)"),
    gettext_noop("mean AUC over pairs of classes (Hand and Till 2001)"),
    gettext_noop("highest threshold with {held} of at least {target:g}"),
    gettext_noop("partial AUC, {axis} {low:g} to {high:g}; stratified bootstrap, percentile, B = {b}"),
    gettext_noop("{rule}; bootstrap of patients, percentile, B = {b}"),
    gettext_noop("{rule}; {shares} at this threshold"),
    gettext_noop("{rule}; stratified bootstrap, percentile, B = {b}"),
    gettext_noop("stratified bootstrap, percentile, B = {b}"),
    gettext_noop("permutation test of two paired ROC curves (Venkatraman and Begg 1996), B = {b}"),
    gettext_noop("one-sample t"),
    gettext_noop(
        "linear mixed model by REML (raters, questions and their interactions with systems random), Satterthwaite t"
    ),
    gettext_noop(
        "positives and negatives are perfectly separated: the DeLong variance is zero and its interval a point"
    ),
    gettext_noop("the variance is zero: the interval is a point and says nothing about other cases"),
    gettext_noop("the variance of the difference is zero: no test"),
    gettext_noop(
        "the score has two values only: this AUC equals (sensitivity + specificity) / 2 of one operating point"
    ),
    gettext_noop("the mean has no interval: take the AUC of one pair of classes for that"),
    gettext_noop(
        "DeLong's covariance does not fit such a design: the jackknife covariance over patients is used"
    ),
    gettext_noop(
        "the unbiased variance of a difference came out below zero: the jackknife covariance is used"
    ),
    gettext_noop("the {covariance} covariance was asked for"),
    gettext_noop("{name} is one fixed system: readers and cases are random, the system is not (1 per case)"),
    gettext_noop("more than two modalities with nested readers: pairwise tests only"),
    gettext_noop("reader {reader}, {modality}: the readings do not vary over cases, the variance is zero"),
    gettext_noop("reader {reader}, {modality}: perfect separation, the variance of this AUC is zero"),
    gettext_noop("every reader reads in one modality only: nested readers (split-plot Obuchowski-Rockette)"),
    gettext_noop(
        "{left} read in some modalities only and are left out; the {used} who read in every one are used"
    ),
    gettext_noop("readers share no case: cases are nested in readers, covariances between readers are zero"),
    gettext_noop(
        "modalities share no case: cases are nested in modalities, covariances between them are zero"
    ),
    gettext_noop(
        "Cov2 - Cov3 was estimated below zero and set to zero (Hillis' rule): with random readers and cases F then has "
        "(t-1)(r-1) denominator degrees of freedom"
    ),
    gettext_noop(
        "the variance was estimated below zero and set to zero: no interval beyond the value and no test"
    ),
    gettext_noop("replicates that held no score: {count}"),
    gettext_noop(
        "{share:.0%} of the scores of {system} stand at the maximum: means and intervals near the ceiling mislead"
    ),
    gettext_noop(
        "{system}: {count} authors, taken as fixed in {what}: these hold for these authors, not for others like them"
    ),
    gettext_noop("intraclass correlation needs two units and two raters; found {units} and {raters}"),
    gettext_noop("all scores are equal: agreement is not defined"),
    gettext_noop("the variance components cancel each other: ICC(A) is not defined"),
    gettext_noop("no unit was scored twice: agreement is not defined"),
    gettext_noop(
        "{values} different values of {units} units are too many for the {level} level: round the values"
    ),
    gettext_noop("kappa needs two units and two raters; found {units} and {raters}"),
    gettext_noop("all raters use one category only: kappa is not defined"),
    gettext_noop("concordance needs two units and two raters; found {units} and {raters}"),
    gettext_noop("every rater gives all units the same value: concordance is not defined"),
    gettext_noop("alpha ({level})"),
    gettext_noop("no column names the units: every column is a rater, every row a unit"),
    gettext_noop("column {name} names raters: every row is a rater, every other column a unit"),
    gettext_noop("ICC and kappas use the units that every rater scored ({used} of {units})"),
    gettext_noop("weighted kappas take the categories that occur, in their order, as equally far apart"),
    gettext_noop("values are names of categories: no intraclass correlation, no order, no weights"),
    gettext_noop(
        "{values} different values: kappas and the test of equal margins, which take them as categories, are left out "
        "above {most}"
    ),
    gettext_noop(
        "{values} different values: alpha is given on the interval level alone; round the values for the others"
    ),
    gettext_noop("{rate}: no case, the rate is not defined"),
    gettext_noop(
        "patients have several cases: take the clustered difference; McNemar's tests and Tango's interval take cases "
        "as independent"
    ),
    gettext_noop("{name}: the two never differ, p is 1"),
    gettext_noop("no cluster differs from another: no interval and no test"),
    gettext_noop(
        "each value is a mean: p values don't know how sure it is; analyse scores takes raters and questions as random"
    ),
    gettext_noop("two systems: Friedman's test needs three"),
    gettext_noop("every column is a system, every row a block"),
    gettext_noop("every column but {name} is a system, every row a block"),
    gettext_noop("forms of a rater and a question that lack a system and are left out: {count} of {total}"),
    gettext_noop("blocks that lack a system and are left out: {count} of {total}"),
    gettext_noop("questions random, raters fixed: holds for these raters only"),
    gettext_noop("patients random, raters fixed: holds for these raters only"),
    gettext_noop("raters random, questions fixed: holds for these questions only"),
    gettext_noop("blocks random, everything else fixed"),
    gettext_noop("every block has the same ranks: Iman and Davenport's F is infinite"),
    gettext_noop("all differences are zero: no test"),
    gettext_noop(
        "{n} pairs reach no interval of {level:.0%}: the limits are the smallest and largest difference"
    ),
    gettext_noop("preferences are taken as independent: raters and questions are not modelled"),
    gettext_noop("a preference is the higher of two scores of one rater for one question"),
)
# Words that stand inside of sentences; under a count the same words take another form.
UNITS: dict[str, Callable[[], str]] = {
    "questions": lambda: pgettext("units of an analysis", "questions"),
    "patients": lambda: pgettext("units of an analysis", "patients"),
    "nominal": lambda: pgettext("level of measurement", "nominal"),
    "ordinal": lambda: pgettext("level of measurement", "ordinal"),
    "interval": lambda: pgettext("level of measurement", "interval"),
    "ratio": lambda: pgettext("level of measurement", "ratio"),
    "auc": lambda: "AUC",
    "sensitivity": lambda: pgettext("within a sentence", "sensitivity"),
    "specificity": lambda: pgettext("within a sentence", "specificity"),
    "ppv": lambda: pgettext("within a sentence", "PPV"),
    "npv": lambda: pgettext("within a sentence", "NPV"),
    "accuracy": lambda: pgettext("within a sentence", "accuracy"),
    "positive calls": lambda: pgettext("within a sentence", "positive calls"),
    "jackknife": lambda: pgettext("within a sentence", "jackknife"),
    "unbiased": lambda: pgettext("within a sentence", "unbiased"),
    "delong": lambda: "DeLong",
    "ranks": lambda: pgettext("within a sentence", "ranks"),
    "preferences": lambda: pgettext("within a sentence", "preferences"),
    "means, ranks, z-scores and the mixed model": lambda: pgettext(
        "within a sentence", "means, ranks, z-scores and the mixed model"
    ),
}
# Measures that a note is about.
MEASURES: dict[str, Callable[[], str]] = {
    "alpha": lambda: pgettext("before a colon", "alpha"),
    "kappa": lambda: pgettext("before a colon", "kappa"),
    "concordance": lambda: pgettext("before a colon", "concordance"),
}
FIELD = re.compile(r"\{(\w+)(?::[^}]*)?\}")
ROW = re.compile(r"row (\d+)")


@lru_cache(maxsize=1)
def _patterns() -> tuple[tuple[re.Pattern[str], str], ...]:
    made = []
    for template in (*TEMPLATES, *REFUSALS):
        parts = FIELD.split(template)
        literal = "".join(
            f"(?P<{part}>.+?)" if place % 2 else re.escape(part) for place, part in enumerate(parts)
        )
        made.append((re.compile(literal), template))
    return tuple(made)


def unit_word(name: str) -> str:
    """Patients, questions, a level or a rate as a sentence names them; any other word as it stands."""
    return UNITS[name]() if name in UNITS else name


def listed(parts: Iterable[str]) -> str:
    """The parts as a list within a sentence, set apart as the language does it."""
    return pgettext("between the parts of a list", ", ").join(parts)


def last_and(parts: Sequence[str]) -> str:
    """The parts as a list whose last one stands behind an `and`."""
    *others, last = parts
    return _("%(parts)s and %(last)s") % {"parts": listed(others), "last": last} if others else last


def paragraph(said: Iterable[str]) -> str:
    """Sentences one behind the other: no space follows a Chinese full stop."""
    return " ".join(said).replace("。 ", "。")


def _label(name: str) -> str:
    """What a note is about: a rate of a row, a measure's level, or a name of the file's own."""
    if name in UNITS or " " not in name:
        return unit_word(name)
    row, _space, rate = name.rpartition(" ")
    if ROW.fullmatch(name):
        return _("row %(number)s") % {"number": name.removeprefix("row ")}
    return f"{_label(row)} {unit_word(rate)}" if row and rate in UNITS else in_words(name)


def in_words(text: str) -> str:
    """A method or note of the statistics, translated where it is known.

    What stands in its fields is translated too, and a note behind the name of an aspect or a measure. The first template
    that fits is taken.
    """
    for pattern, template in _patterns():
        found = pattern.fullmatch(text)
        if found is not None:
            named = {
                name: _label(value) if name in ("rate", "name") else unit_word(in_words(value))
                for name, value in found.groupdict().items()
            }
            return FIELD.sub(r"{\1}", _(template)).format(**named)
    name, colon, note = text.partition(": ")
    said = in_words(note) if colon else note
    if said == note:
        return text
    return pgettext("a name and what is said of it", "%(name)s: %(said)s") % {
        "name": MEASURES[name]() if name in MEASURES else _label(name),
        "said": said,
    }


def refusal_in_words(text: str) -> str:
    """Why a file or a plan can't be analysed, translated where it is known; what stands before it (a file's name, a line,
    an aspect) stays.
    """
    # Behind what stands before it first: a refusal that begins with a number would take the file's name for it.
    for place in (*(found.end() for found in re.finditer(": |：", text)), 0):
        said = in_words(text[place:])
        if said != text[place:]:
            return text[:place] + said
    return text


def sentences(notes: Iterable[str]) -> list[str]:
    """Notes as sentences, each begun with a capital and ended as the language ends them."""
    made = []
    for note in notes:
        said = in_words(note)
        made.append(_("%(sentence)s.") % {"sentence": f"{said[0].upper()}{said[1:]}"})
    return made
