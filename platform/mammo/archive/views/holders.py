"""What holds a patient or a picture, as pages name it."""

from django.utils.translation import gettext as _


def destroyed_by(counts: dict[str, int]) -> list[tuple[str, int]]:
    """How much an erasure destroyed of what stood under the site's key, by kind in the reader's language."""
    kinds = {
        "table_rows": _("Rows of reports and pathology that waited to be imported"),
        "tables": _("Tables that waited to be imported, whole, because her rows could not be told in them"),
        "refused_rows": _("Rows of tables that were not taken"),
        "question_rows": _("Rows of questions that waited to be confirmed"),
        "received": _("Received files that waited to be imported"),
        "job_logs": _("Logs of jobs"),
    }
    return [(label, counts[kind]) for kind, label in kinds.items() if counts.get(kind)]


def named(held: dict[str, str]) -> dict[str, str]:
    """One holder with its kind in the reader's language."""
    kinds = {
        "snapshot": _("Frozen training set"),
        "checkpoint": _("Trained weights"),
        "export": _("Exported training set"),
        "trial": _("Trial"),
        "reader study": _("Reader study"),
        "backup": _("Backup"),
        "received file": _("Received file that does not say whose it is"),
    }
    return {**held, "label": kinds.get(held["kind"], held["kind"])}
