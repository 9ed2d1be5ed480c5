"""Specs of proposing systems: what a campaign may say of a model in a folder or of an endpoint, field by field."""

from collections.abc import Callable, Mapping
from typing import Any
from uuid import UUID

from django.utils.translation import gettext as _

from annotation.field_names import field_name
from annotation.models import ProposerContext
from annotation.services.endpoints import OF_THE_APPROVAL, host_of, require_key_variable
from mammo.core.errors import UserError
from mammo.core.given_models import require_known_model

# As the answering module knows them (modeling.inference.answer.build_system).
PROPOSER_KINDS = ("transformers", "vision_language", "mammovlm", "openai", "file")
ENDPOINT = "openai"
# Fields for people: the answering module does not read them.
DESCRIPTIVE = ("name", "about", "licence")
IMAGE_MODES = ("none", "data_url")
# As modeling.inference.endpoint.EndpointSpec takes what is not given.
DEFAULT_TIMEOUT, DEFAULT_RETRIES = 120, 5
LONGEST_TIMEOUT, MOST_RETRIES, MOST_AT_ONCE = 3600, 20, 64
LONGEST_LICENCE = 200
_OF_AN_ENDPOINT = frozenset(
    {
        *("kind", "base_url", "model", "api_key_env", "timeout_seconds", "max_retries", "capabilities"),
        *("parameters", "pass_over_refused", *DESCRIPTIVE, *OF_THE_APPROVAL),
    }
)


def _flag(value: Any) -> bool:
    return isinstance(value, bool)


def _whole(low: int, high: int) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, int) and not isinstance(value, bool) and low <= value <= high


def _seconds(value: Any) -> bool:
    return (
        isinstance(value, int | float) and not isinstance(value, bool) and 0 < float(value) <= LONGEST_TIMEOUT
    )


# Field of `capabilities` -> whether a value will do.
_CAPABILITIES: dict[str, Callable[[Any], bool]] = {
    "supports_n": _flag,
    "supports_seed": _flag,
    "image_mode": lambda value: value in IMAGE_MODES,
    "max_concurrency": _whole(1, MOST_AT_ONCE),
}


def checked_spec(proposer: Mapping[str, Any]) -> dict[str, Any]:
    """The spec as it is stored.

    Raises:
        UserError: its kind is unknown, or names the field that can't be used.
    """
    kind = proposer.get("kind")
    if kind not in PROPOSER_KINDS:
        raise UserError(
            _("proposer: kind %(kind)r is unknown; known: %(known)s")
            % {"kind": kind, "known": ", ".join(PROPOSER_KINDS)}
        )
    licence = proposer.get("licence")
    if licence is not None and not (isinstance(licence, str) and len(licence) <= LONGEST_LICENCE):
        raise UserError(
            _("proposer.licence: give a text of at most %(most)s characters") % {"most": LONGEST_LICENCE}
        )
    if kind == ENDPOINT:
        _check_endpoint(proposer)
    return dict(proposer)


def require_named_from_afar(proposer: Mapping[str, Any], site_id: UUID) -> None:
    """Let a proposer pass that a page or a program from afar may name: an endpoint, or a model of the site.

    Raises:
        UnknownModelError: its path leads elsewhere on the server, or it is a file of answers.
    """
    require_known_model(
        proposer,
        site_id,
        field=field_name("proposer.path"),
        instead_of_file=_("choose another proposer, or make the campaign with create_campaign on the server"),
    )


def _check_endpoint(spec: Mapping[str, Any]) -> None:
    unknown = sorted(set(spec) - _OF_AN_ENDPOINT)
    if unknown:
        raise UserError(
            _("proposer: %(unknown)s is unknown; known: %(known)s")
            % {"unknown": unknown[0], "known": ", ".join(sorted(_OF_AN_ENDPOINT - OF_THE_APPROVAL))}
        )
    host_of(spec)
    if not isinstance(spec.get("model"), str) or not spec["model"].strip():
        raise UserError(_("proposer.model: give the model's name at the endpoint"))
    require_key_variable(spec, "proposer")
    if "timeout_seconds" in spec and not _seconds(spec["timeout_seconds"]):
        raise UserError(
            _("proposer.timeout_seconds: give seconds, more than 0 and at most %(most)s")
            % {"most": LONGEST_TIMEOUT}
        )
    if "max_retries" in spec and not _whole(0, MOST_RETRIES)(spec["max_retries"]):
        raise UserError(
            _("proposer.max_retries: give a whole number from 0 to %(most)s") % {"most": MOST_RETRIES}
        )
    _check_capabilities(spec.get("capabilities"))


def _check_capabilities(given: Any) -> None:
    if given is None:
        return
    known = ", ".join(_CAPABILITIES)
    if not isinstance(given, Mapping):
        raise UserError(_("proposer.capabilities: give an object with any of %(known)s") % {"known": known})
    for name, value in given.items():
        if name not in _CAPABILITIES:
            raise UserError(
                _("proposer.capabilities: %(name)s is unknown; known: %(known)s")
                % {"name": name, "known": known}
            )
        if not _CAPABILITIES[name](value):
            raise UserError(
                _(
                    "proposer.capabilities.%(name)s: can't be used; supports_n and supports_seed are true or false, "
                    "image_mode is none or data_url, max_concurrency a whole number from 1 to %(most)s"
                )
                % {"name": name, "most": MOST_AT_ONCE}
            )


def require_readable(proposer: Mapping[str, Any], context: str) -> None:
    """Let a proposer pass that can read what the campaign hands over.

    Raises:
        UserError: it is to see images and reads none.
    """
    if context != ProposerContext.IMAGES:
        return
    mode = dict(proposer.get("capabilities") or {}).get("image_mode", "none")
    if proposer.get("kind") == "transformers":
        raise UserError(
            _(
                "proposer_context: a language model reads no mammograms; choose another proposer, or what it sees"
            )
        )
    if proposer.get("kind") == ENDPOINT and mode == "none":
        raise UserError(
            _(
                "proposer_context: this endpoint is sent no mammograms; let it take pictures (on the page: how it takes "
                "pictures; in a spec: capabilities.image_mode data_url), or choose what else it sees"
            )
        )
