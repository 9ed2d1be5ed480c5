"""The licence under which a system answers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from modeling.data.model_folders import LONGEST_LICENCE, licence_in, model_folder


def licence_of(spec: Mapping[str, Any]) -> str:
    """The licence of a spec's model: what the spec says, else its folder's note or card; empty where nothing does."""
    about = spec.get("about")
    stated = spec.get("licence") or (about.get("licence") if isinstance(about, Mapping) else "")
    if stated:
        return str(stated)[:LONGEST_LICENCE]
    if spec.get("kind") in ("openai", "file") or not isinstance(spec.get("path"), str):
        return ""
    return licence_in(model_folder(spec["path"]))
