"""What a study brings to a question: its four standard views, and what the proposer may read about it."""

from datetime import datetime
from pathlib import Path
from typing import Any

from annotation.models import ProposerContext, Question
from annotation.text_safety import StudyFacts
from mammo.archive.label_sources import FIELDS
from mammo.archive.models import Image, Report, Study
from mammo.archive.report_readings import waits_for_a_person
from mammo.archive.storage import viewing_copies_root
from mammo.core.choices import Laterality, View

# As a reader hangs them: CC above MLO, right breast on the left.
STANDARD_SLOTS = (
    (Laterality.RIGHT, View.CC),
    (Laterality.LEFT, View.CC),
    (Laterality.RIGHT, View.MLO),
    (Laterality.LEFT, View.MLO),
)
FIELD_NAMES = {
    "en": {
        "age": "Age",
        "density": "Breast density",
        "birads_left": "BI-RADS, left breast",
        "birads_right": "BI-RADS, right breast",
        "birads_overall": "BI-RADS",
    },
    "zh": {
        "age": "年龄",
        "density": "乳腺密度",
        "birads_left": "左乳BI-RADS",
        "birads_right": "右乳BI-RADS",
        "birads_overall": "BI-RADS",
    },
}


def standard_views(study: Study) -> list[Image]:
    """The newest image of each standard view that the study has: RCC, LCC, RMLO, LMLO; no close-ups."""
    newest: dict[tuple[str, str], Image] = {}
    for image in study.images.filter(is_extra=False).order_by("acquired_order", "created_at"):
        newest[(image.laterality, image.view)] = image
    return [newest[slot] for slot in STANDARD_SLOTS if slot in newest]


def may_hold(image: Image, *, asked: datetime | None, written: datetime) -> bool:
    """Whether a set that was written of its study's standard views may hold this one's pixels.

    It was there when the set was written, and when that was asked for there was no newer one of its slot.

    Args:
        asked: None where nobody noted it.
    """
    if image.is_extra or (image.laterality, image.view) not in STANDARD_SLOTS or image.created_at > written:
        return False
    if asked is None:
        return True
    slot = {"laterality": image.laterality, "view": image.view, "is_extra": False}
    others = image.study.images.filter(**slot, created_at__lte=asked).exclude(pk=image.pk)
    own = (image.acquired_order, image.created_at)
    return not any(each > own for each in others.values_list("acquired_order", "created_at"))


def viewing_copy_path(image: Image) -> Path:
    """Where the viewing copy lies on this machine."""
    return viewing_copies_root() / image.viewing_copy


def image_requests(study: Study | None) -> list[dict[str, Any]]:
    """The study's standard views as a child process is told of them: path, laterality, view, breast's place."""
    if study is None:
        return []
    return [
        {
            "path": str(viewing_copy_path(image)),
            "laterality": image.laterality,
            "view": image.view,
            "fit": image.training_fit or None,
        }
        for image in standard_views(study)
    ]


def newest_report(study: Study) -> Report | None:
    """The report that stands: not replaced, latest."""
    return study.reports.filter(replaced_by__isnull=True).order_by("-created_at").first()


def report_to_show(study: Study) -> Report | None:
    """The report that stands, unless it waits for a data manager: nobody else meets it, no model either, until then."""
    report = newest_report(study)
    return None if report is None or waits_for_a_person(report) else report


def report_waits(study: Study) -> bool:
    """Does the report that stands wait for a data manager?"""
    report = newest_report(study)
    return report is not None and waits_for_a_person(report)


def labels_to_show(study: Study) -> dict[str, str]:
    """Density and categories by field; "" where they were read from a report that waits for a data manager."""
    waits = report_waits(study)
    return {
        name: "" if waits and study.label_sources.get(name) == "report" else str(getattr(study, name))
        for name in FIELDS
    }


def context_text(study: Study | None, context: str, language: str) -> str:
    """What the proposer reads beside the question, for a `proposer_context`; empty where there is nothing.

    Nothing of a report that waits for a data manager.
    """
    if study is None or context in (ProposerContext.NONE, ProposerContext.IMAGES):
        return ""
    if context == ProposerContext.FIELDS:
        return fields_text(study, language)
    report = report_to_show(study)
    if report is None:
        return ""
    return str(report.blanked if context == ProposerContext.BLANKED else report.cleaned)


def fields_text(study: Study, language: str) -> str:
    """Age, density and reported categories as lines `name: value`, in the question's language."""
    names = FIELD_NAMES["zh" if language == "zh" else "en"]
    colon = "：" if language == "zh" else ": "
    values: dict[str, Any] = {"age": study.age, **labels_to_show(study)}
    if values["birads_left"] or values["birads_right"]:
        values["birads_overall"] = None
    return "\n".join(
        f"{names[name]}{colon}{values[name]}" for name in names if values[name] not in (None, "")
    )


def facts_of(question: Question) -> StudyFacts:
    """What an answer to the question can contradict, and what identifies its patient."""
    study, patient = question.study, question.patient
    known = patient.roster if patient is not None else {}
    # Of a patient who was erased nothing is known any more.
    roster = dict(known) if isinstance(known, dict) else {}
    if study is None:
        return StudyFacts(roster=roster)
    return StudyFacts(**labels_to_show(study), roster=roster)


def prior_study(study: Study) -> Study | None:
    """The newest earlier study of the same patient; None where dates are not on record."""
    if study.date is None:
        return None
    earlier = Study.objects.filter(patient=study.patient, date__lt=study.date)
    return earlier.order_by("-date", "-pk").first()
