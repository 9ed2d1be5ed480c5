"""`{{ text|markdown }}`: instructions and guidelines as safe HTML."""

from django import template
from django.utils.safestring import SafeString, mark_safe

from annotation.markdown_text import html_of

register = template.Library()


@register.filter
def markdown(text: str) -> SafeString:
    """Safe HTML of a Markdown text."""
    return mark_safe(html_of(text))  # noqa: S308 (cleaned by nh3)


@register.filter
def as_share(value: float | None) -> str:
    """A share as a percentage; a dash where there is none."""
    return "–" if value is None else f"{100 * value:.0f} %"


@register.filter
def as_number(value: float | None) -> str:
    """Two decimals; a dash where there is none."""
    return "–" if value is None else f"{value:.2f}"


@register.filter
def as_percent(value: float | None) -> str:
    """A share in per cent, without the sign."""
    return "–" if value is None else f"{100 * value:.0f}"
