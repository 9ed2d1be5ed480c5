"""Template tags of the page shell."""

from django import template
from django.forms import BoundField
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

from mammo.core import dark_ground as ground
from mammo.core.assets import asset_url

register = template.Library()

_CLASSES = {"checkbox": "form-check-input", "select": "form-select", "selectmultiple": "form-select"}


@register.simple_tag
def asset(name: str) -> str:
    """Address of a file that viewer/build.mjs made."""
    return asset_url(name)


@register.simple_tag
def dark_ground() -> SafeString:
    """What makes a page black before its style sheets come; stands first in the head of every page of our own."""
    rule = mark_safe(ground.RULE)  # noqa: S308  (a constant; its hash is what the policy allows)
    return format_html('<meta name="color-scheme" content="dark"><style>{}</style>', rule)


@register.filter
def control(field: BoundField) -> SafeString:
    """The field's widget in Bootstrap's clothes."""
    kind = getattr(field.field.widget, "input_type", "")
    css = _CLASSES.get(kind, "form-control")
    if field.errors:
        css += " is-invalid"
    return field.as_widget(attrs={"class": css})


@register.filter
def focused(field: BoundField) -> SafeString:
    """As `control`, with the focus when the page opens; of one field per page, whose whole purpose is to be filled."""
    field.field.widget.attrs["autofocus"] = True
    return control(field)
