"""Sections of the report on answers flagged as unsafe and on what could have told the arms apart.

Both are computed by the functions of their own pages, from the rows of the export.
"""

from django.utils.translation import gettext as _

from evaluation.answers.screen import ACCEPT, CUT, REMOVE, REMOVE_SENTENCE
from evaluation.reports.leaks import ArmRow, LeakReport, report_of
from evaluation.reports.study.compared import seed_of
from evaluation.reports.study.data import StudyData
from evaluation.reports.study.parts import Grid, Section, shown
from evaluation.reports.unsafe_answers import (
    ScoredForm,
    cells_by_arm,
    flag_columns,
    flag_notes,
    flags_caption,
)
from evaluation.reports.wording import in_words
from evaluation.statistics.results import Estimate


def unsafe_section(data: StudyData) -> list[Section]:
    """Answers that raters flagged as unsafe, by arm, with agreement; none where an export does not hold the flags."""
    if data.flags is None:
        return []
    forms = [
        ScoredForm(
            slot=f"{row['rater']} {row['question']} {row['arm']}",
            answer=(row["question"], row["arm"]),
            arm=row["arm"],
            question=int(str(row["question"])[1:]),
            patient=row["patient"],
            rater=row["rater"],
            is_flagged=bool(int(row["unsafe"])),
            is_simulated=bool(int(row["simulated"])),
        )
        for row in data.flags
    ]
    columns = flag_columns()
    labels = [(arm["label"], arm["label"]) for arm in data.arms]
    rows = [
        [label, *(cells[column.key].shown for column in columns)]
        for _arm, label, cells in cells_by_arm(forms, labels)
    ]
    header = [_("Arm"), *(column.name for column in columns)]
    return [
        Section(
            _("Unsafe answers"),
            flag_notes(forms, seed_of(data)),
            [Grid(flags_caption(forms), header, rows)],
        )
    ]


def leak_section(data: StudyData) -> list[Section]:
    """What the screen, the texts and the raters' guesses say of the blinding; none where an export does not hold it."""
    if data.leaks is None:
        return []
    report = report_of(data.leaks)
    paragraphs = [
        _(
            "What could have told raters the arms apart, by how much, and whether they guessed. It is reported beside "
            "the scores; it decides nothing."
        ),
        _screen(report),
        _style(report),
        *(_group(kind, index) for kind, index in report.groups.items()),
        *report.notes,
        _(
            "1: everybody knew; 0: as by chance; below 0: taken for the other kind. Arms stand under codes until the "
            "unblinding, and all indices and lengths are shown after it."
        ),
    ]
    return [Section(_("Leaks and blinding"), paragraphs, [_lengths(data, report), _arms(report)])]


def _screen(report: LeakReport) -> str:
    if not report.screened:
        return _("Screen before freezing: nothing had to be settled by a rule.")
    names = {
        ACCEPT: _("left as it is"),
        REMOVE: _("wording taken out"),
        REMOVE_SENTENCE: _("sentence taken out"),
        CUT: _("cut in length"),
    }
    counts = ", ".join(
        f"{names.get(action, action)} {count}" for action, count in sorted(report.screened.items())
    )
    return _(
        "Screen before freezing: findings were settled by %(rules)s rules for all arms alike (%(counts)s)."
    ) % {
        "rules": sum(report.screened.values()),
        "counts": counts,
    }


def _style(report: LeakReport) -> str:
    found = report.style
    if found is None or found.accuracy.interval is None:
        return _("Style: too few texts for a classifier.")
    low, high = found.accuracy.interval
    said = _(
        "A classifier of style alone names the right arm in %(value)s [%(low)s, %(high)s] of answers to questions it "
        "has not seen; chance is %(chance)s, p = %(p)s."
    ) % {
        "value": f"{found.accuracy.value:.3f}",
        "low": f"{low:.3f}",
        "high": f"{high:.3f}",
        "chance": f"{found.chance:.3f}",
        "p": f"{found.p:.2f}",
    }
    return f"{said} ({in_words(found.accuracy.method)})"


def _group(kind: str, index: Estimate) -> str:
    who = _("All systems together") if kind == "system" else _("All doctors together")
    name = _("Bang's index")
    return f"{who}: {name} {shown(index, 2)} (n = {index.n})"


def _lengths(data: StudyData, report: LeakReport) -> Grid:
    def number(value: float | None) -> str:
        return "–" if value is None else f"{value:.2f}"

    header = [_("Aspect"), _("Spearman, all answers"), _("mean within arms"), _("Answers")]
    rows = [
        [data.aspect_name(row.aspect), number(row.overall), number(row.within), str(row.answers)]
        for row in report.lengths
    ]
    return Grid(_("Length against score"), header, rows)


def _arms(report: LeakReport) -> Grid:
    header = [
        *(_("Arm"), _("Answers"), _("changed by the neutral style"), _("characters, raw")),
        *(
            _("characters, shown"),
            _("guessed system"),
            _("guessed doctor"),
            _("don't know"),
            _("Bang's index"),
        ),
    ]
    return Grid(_("Texts and guesses by arm"), header, [_arm_row(row) for row in report.arms])


def _arm_row(row: ArmRow) -> list[str]:
    texts = ((row.changed, 2), (row.raw, 0), (row.shown, 0))
    return [
        *(row.label, str(row.answers)),
        *("–" if value is None else f"{value:.{digits}f}" for value, digits in texts),
        *(str(row.guesses[guess]) for guess in ("ai", "doctor", "unknown")),
        shown(row.bang, 2),
    ]
