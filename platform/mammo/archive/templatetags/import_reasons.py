"""`{{ item.reason|reason }}`: a stored reason of an import in the reader's language."""

from django import template

from mammo.archive.reasons import shown_reason

register = template.Library()


@register.filter
def reason(stored: str) -> str:
    """The reason as the page says it."""
    return shown_reason(stored)
