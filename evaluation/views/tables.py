"""Tables as pages: which there are, and each with its intervals, its notes, its files and the rows of every cell."""

from collections.abc import Mapping
from dataclasses import replace
from itertools import islice
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django import forms
from django.contrib.auth.decorators import login_required
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.safestring import mark_safe
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_safe

from evaluation.models import ReaderStudy, Trial
from evaluation.reports.options import TableOptions
from evaluation.reports.score_rows import CellRows, shown_rows
from evaluation.reports.strata import STRATA
from evaluation.reports.table import Cell, Table
from evaluation.reports.tables import BUILDERS, TRIAL_TABLES, build_table
from evaluation.reports.writers import CONTENT_TYPES, WRITERS
from evaluation.reports.writers.html_page import html_fragment
from evaluation.services.access import ANALYSTS
from evaluation.views.trials import TABULATED, trial_options, user_of, visible_trial
from mammo.accounts import audit
from mammo.accounts.models import User
from mammo.core.errors import UserError
from modeling.models import Run, Snapshot

FILE_NAMES = {"csv": "CSV", "xlsx": "Excel", "tex": "LaTeX", "docx": "Word", "md": "Markdown", "html": "HTML"}
# Rows of one cell shown on a page; files hold none: rows leave by an approved export only.
MOST_ROWS = 500
# The choice of the page that stands for --simulated.
WITH_SIMULATED = _("With simulated scores")
# What an address may say beside the choices of the form.
NO_CHOICE = {"as", "row", "column"}
TITLES = {
    4: _("BI-RADS category against pathology"),
    5: _("Settings of the runs"),
    6: _("Density selectors"),
    7: _("Malignancy: classifiers and readers"),
    8: _("Ablations of UMiCon"),
    9: _("Studies by BI-RADS category"),
    10: _("Zero-shot malignancy"),
}
STRATUM_NAMES = {
    "density": _("Density"),
    "site": _("Hospital"),
    "vendor": _("Vendor"),
    "age": _("Age"),
    "finding": _("Type of finding"),
    "language": _("Language"),
}


class TableForm(forms.Form):
    """What a table of the archive or of runs is computed from; everything is optional."""

    runs = forms.ModelMultipleChoiceField(Run.objects.none(), required=False, label=_("Runs"))
    snapshot = forms.ModelChoiceField(Snapshot.objects.none(), required=False, label=_("Training set"))
    reader_study = forms.ModelChoiceField(ReaderStudy.objects.none(), required=False, label=_("Reader study"))
    by = forms.ChoiceField(
        choices=[("", "–"), *((name, STRATUM_NAMES[name]) for name in STRATA)],
        required=False,
        label=_("One row per"),
    )
    threshold = forms.FloatField(required=False, min_value=0, max_value=1, label=_("Threshold"))
    prevalence = forms.FloatField(required=False, min_value=0.0001, max_value=0.9999, label=_("Prevalence"))
    simulated = forms.BooleanField(required=False, label=_("Simulated rows too"))
    paper = forms.BooleanField(required=False, label=_("The paper's figures beside ours"))

    def __init__(self, *args: Any, user: User, number: int, **kw: Any) -> None:
        super().__init__(*args, **kw)
        sites = user.sites_as(*ANALYSTS)
        rows: dict[str, Any] = {
            "runs": Run.objects.filter(site__in=sites, checkpoints__isnull=False).distinct(),
            "snapshot": Snapshot.objects.filter(site__in=sites),
            "reader_study": ReaderStudy.objects.visible_to(user).filter(state=ReaderStudy.State.LOCKED),
        }
        for name, found in rows.items():
            field = self.fields[name]
            assert isinstance(field, forms.ModelChoiceField)
            field.queryset = found.order_by("-created_at")
        for name in self._without(number):
            del self.fields[name]

    @staticmethod
    def _without(number: int) -> list[str]:
        left = [] if number in (4, 9) else ["snapshot"]
        left += ["runs"] if number in (4, 9) else []
        left += [] if number == 7 else ["reader_study", "prevalence"]
        return left + ([] if number in (7, 8) else ["threshold"])

    def options(self, user: User) -> TableOptions:
        """The options of the table."""
        data = self.cleaned_data
        threshold = data.get("threshold")
        return TableOptions(
            simulated=data["simulated"],
            paper=data["paper"],
            reader_study=data.get("reader_study"),
            runs=tuple(data.get("runs") or ()),
            snapshot=data.get("snapshot"),
            by=data.get("by") or None,
            threshold=0.5 if threshold is None else threshold,
            prevalence=data.get("prevalence"),
            sites=tuple(user.sites_as(*ANALYSTS)),
        )


