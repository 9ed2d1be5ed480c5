"""The part of a campaign's form about an endpoint (abilities, key, waiting), and the licence of a proposing model."""

from collections.abc import Mapping
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from annotation.services.endpoints import KEY_VARIABLE
from annotation.services.proposer_specs import (
    DEFAULT_RETRIES,
    DEFAULT_TIMEOUT,
    LONGEST_LICENCE,
    LONGEST_TIMEOUT,
    MOST_AT_ONCE,
    MOST_RETRIES,
)

ENDPOINT_FIELDS = (
    *("endpoint_images", "endpoint_supports_n", "endpoint_supports_seed", "endpoint_at_once"),
    *("endpoint_key", "endpoint_timeout", "endpoint_retries"),
)
# What these fields say of a spec: they replace all of it.
SHOWN_KEYS = frozenset({"licence", "api_key_env", "timeout_seconds", "max_retries", "capabilities"})


class EndpointFields(forms.Form):
    """Fields that count where an endpoint proposes; and the licence of any proposing model."""

    proposer_licence = forms.CharField(
        max_length=LONGEST_LICENCE,
        required=False,
        label=_("Licence of the model"),
        help_text=_(
            "Such as Apache-2.0; it stands on the card of every training set. Empty: as its files say"
        ),
    )
    endpoint_images = forms.ChoiceField(
        choices=[("none", _("It is sent none")), ("data_url", _("Inside the request, as data URLs"))],
        required=False,
        label=_("How it takes pictures"),
        help_text=_(
            "Mammograms are sent only where the proposer shall see them and its approval covers images"
        ),
    )
    endpoint_supports_n = forms.BooleanField(
        required=False, label=_("It gives several answers to one request (n)")
    )
    endpoint_supports_seed = forms.BooleanField(
        required=False, initial=True, label=_("It takes a seed, so that an answer can be drawn again")
    )
    endpoint_at_once = forms.IntegerField(
        min_value=1,
        max_value=MOST_AT_ONCE,
        required=False,
        initial=1,
        label=_("Requests at the same time"),
        help_text=_("Fewer where it answers “too many requests”; empty: one after the other"),
    )
    endpoint_key = forms.RegexField(
        regex=rf"\A{KEY_VARIABLE.pattern}\Z",
        max_length=100,
        required=False,
        label=_("Variable that holds its key"),
        help_text=_(
            "The name of an environment variable of the server, ending in _API_KEY; never the key itself. "
            "Empty: it needs none"
        ),
        error_messages={"invalid": _("Give a name in capitals that ends in _API_KEY, such as GLM_API_KEY.")},
    )
    endpoint_timeout = forms.FloatField(
        min_value=1,
        max_value=LONGEST_TIMEOUT,
        required=False,
        initial=DEFAULT_TIMEOUT,
        label=_("Seconds to wait for an answer"),
    )
    endpoint_retries = forms.IntegerField(
        min_value=0,
        max_value=MOST_RETRIES,
        required=False,
        initial=DEFAULT_RETRIES,
        label=_("Tries again after a failure"),
        help_text=_(
            "After “too many requests”, an error of the server or a lost connection, with growing pauses. "
            "How much may be spent in all is part of the approval (Endpoints)"
        ),
    )

    def endpoint_spec(self) -> dict[str, Any]:
        """What these fields add to an endpoint's spec."""
        data = self.cleaned_data
        timeout, retries = data["endpoint_timeout"], data["endpoint_retries"]
        return {
            "capabilities": {
                "supports_n": data["endpoint_supports_n"],
                "supports_seed": data["endpoint_supports_seed"],
                "image_mode": data["endpoint_images"] or "none",
                "max_concurrency": data["endpoint_at_once"] or 1,
            },
            "timeout_seconds": DEFAULT_TIMEOUT if timeout is None else timeout,
            "max_retries": DEFAULT_RETRIES if retries is None else retries,
            **({"api_key_env": data["endpoint_key"]} if data["endpoint_key"] else {}),
        }

    def licence_spec(self) -> dict[str, Any]:
        """The licence, where one is given."""
        named = self.cleaned_data["proposer_licence"].strip()
        return {"licence": named} if named else {}


def shown_of(spec: Mapping[str, Any]) -> dict[str, Any]:
    """A spec as these fields show it; what it does not say as the answering module fills it in."""
    able = dict(spec.get("capabilities") or {})
    return {
        "proposer_licence": spec.get("licence", ""),
        "endpoint_images": able.get("image_mode", "none"),
        "endpoint_supports_n": able.get("supports_n", False),
        "endpoint_supports_seed": able.get("supports_seed", True),
        "endpoint_at_once": able.get("max_concurrency", 1),
        "endpoint_key": spec.get("api_key_env") or "",
        "endpoint_timeout": spec.get("timeout_seconds", DEFAULT_TIMEOUT),
        "endpoint_retries": spec.get("max_retries", DEFAULT_RETRIES),
    }
