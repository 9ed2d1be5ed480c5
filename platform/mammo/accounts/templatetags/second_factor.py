"""What the pages of two-factor sign-in ask."""

from typing import Any

from django import template

from mammo.accounts import second_factor

register = template.Library()


@register.simple_tag(takes_context=True)
def second_factor_required(context: dict[str, Any]) -> bool:
    """`{% second_factor_required as required %}`: whether this account's role demands one."""
    return second_factor.is_required_for(context["request"].user)
