"""`{{ job.error|shown_message }}`: what a job says of itself, in the reader's language."""

from django import template

from mammo.jobs.messages import shown_message as said

register = template.Library()


@register.filter
def shown_message(stored: str) -> str:
    """The error or word of progress as the page says it; empty for None."""
    return said(str(stored or ""))
