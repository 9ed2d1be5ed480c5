"""Tables as pages: which there are, and each with its intervals, its notes and its files."""

from typing import Any
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.safestring import mark_safe
from django.views.decorators.http import require_safe

from evaluation.models import Trial
from evaluation.reports.options import TableOptions
from evaluation.reports.tables import BUILDERS, build_table
from evaluation.reports.writers import WRITERS
from evaluation.reports.writers.html_page import html_fragment
from evaluation.services.access import ANALYSTS
from evaluation.views.trials import TABULATED, user_of, visible_trial

# Tables that are computed from one trial.
OF_A_TRIAL = (1, 2, 3)
FILE_NAMES = {"csv": "CSV", "xlsx": "Excel", "tex": "LaTeX", "docx": "Word", "md": "Markdown", "html": "HTML"}


def numbers_of_a_trial() -> list[int]:
    """The numbers of the tables that a trial gives."""
    return [number for number in OF_A_TRIAL if number in BUILDERS]


@login_required
@require_safe
def tables(request: HttpRequest) -> HttpResponse:
    """The trials of the account's sites and the tables that each gives."""
    user = user_of(request)
    if not user.has_role(*ANALYSTS):
        raise Http404
    found = Trial.objects.visible_to(user).select_related("site").order_by("-created_at")
    context = {
        "ready": [trial for trial in found if trial.state in TABULATED],
        "not_ready": [trial for trial in found if trial.state not in TABULATED],
        "numbers": numbers_of_a_trial(),
    }
    return render(request, "evaluation/tables.html", context)


@login_required
@require_safe
def table_page(request: HttpRequest, trial_id: UUID, number: int) -> HttpResponse:
    """One table of a trial; `simulated` takes simulated scores in, `paper` sets the paper's figures beside ours."""
    trial = visible_trial(request, trial_id)
    if number not in numbers_of_a_trial() or trial.state not in TABULATED:
        raise Http404
    simulated, paper = "simulated" in request.GET, "paper" in request.GET
    built = build_table(number, TableOptions(trial, simulated=simulated, paper=paper))
    context: dict[str, Any] = {
        "trial": trial,
        "number": number,
        "table": built,
        # html_fragment escapes every text it is given.
        "table_html": mark_safe(html_fragment(built)),  # noqa: S308
        "simulated": simulated,
        "paper": paper,
        "shows_paper": trial.state == Trial.State.UNBLINDED,
        "files": [(kind, FILE_NAMES.get(kind, kind.upper())) for kind in sorted(WRITERS)],
        "choices": "&".join(
            key for key, chosen in (("simulated=1", simulated), ("paper=1", paper)) if chosen
        ),
    }
    return render(request, "evaluation/table.html", context)
