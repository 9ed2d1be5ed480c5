"""How messages call a field: in English by the name that programs send, elsewhere by the page's label for it."""

from typing import Any

from django.utils.translation import pgettext_lazy

# The English of each is its name; a translation is what the page writes beside the field.
_NAMES: dict[str, Any] = {
    "adjudication": pgettext_lazy("field", "adjudication"),
    "allow_small_edit": pgettext_lazy("field", "allow_small_edit"),
    "code": pgettext_lazy("field", "code"),
    "consent": pgettext_lazy("field", "consent"),
    "consent_text": pgettext_lazy("field", "consent_text"),
    "due_on": pgettext_lazy("field", "due_on"),
    "guideline": pgettext_lazy("field", "guideline"),
    "is_assigned_only": pgettext_lazy("field", "is_assigned_only"),
    "junior": pgettext_lazy("role", "junior"),
    "kind": pgettext_lazy("field", "kind"),
    "languages": pgettext_lazy("field", "languages"),
    "max_new_tokens": pgettext_lazy("field", "max_new_tokens"),
    "most_draws": pgettext_lazy("field", "most_draws"),
    "most_requests": pgettext_lazy("field", "most_requests"),
    "most_tokens": pgettext_lazy("field", "most_tokens"),
    "overlap": pgettext_lazy("field", "overlap"),
    "pool": pgettext_lazy("field", "pool"),
    "practice_required": pgettext_lazy("field", "practice_required"),
    "proposals_per_question": pgettext_lazy("field", "proposals_per_question"),
    "proposer.path": pgettext_lazy("field", "proposer.path"),
    "rank_all": pgettext_lazy("field", "rank_all"),
    "senior": pgettext_lazy("role", "senior"),
    "senior_overlap": pgettext_lazy("field", "senior_overlap"),
    "source": pgettext_lazy("field", "source"),
    "temperature": pgettext_lazy("field", "temperature"),
    "top_p": pgettext_lazy("field", "top_p"),
}


def field_name(name: str) -> str:
    """The field (or the role that one names) in the reader's language; a name that has no label stays as it is."""
    return str(_NAMES.get(name, name))
