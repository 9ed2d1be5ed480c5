"""Template tags of the page shell."""

from django import template
from django.forms import BoundField
from django.utils.safestring import SafeString

from mammo.core.assets import asset_url

register = template.Library()

_CLASSES = {"checkbox": "form-check-input", "select": "form-select", "selectmultiple": "form-select"}


@register.simple_tag
def asset(name: str) -> str:
    """Address of a file that viewer/build.mjs made."""
    return asset_url(name)


@register.filter
def control(field: BoundField) -> SafeString:
    """The field's widget in Bootstrap's clothes."""
    kind = getattr(field.field.widget, "input_type", "")
    css = _CLASSES.get(kind, "form-control")
    if field.errors:
        css += " is-invalid"
    return field.as_widget(attrs={"class": css})
