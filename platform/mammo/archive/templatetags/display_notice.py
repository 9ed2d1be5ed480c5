"""`{% display_notice %}`: says before the work begins that nothing can be sent in from this display, and the way."""

from typing import Any

from django import template
from django.template.context import Context

from mammo.archive import displays

register = template.Library()


@register.inclusion_tag("archive/_display_notice.html", takes_context=True)
def display_notice(context: Context) -> dict[str, Any]:
    """Empty where nothing hinders; the way to the page of the display leads back here."""
    request = context["request"]
    return {"hindrance": displays.hindrance(request.user), "following": request.get_full_path()}
