"""Values of JSON brought to the annotated types of a configuration's fields."""

from __future__ import annotations

import math
import types
from collections.abc import Mapping
from typing import Any, Literal, Union, get_args, get_origin


class ConfigError(ValueError):
    """A training configuration that names an unknown field or gives a value of the wrong type."""


def typed(value: Any, hint: Any, name: str) -> Any:
    """`value` as the annotated type `hint`.

    Raises:
        ConfigError: naming the field that has another type.
    """
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        if value is None and type(None) in arguments:
            return None
        return typed(value, next(a for a in arguments if a is not type(None)), name)
    if origin is Literal:
        if value in arguments:
            return value
        raise ConfigError(f"{name}: {value!r} is not one of {', '.join(map(repr, arguments))}")
    if origin is tuple:
        if isinstance(value, (list, tuple)) and len(value) == len(arguments):
            return tuple(typed(item, part, name) for item, part in zip(value, arguments, strict=True))
        raise ConfigError(f"{name}: {value!r} is not a list of {len(arguments)} values")
    if origin is dict:
        if isinstance(value, Mapping):
            return {typed(k, arguments[0], name): typed(v, arguments[1], name) for k, v in value.items()}
        raise ConfigError(f"{name}: {value!r} is not an object")
    return _scalar(value, hint, name)


def _scalar(value: Any, hint: type, name: str) -> Any:
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if hint is float and number and math.isfinite(value):
        return float(value)
    if hint is not float and isinstance(value, hint) and (hint is bool or not isinstance(value, bool)):
        return value
    expected = "a number" if hint is float else f"of type {hint.__name__}"
    raise ConfigError(f"{name}: {value!r} is not {expected}")