@login_required
@require_safe
def tables(request: HttpRequest) -> HttpResponse:
    """The ten tables: three of each trial, seven of the archive, runs and reader studies."""
    user = user_of(request)
    if not user.has_role(*ANALYSTS):
        raise Http404
    found = Trial.objects.visible_to(user).select_related("site").order_by("-created_at")
    context = {
        "ready": [trial for trial in found if trial.state in TABULATED],
        "not_ready": [trial for trial in found if trial.state not in TABULATED],
        "numbers": TRIAL_TABLES,
        "others": list(TITLES.items()),
    }
    return render(request, "evaluation/tables.html", context)


def _other_table(request: HttpRequest, number: int) -> tuple[TableForm, Table | None, str]:
    """The form, the table it asks for, and what keeps it from being built."""
    user = user_of(request)
    if not user.has_role(*ANALYSTS) or number not in BUILDERS:
        raise Http404
    if set(request.GET) - NO_CHOICE:
        return _built(TableForm(request.GET, user=user, number=number), number, user)
    form, built, problem = _built(TableForm(QueryDict(""), user=user, number=number), number, user)
    if built is None:
        # Where there are none but simulated rows (a demo) they are shown at once, with the box ticked.
        simulated = _built(TableForm(QueryDict("simulated=on"), user=user, number=number), number, user)
        if simulated[1] is not None:
            return simulated
    return form, built, problem


def _built(form: TableForm, number: int, user: User) -> tuple[TableForm, Table | None, str]:
    if not form.is_valid():
        return form, None, ""
    try:
        return form, build_table(number, form.options(user)), ""
    except UserError as error:
        return form, None, _in_words_of(form, str(error))


def _in_words_of(form: TableForm, problem: str) -> str:
    """A message that names options of the command line, with the labels of the page's fields instead."""
    for option, name in (("--simulated", "simulated"), ("--reader-study", "reader_study"), ("--run", "runs"),
                         ("--snapshot", "snapshot"), ("--by", "by")):  # fmt: skip
        if name in form.fields:
            problem = problem.replace(option, f"“{form.fields[name].label}”")
    return problem


@login_required
@require_safe
def any_table(request: HttpRequest, number: int) -> HttpResponse:
    """A table of the archive, of runs or of a reader study, on a page or (`as`) as a file."""
    if number in TRIAL_TABLES:
        user_of(request)
        return redirect("evaluation:tables")
    form, built, problem = _other_table(request, number)
    kind = request.GET.get("as", "")
    assert isinstance(form.data, QueryDict)
    chosen = urlencode([(k, v) for k, values in form.data.lists() if k not in NO_CHOICE for v in values])
    if built is not None and kind:
        return _file(request, built, kind)

    def link(row: Any, column: Any) -> str:
        address = reverse("evaluation:cell-rows", args=[number])
        return f"{address}?{urlencode({'row': row.key, 'column': column.key})}&{chosen}"

    context: dict[str, Any] = {
        "number": number,
        "title": TITLES[number],
        "form": form,
        "table": built,
        # html_fragment escapes every text it is given.
        "table_html": mark_safe(html_fragment(built, link=link)) if built is not None else "",  # noqa: S308
        "problem": problem,
        "files": [(name, FILE_NAMES[name]) for name in sorted(WRITERS)],
        "chosen": chosen,
    }
    return render(request, "evaluation/any_table.html", context)


def _file(request: HttpRequest, built: Table, kind: str) -> HttpResponse:
    if kind not in WRITERS:
        raise Http404
    content = WRITERS[kind](built)
    with transaction.atomic():
        audit.record(
            "evaluation.table_downloaded", by_user=user_of(request), on=None, table=built.number, kind=kind
        )
    response = HttpResponse(content, content_type=CONTENT_TYPES[kind])
    response["Content-Disposition"] = f'attachment; filename="table{built.number}.{kind}"'
    return response


@login_required
@require_safe
def cell_rows(request: HttpRequest, number: int) -> HttpResponse:
    """The database rows behind one cell of such a table."""
    if number in TRIAL_TABLES:
        raise Http404
    _form, built, problem = _other_table(request, number)
    if built is None:
        raise UserError(problem or _("table: the options can't be read"))
    return _rows_page(request, built, reverse("evaluation:any-table", args=[number]))


