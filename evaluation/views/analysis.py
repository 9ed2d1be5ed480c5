"""A researcher's own CSV file: dropped on a page, analysed, forgotten."""

from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from evaluation.analysis_form import AnalysisForm
from evaluation.reports.wording import refusal_in_words
from evaluation.services.access import ANALYSTS
from evaluation.views.trials import user_of
from mammo.core import raw_files
from mammo.core.errors import UserError

LARGEST_FILE = 5_000_000


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def analyse(request: HttpRequest) -> HttpResponse:
    """The form; after a POST the tables, plots and methods text under it. Nothing of the file is kept."""
    if not user_of(request).has_role(*ANALYSTS):
        raise Http404
    form = AnalysisForm(request.POST or None, request.FILES or None)
    context: dict[str, Any] = {"form": form, "result": None}
    if request.method == "POST" and form.is_valid():
        try:
            context["result"] = _analysed(form.cleaned_data)
        except UserError as error:
            form.add_error(None, form.in_words_of_its_fields(refusal_in_words(str(error))))
    status = 400 if form.errors else 200
    return render(request, "evaluation/analyse.html", context, status=status)


def _analysed(data: dict[str, Any]) -> Any:
    from evaluation.reports.own_analysis import (
        analyse_own,  # matplotlib and scikit-learn, which no other page needs
    )

    file = data["file"]
    if file.size > LARGEST_FILE:
        raise UserError(_("%(name)s: larger than 5 MB; use the command line") % {"name": file.name})
    options = {name: value for name, value in data.items() if name not in ("file", "kind")}
    with raw_files.laid_out() as folder:
        path = folder / "file.csv"
        path.write_bytes(file.read())
        try:
            return analyse_own(data["kind"], path, options)
        except UserError as error:
            raise UserError(str(error).replace(str(path), str(file.name))) from None
