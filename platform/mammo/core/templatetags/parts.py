"""Parts of the design system (docs/design_system.md): breadcrumbs, states, marks, empty states, pages of a list."""

from datetime import datetime
from typing import Any

from django import template
from django.core.paginator import Page
from django.http import QueryDict
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from mammo.core.charts import shown

register = template.Library()

# What a state means to a reader; each has a colour and a sign of its own, so that colour never stands alone.
TONES = frozenset({"waiting", "running", "done", "failed", "attention", "quiet"})


@register.inclusion_tag("parts/_breadcrumbs.html")
def breadcrumbs(*steps: Any) -> dict[str, Any]:
    """`{% breadcrumbs _("Trials") trials_url trial.name %}`: label, address, label, address, …, this page."""
    pairs = [(steps[i], steps[i + 1]) for i in range(0, len(steps) - 1, 2)]
    return {"links": pairs, "here": steps[-1]}


@register.simple_tag
def state(label: str, tone: str = "quiet") -> SafeString:
    """`{% state job.get_state_display "running" %}`: a state in words, with its tone's colour and sign.

    Raises:
        TemplateSyntaxError: the tone is none of TONES.
    """
    if tone not in TONES:
        raise template.TemplateSyntaxError(f"state: no tone {tone!r}; known: {', '.join(sorted(TONES))}")
    return format_html('<span class="state" data-tone="{}">{}</span>', tone, label)


@register.simple_tag
def simulated(row: Any) -> SafeString:
    """`{% simulated trial %}`: a mark beside rows that rest on simulated people or data; else nothing."""
    if not getattr(row, "is_simulated", False):
        return SafeString("")
    return format_html('<span class="mark">{}</span>', _("simulated"))


@register.filter
def duration(began: datetime, ended: datetime) -> str:
    """`{{ job.started_at|duration:job.finished_at }}`: 21 s, 3 min 20 s, 2 h 5 min."""
    seconds = max(0, round((ended - began).total_seconds()))
    if seconds < 60:
        return _("%(s)s s") % {"s": seconds}
    if seconds < 3600:
        return _("%(min)s min %(s)s s") % {"min": seconds // 60, "s": seconds % 60}
    return _("%(h)s h %(min)s min") % {"h": seconds // 3600, "min": seconds % 3600 // 60}


@register.filter
def figure(value: Any) -> Any:
    """A number as a person reads it: whole, or with four significant digits; anything else as it is."""
    return shown(value) if isinstance(value, float) else value


@register.inclusion_tag("parts/_empty.html")
def empty_state(
    title: str, text: str = "", *, url: str = "", action: str = "", command: str = ""
) -> dict[str, str]:
    """`{% empty_state _("No job yet.") _("Imports appear here.") url=u action=_("To the imports") %}`.

    `text` says what to do next; `command` is a command line that does it.
    """
    return {"title": title, "text": text, "url": url, "action": action, "command": command}


@register.inclusion_tag("parts/_pager.html", takes_context=True)
def pager(context: dict[str, Any], page: Page[Any], parameter: str = "page") -> dict[str, Any]:
    """`{% pager page %}`: to the pages before and after, with the other choices of the address kept."""
    query: QueryDict = context["request"].GET.copy()

    def address(number: int) -> str:
        query[parameter] = str(number)
        return f"?{query.urlencode()}"

    return {
        "page": page,
        "before": address(page.previous_page_number()) if page.has_previous() else "",
        "after": address(page.next_page_number()) if page.has_next() else "",
    }
