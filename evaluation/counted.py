"""Counts with their nouns, in the number and the language that the reader's sentence needs."""

from django.utils.translation import ngettext


def raters(count: int) -> str:
    """`1 rater`, `4 raters`."""
    return ngettext("%(count)s rater", "%(count)s raters", count) % {"count": count}


def blinded_raters(count: int) -> str:
    """`1 blinded rater`, `4 blinded raters`."""
    return ngettext("%(count)s blinded rater", "%(count)s blinded raters", count) % {"count": count}


def readers(count: int) -> str:
    """`1 reader`, `4 readers`."""
    return ngettext("%(count)s reader", "%(count)s readers", count) % {"count": count}


def questions(count: int) -> str:
    """`1 question`, `4 questions`."""
    return ngettext("%(count)s question", "%(count)s questions", count) % {"count": count}


def patients(count: int) -> str:
    """`1 patient`, `4 patients`."""
    return ngettext("%(count)s patient", "%(count)s patients", count) % {"count": count}


def cases(count: int) -> str:
    """`1 case`, `4 cases`."""
    return ngettext("%(count)s case", "%(count)s cases", count) % {"count": count}


def studies(count: int) -> str:
    """`1 study`, `4 studies`."""
    return ngettext("%(count)s study", "%(count)s studies", count) % {"count": count}


def rows(count: int) -> str:
    """`1 row`, `4 rows`."""
    return ngettext("%(count)s row", "%(count)s rows", count) % {"count": count}


def runs(count: int) -> str:
    """`1 run`, `4 runs`."""
    return ngettext("%(count)s run", "%(count)s runs", count) % {"count": count}


def arms(count: int) -> str:
    """`1 arm`, `4 arms`."""
    return ngettext("%(count)s arm", "%(count)s arms", count) % {"count": count}


def aspects(count: int) -> str:
    """`1 aspect`, `5 aspects`."""
    return ngettext("%(count)s aspect", "%(count)s aspects", count) % {"count": count}


def scores(count: int) -> str:
    """`1 score`, `4 scores`."""
    return ngettext("%(count)s score", "%(count)s scores", count) % {"count": count}


def pairs_of_scores(count: int) -> str:
    """`1 pair of scores`, `4 pairs of scores`."""
    return ngettext("%(count)s pair of scores", "%(count)s pairs of scores", count) % {"count": count}


def readings(count: int) -> str:
    """`1 reading`, `4 readings`."""
    return ngettext("%(count)s reading", "%(count)s readings", count) % {"count": count}


def forms(count: int) -> str:
    """`1 form`, `4 forms`."""
    return ngettext("%(count)s form", "%(count)s forms", count) % {"count": count}


def answers(count: int) -> str:
    """`1 answer`, `4 answers`."""
    return ngettext("%(count)s answer", "%(count)s answers", count) % {"count": count}


def biopsied_breasts(count: int) -> str:
    """`1 biopsied breast`, `4 biopsied breasts`."""
    return ngettext("%(count)s biopsied breast", "%(count)s biopsied breasts", count) % {"count": count}


def minutes(count: int) -> str:
    """`1 minute`, `30 minutes`."""
    return ngettext("%(count)s minute", "%(count)s minutes", count) % {"count": count}


def units(count: int) -> str:
    """`1 unit`, `4 units`."""
    return ngettext("%(count)s unit", "%(count)s units", count) % {"count": count}


def blocks(count: int) -> str:
    """`1 block`, `4 blocks`."""
    return ngettext("%(count)s block", "%(count)s blocks", count) % {"count": count}


def points(value: float) -> str:
    """`1 point`, `2.5 points` of a scale."""
    return ngettext("%(count)s point", "%(count)s points", 1 if value == 1 else 2) % {"count": f"{value:g}"}
