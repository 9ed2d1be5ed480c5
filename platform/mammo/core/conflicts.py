"""A save that came second: both texts side by side with status 409, so that neither is lost."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _

from mammo.core.idempotency import FIELD, PAGE_COUNTERS

# Fields of a form that nobody types.
UNSEEN = {"csrfmiddlewaretoken", FIELD, "views_shown", *PAGE_COUNTERS}


def both_texts(
    request: HttpRequest,
    *,
    stored: str,
    sent: str,
    stored_at: datetime | None = None,
    reload_url: str = "",
    note: str = "",
    is_own: bool = False,
    part: str = "_conflict.html",
    **more: Any,
) -> HttpResponse:
    """What stands now beside what this page sent; a piece of a page through htmx.

    Args:
        stored: as the person may read it; empty where nothing stands.
        stored_at: left out where it would unblind, as is who stored it.
        reload_url: where the form is opened anew; by default the page that was left.
        note: what happened, where the usual words don't say it.
        is_own: nobody but this account can have stored it: of others, a rater or reader is told nothing.
        part: the template of the piece; `more` is for it.
    """
    context = {
        "stored": stored,
        "sent": sent,
        "stored_at": stored_at,
        "reload_url": reload_url,
        "note": note,
        "is_own": is_own,
        "part": part,
        **more,
    }
    template = part if getattr(request, "htmx", False) else "conflict.html"
    return render(request, template, context, status=409)


def lines_of(named: Iterable[tuple[object, object]]) -> str:
    """Names and values as a text, a line each; a value of several lines stands below its name."""
    return "\n".join(_line(str(name), _shown(value)) for name, value in named)


def form_as_text(form: forms.BaseForm, values: Mapping[str, Any]) -> str:
    """The visible fields of a form with these values, a line each, to be read beside other values."""
    return lines_of(
        (field.label or name, _chosen(field, values.get(name)))
        for name, field in form.fields.items()
        if not field.widget.is_hidden
    )


def posted_as_text(request: HttpRequest) -> str:
    """What a person typed or chose in a form that was sent, by the names of its fields."""
    return lines_of(
        (name, "\n".join(values))
        for name, values in request.POST.lists()
        if name not in UNSEEN and not name.endswith(("version", "revision"))
    )


def _line(name: str, text: str) -> str:
    return f"{name}:\n{text}" if "\n" in text else f"{name}: {text}"


def _chosen(field: forms.Field, value: Any) -> Any:
    """A choice by its label."""
    if isinstance(field, forms.ModelChoiceField) or not isinstance(field, forms.ChoiceField):
        return value
    choices: Any = field.choices
    labels = {str(key): label for key, label in choices}
    several = value if isinstance(value, list | tuple) else [value]
    return ", ".join(str(labels.get(str(one), one)) for one in several if one not in ("", None))


def _shown(value: object) -> str:
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    text = "" if value is None else str(value).strip()
    return text.replace("\r\n", "\n") or "–"
