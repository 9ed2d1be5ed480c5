"""Where each label of a study comes from, and which source stands above which."""

from collections.abc import Mapping
from typing import Any

from django.conf import settings

from mammo.archive.models import Study
from mammo.archive.report_reading.categories import overall_category
from mammo.archive.report_reading.reading import RULES_VERSION

FIELDS = ("density", "birads_left", "birads_right", "birads_overall")
# A person's label stands above a table's, a table's above what was read from a report.
RANK = {"": 0, "report": 1, "table": 2, "person": 3}


def labelled(study: Study, values: Mapping[str, str], source: str) -> dict[str, Any]:
    """What a source's values change in a study: only labels that no higher source has stated.

    Args:
        values: label by field; "" says that the source states none, which a person may.

    Returns:
        the labels that are taken, and the sources as they stand then; empty where nothing is taken.
    """
    taken = {
        name: value
        for name, value in values.items()
        if RANK[study.label_sources.get(name, "")] <= RANK[source]
    }
    if not taken:
        return {}
    sources = dict(study.label_sources)
    for name, value in taken.items():
        # What a person left empty is stated, too.
        if value or source == "person":
            sources[name] = source
        else:
            sources.pop(name, None)
    return {**taken, "label_sources": sources, "label_source": highest(sources)}


def with_overall(study: Study, changes: Mapping[str, Any], read: Mapping[str, str | None]) -> dict[str, Any]:
    """Changes of labels with the overall category of the sides as they stand then.

    A category that was read from a report follows from the report's own sides. Where a higher source states one of
    them otherwise, the named rule makes it anew: of the sides that stand, and of what the report states of neither.

    Args:
        changes: as `labelled` returns them; empty where nothing is taken.
        read: `left`, `right` and `overall` as the report was read (None or "": not stated).
    """
    made = dict(changes)
    if not made or made["label_sources"].get("birads_overall") != "report" or not read.get("overall"):
        return made
    standing = [made.get(name, getattr(study, name)) or None for name in ("birads_left", "birads_right")]
    sides = [read.get("left") or None, read.get("right") or None]
    if standing == sides:
        return made
    of_exam = read["overall"] if read["overall"] not in sides else None
    rule = settings.MAMMO_BIRADS_OVERALL_RULE
    made["birads_overall"] = overall_category([*standing, of_exam], rule) or ""
    made["birads_rule"] = f"{RULES_VERSION} {rule}"
    return made


def highest(sources: Mapping[str, str]) -> str:
    """The source above all others of a study's labels, "" where none is stated."""
    return max(sources.values(), key=RANK.__getitem__, default="")
