"""Names of figures, and places of checkpoints, in templates."""

from pathlib import Path

from django import template
from django.conf import settings

from modeling.figure_names import figure_name

register = template.Library()
register.filter("figure_name", figure_name)


@register.filter
def place(folder: str) -> str:
    """A folder as a page names it: below MAMMO_HOME, whose own place on the machine is nobody's business."""
    home = Path(settings.MAMMO_HOME)
    path = Path(folder)
    return f"MAMMO_HOME/{path.relative_to(home)}" if path.is_relative_to(home) else path.name
