"""`{% idempotency_key %}`: the hidden field that makes a creating form count once."""

import uuid

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString

from mammo.core.idempotency import FIELD

register = template.Library()


@register.simple_tag
def idempotency_key() -> SafeString:
    """A hidden field with a fresh key; one per form and page."""
    return format_html('<input type="hidden" name="{}" value="{}">', FIELD, uuid.uuid4())