@login_required
@require_safe
def trial_cell_rows(request: HttpRequest, trial_id: UUID, number: int) -> HttpResponse:
    """The scores behind one cell of a trial's table."""
    trial = visible_trial(request, trial_id)
    if number not in TRIAL_TABLES or trial.state not in TABULATED:
        raise Http404
    options = replace(trial_options(request, trial), paper=False)
    built = build_table(number, options)
    back = reverse("evaluation:table-page", args=[trial.pk, number])
    return _rows_page(request, built, back, is_masked=trial.state != Trial.State.UNBLINDED)


def _rows_page(request: HttpRequest, built: Table, back: str, *, is_masked: bool = False) -> HttpResponse:
    row = next((row for row in built.rows if row.key == request.GET.get("row")), None)
    column = next((c for c in built.columns if c.key == request.GET.get("column")), None)
    if row is None or column is None:
        raise Http404
    cell = built.cell(row, column)
    behind, count = _rows_behind(built, cell)
    found = list(shown_rows(behind, is_masked=is_masked))
    header = list(found[0]) if found else []
    context: dict[str, Any] = {
        "table": built,
        "row": row,
        "column": column,
        "cell": cell,
        "header": header,
        "rows": [[source[name] for name in header] for source in found[:MOST_ROWS]],
        "count": count,
        "most": MOST_ROWS,
        "ids": sorted(cell.sources) if not found else [],
        "back": back,
    }
    return render(request, "evaluation/cell_rows.html", context)


def _rows_behind(built: Table, cell: Cell) -> tuple[list[Mapping[str, Any]], int]:
    """Rows behind a cell, as many as a page shows, and how many there are."""
    if isinstance(cell.sources, CellRows):
        return list(islice(cell.sources.of_cell(), MOST_ROWS)), len(cell.sources)
    wanted = set(cell.sources)
    found = [source for source in built.sources if wanted & {str(value) for value in source.values()}]
    return found, len(wanted)


Switch = tuple[str, list[tuple[str, str, bool]]]


def _switches(trial: Trial, chosen: dict[str, str]) -> list[Switch]:
    """Groups of links that change one choice and keep the others: (label, [(text, address, is chosen)])."""

    def links(name: str, values: list[tuple[str, str]]) -> list[tuple[str, str, bool]]:
        return [
            (
                text,
                urlencode({**chosen, name: value} if value else _but(chosen, name)),
                chosen.get(name, "") == value,
            )
            for value, text in values
        ]

    groups = [
        (
            str(_("Scores")),
            links("simulated", [("", str(_("Real scores only"))), ("1", str(WITH_SIMULATED))]),
        ),
        (
            str(_("One row per")),
            links("by", [("", str(_("Arm"))), *((name, str(STRATUM_NAMES[name])) for name in STRATA)]),
        ),
    ]
    if trial.state == Trial.State.UNBLINDED:
        values = [("", str(_("Ours"))), ("1", str(_("Ours beside the paper's")))]
        groups.insert(1, (str(_("Figures")), links("paper", values)))
    return groups


def _but(chosen: dict[str, str], name: str) -> dict[str, str]:
    return {key: value for key, value in chosen.items() if key != name}


def _as_on_its_page(built: Table) -> Table:
    """The table with notes that name the page's own choice in place of the command line's option."""
    return replace(built, notes=[note.replace("--simulated", f"“{WITH_SIMULATED}”") for note in built.notes])


@login_required
@require_safe
def table_page(request: HttpRequest, trial_id: UUID, number: int) -> HttpResponse:
    """One table of a trial; `simulated` takes simulated scores in, `paper` sets the paper's figures beside ours, `by`
    gives one row per stratum of the questions."""
    trial = visible_trial(request, trial_id)
    if number not in TRIAL_TABLES or trial.state not in TABULATED:
        raise Http404
    options = trial_options(request, trial)
    built = _as_on_its_page(build_table(number, options))
    said = {"simulated": "1" if options.simulated else "", "paper": "1" if options.paper else ""}
    chosen = {name: value for name, value in (said | {"by": options.by or ""}).items() if value}
    choices = urlencode(chosen)

    def link(row: Any, column: Any) -> str:
        address = reverse("evaluation:trial-cell-rows", args=[trial.pk, number])
        return f"{address}?{urlencode({'row': row.key, 'column': column.key})}&{choices}"

    context: dict[str, Any] = {
        "trial": trial,
        "number": number,
        "table": built,
        # html_fragment escapes every text it is given.
        "table_html": mark_safe(html_fragment(built, link=link)),  # noqa: S308
        "switches": _switches(trial, chosen),
        "files": [(kind, FILE_NAMES.get(kind, kind.upper())) for kind in sorted(WRITERS)],
        "choices": choices,
    }
    return render(request, "evaluation/table.html", context)
