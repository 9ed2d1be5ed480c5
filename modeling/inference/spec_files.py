"""The ready specs of the paper's systems. No torch: read by the web side too."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from modeling.data.exchange import BadRequestError

KINDS = ("transformers", "vision_language", "openai", "mammovlm", "file")
# These write no text: they judge malignancy alone (`zero_shot`), and are no arm of a trial.
JUDGING_KINDS = ("dual_encoder",)
# Fields for people: what a system is called, what it needs, and its licence.
DESCRIPTIVE = ("name", "about", "licence")
_FOLDER = Path(__file__).with_name("specs")
_JUDGING_FOLDER = _FOLDER / "judging"


def ready_specs() -> list[str]:
    """Names of the specs of answering systems that come with the platform, sorted."""
    return sorted(file.stem for file in _FOLDER.glob("*.json"))


def judging_specs() -> list[str]:
    """Names of the ready specs of what judges malignancy and writes nothing, sorted."""
    return sorted(file.stem for file in _JUDGING_FOLDER.glob("*.json"))


def read_judging_spec(name: str | Path) -> dict[str, Any]:
    """As read_spec, for `zero_shot`: any answering system, or a dual encoder.

    Raises:
        BadRequestError: no such file or ready spec, no JSON object, or an unknown kind.
    """
    if str(name) in judging_specs():
        name = _JUDGING_FOLDER / f"{name}.json"
    return read_spec(name, kinds=(*KINDS, *JUDGING_KINDS))


def read_spec(name: str | Path, *, kinds: Sequence[str] = KINDS) -> dict[str, Any]:
    """The spec of a JSON file, or a ready one by its name (`llava-1.5`).

    Raises:
        BadRequestError: no such file or ready spec, no JSON object, or a kind that is not among `kinds`.
    """
    path = Path(name)
    if str(name) in ready_specs():
        path = _FOLDER / f"{name}.json"
    try:
        spec = json.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise BadRequestError(
            f"{name}: cannot be read ({error.strerror}); give an existing file or one of the ready specs: "
            f"{', '.join(ready_specs())}"
        ) from None
    except (ValueError, RecursionError) as error:
        raise BadRequestError(f"{name}: not JSON ({error})") from None
    if not isinstance(spec, dict) or spec.get("kind") not in kinds:
        raise BadRequestError(f"{name}: give an object whose `kind` is one of {', '.join(kinds)}")
    return spec


def without_description(spec: Mapping[str, Any]) -> dict[str, Any]:
    """The fields that decide how a system answers."""
    return {key: value for key, value in spec.items() if key not in DESCRIPTIVE}
