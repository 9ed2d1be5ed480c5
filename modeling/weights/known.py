"""Weights that the platform has a use for, by name: what the ready specs answer with, encoders and text encoders."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path

from modeling.data.exchange import BadRequestError
from modeling.data.model_folders import HUB_NAME, MODELS_VARIABLE
from modeling.inference.spec_files import read_spec, ready_specs

_FILE = Path(__file__).with_name("known.json")


@dataclass(frozen=True, kw_only=True)
class Known:
    """A repository of weights and where the platform looks for its files."""

    name: str
    repository: str
    # Below MAMMO_MODELS.
    folder: str
    # A note for people; empty where none is known. The repository's own card decides.
    licence: str = ""
    use: str = ""
    # The one pickled file to take, where a repository holds several.
    file: str = ""


def known_weights() -> dict[str, Known]:
    """Every known name, sorted. A ready spec's weights lie where the spec looks for them."""
    found = {name: Known(name=name, **row) for name, row in json.loads(_FILE.read_text("utf-8")).items()}
    for name in ready_specs():
        spec = read_spec(name)
        about = spec["about"]
        if "weights" in about:
            found[name] = Known(
                name=name,
                repository=about["weights"],
                folder=spec["path"],
                licence=about.get("licence", ""),
                use=f"ready spec: {spec['name']}",
            )
    return dict(sorted(found.items()))


def find_weights(name: str) -> Known:
    """The weights of a known name, or of any owner/name.

    Raises:
        BadRequestError: neither.
    """
    known = known_weights()
    if name in known:
        return known[name]
    for each in known.values():
        if each.repository == name:
            return each
    if not HUB_NAME.fullmatch(name):
        raise BadRequestError(f"{name}: no known name; give owner/name or one of: {', '.join(known)}")
    return Known(name=name, repository=name, folder=name.split("/")[1])


def default_folder(weights: Known) -> Path:
    """Where weights are kept when nobody names a place.

    Raises:
        BadRequestError: MAMMO_MODELS is not set.
    """
    models = os.environ.get(MODELS_VARIABLE)
    if not models:
        raise BadRequestError(
            f"no place for the weights: set {MODELS_VARIABLE} to the folder of all weights, or give --into FOLDER"
        )
    return Path(models).expanduser().absolute() / weights.folder
