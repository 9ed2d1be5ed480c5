"""The JSON object of an analysis as tables with readable headings."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from evaluation.reports.analysis_words import heading
from evaluation.reports.wording import in_words

# Keyed by what the file calls its modalities: as columns they would have no end.
NAMED_ROWS = ("modalities",)
# Values of an estimate under the name of what is estimated.
ENDPOINTS = ("auc", "sensitivity", "specificity")

# What names the parts of these, and what these say, are words of ours; other names are the file's own.
WORDED = ("models", "icc", "kappa", "difference", "best_points")
TOLD = ("endpoint", "covariance", "model", "generalises_to")


@dataclass(frozen=True)
class Grid:
    """A table of texts."""

    caption: str
    header: list[str]
    rows: list[list[str]]


def grids_of(data: Mapping[str, Any], before: Sequence[str] = ()) -> list[Grid]:
    """Lists of objects and objects of objects become tables; single values one table of names and values."""
    grids: list[Grid] = []
    plain: list[list[str]] = []
    for key, value in data.items():
        name = (*before, key)
        if key == "notes" or value is None or (isinstance(value, list | dict) and not value):
            continue
        if _are_rows(value):
            grids += _grids_of_rows(name, value)
        elif isinstance(value, dict) and all(isinstance(item, dict) for item in value.values()):
            worded = heading if key in WORDED else str
            grids += _grids_of_rows(name, [{key: worded(at)} | item for at, item in value.items()])
        elif isinstance(value, dict):
            grids += grids_of(value, name)
        elif not (key == "estimate" and any(data.get(other) == value for other in ENDPOINTS)):
            plain.append([heading(key), _shown(value, key)])
    if plain:
        grids.insert(0, Grid(_caption(before) or _("Result"), [_("Name"), _("Value")], plain))
    return grids


def _grids_of_rows(name: tuple[str, ...], rows: Sequence[Mapping[str, Any]]) -> list[Grid]:
    """One table of what is plain in the rows, then the tables that each of them holds."""
    label = name[-1]
    plain = [_flat(row) for row in rows]
    header = list(dict.fromkeys(key for row in plain for key in row))
    same = [key for key in ENDPOINTS if key in header and all(r.get(key) == r.get("estimate") for r in plain)]
    header = [key for key in header if key != "estimate" or not same]
    grids = []
    if set(header) - {label, "aspect", "name"}:
        texts = [[_shown(row.get(key), key) for key in header] for row in plain]
        grids.append(Grid(_caption(name), [heading(key) for key in header], texts))
    for place, row in enumerate(rows, start=1):
        held = {key: value for key, value in row.items() if _holds_tables(key, value)}
        own = row.get(label) or row.get("aspect") or row.get("name") or (str(place) if len(rows) > 1 else "")
        grids += grids_of(held, (*name, str(own)) if own else name)
    return grids


def _are_rows(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(item, dict) for item in value)


def _holds_tables(key: str, value: Any) -> bool:
    """Whether a row's value is a table of its own."""
    if isinstance(value, dict):
        return bool(value) and (key in NAMED_ROWS or any(_holds_tables(*item) for item in value.items()))
    return _are_rows(value)


def _flat(row: Mapping[str, Any]) -> dict[str, Any]:
    """The plain values of a row; of objects within it as columns of their own, `mcnemar exact`."""
    flat: dict[str, Any] = {}
    for key, value in row.items():
        if _holds_tables(key, value) or (key == "notes" and not value):
            continue
        if isinstance(value, dict):
            flat |= {f"{key} {name}": item for name, item in _flat(value).items()}
        else:
            flat[key] = value
    return flat


def _caption(names: Sequence[str]) -> str:
    return ", ".join(heading(name) for name in names)


def _shown(value: Any, key: str = "") -> str:
    if isinstance(value, str) and key in TOLD:
        return heading(value)
    if isinstance(value, str) and key.endswith("method"):
        return in_words(value)
    if value is None or (isinstance(value, list) and not value):
        return "–"
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return pgettext("between clauses", "; ").join(in_words(item) for item in value)
    if isinstance(value, list):
        return f"[{', '.join(_shown(item) for item in value)}]"
    return str(value)
