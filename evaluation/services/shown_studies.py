"""What is shown of a study beside a frozen question or case: which report, which images, fixed at freezing."""

from collections.abc import Iterable
from typing import Any

from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _

from annotation.services.study_context import newest_report, report_to_show, report_waits
from evaluation.models import PracticeItem, ReaderStudyCase, TrialQuestion
from mammo.archive.models import Image, Report, Study
from mammo.archive.picture_holders import taken_out_for_text
from mammo.archive.pseudonyms import installation
from mammo.core.encryption import ErasedText
from mammo.core.errors import WrongStateError

REPORT, REPORT_SHA256, IMAGES = "report", "report_sha256", "images"
Shown = TrialQuestion | PracticeItem | ReaderStudyCase


def images_in_order(study: Study, earlier: Study | None = None) -> list[Image]:
    """A study's images as they stand today; those of the earlier study come last."""
    present = study.images.order_by("acquired_order", "created_at")
    before = earlier.images.order_by("acquired_order", "created_at") if earlier is not None else ()
    return [*present, *before]


def fixed_today(
    study: Study | None, earlier: Study | None, *, shows_report: bool, shows_images: bool = True
) -> dict[str, Any]:
    """What a freezing keeps: id and keyed hash of the report, ids and hashes of the images in their order.

    Returns:
        empty without a study, so that a question of texts alone is judged by its texts.

    Raises:
        WrongStateError: the report waits for a data manager: raters would be shown what nobody has confirmed.
    """
    if study is None:
        return {}
    if shows_report and report_waits(study):
        raise WrongStateError(
            _(
                "%(patient)s: the report that is to be shown waits for a data manager; have it read, then freeze"
            )
            % {"patient": study.patient.pseudonym}
        )
    report = newest_report(study) if shows_report else None
    images = images_in_order(study, earlier) if shows_images else []
    return {
        REPORT: str(report.pk) if report is not None else "",
        REPORT_SHA256: _text_hash(report) if report is not None else "",
        IMAGES: [[str(image.pk), image.viewing_copy_sha256] for image in images],
    }


def report_hash_today(study: Study | None) -> str:
    """Keyed hash of the report that would be shown now; empty where there is none, or it waits for a data manager."""
    report = report_to_show(study) if study is not None else None
    return _text_hash(report) if report is not None else ""


def _text_hash(report: Report) -> str:
    return installation().text_hash(str(report.blanked))


def shown_report(row: Shown, study: Study | None, *, shows_report: bool) -> str:
    """The report beside a question or case: the one fixed at freezing, in a draft the one that stands.

    Raises:
        WrongStateError: its text is no longer that of the freezing.
    """
    if study is None or not shows_report:
        return ""
    if not row.shown:
        # A draft, or frozen before this was kept.
        standing = report_to_show(study)
        return str(standing.blanked) if standing is not None else ""
    if not row.shown[REPORT]:
        return ""
    report = Report.objects.filter(pk=row.shown[REPORT]).first()
    _require_report(row, report)
    return str(report.blanked) if report is not None else ""


def shown_images(row: Shown, study: Study, earlier: Study | None = None) -> list[Image]:
    """The images beside a question or case: those fixed at freezing, in a draft those that stand.

    Raises:
        WrongStateError: one of them is gone or is another picture; images that came later are not shown.
    """
    if not row.shown:
        return images_in_order(study, earlier)
    fixed = row.shown[IMAGES]
    found = {str(image.pk): image for image in Image.objects.filter(pk__in=[pk for pk, _sha in fixed])}
    _require_images(row, found, set())
    return [found[pk] for pk, _sha in fixed]


def require_all_shown(rows: Iterable[Shown], *, reports: bool = False) -> None:
    """Let questions or cases pass of which raters are shown what was fixed; rows without it are not judged.

    A picture that the archive itself took out, since there is text on it, is no alteration: what was judged before
    stands, and nothing more is judged without it (`picture_left_at`).

    Args:
        rows: of patients who did not withdraw: the pictures of the others are gone.
        reports: judge the reports too.

    Raises:
        WrongStateError: a report or an image is not the frozen one.
    """
    fixed = [row for row in rows if row.shown]
    images = {pk for row in fixed for pk, _sha in row.shown[IMAGES]}
    found = {str(image.pk): image for image in Image.objects.filter(pk__in=images)} if images else {}
    names = {row.shown[REPORT] for row in fixed if row.shown[REPORT]} if reports else set()
    texts = {str(report.pk): report for report in Report.objects.filter(pk__in=names)} if names else {}
    gone = images - found.keys()
    taken_out = {str(key) for key in taken_out_for_text(gone)} if gone else set()
    for row in fixed:
        _require_images(row, found, taken_out)
        if reports and row.shown[REPORT]:
            _require_report(row, texts.get(row.shown[REPORT]))


def hold_pictures(studies: Iterable[Study | None]) -> None:
    """Keep the studies' pictures where they are until the freezing that fixes them ends: whoever takes one out waits,
    and then finds which questions and cases show it. Called inside the freezing's transaction."""
    there = Image.objects.filter(study__in={study.pk for study in studies if study is not None})
    # In one order for all, so that two freezings never wait for each other.
    list(there.order_by("pk").select_for_update().values_list("pk", flat=True))


def mark_left_picture(image: Image) -> None:
    """Note at every frozen question and case that shows a picture that it leaves its study for text on it.

    Their forms that are not scored yet are passed over from now on. Called inside the transaction in which it leaves.
    """
    # A freezing that fixes it at this moment ends first.
    Image.objects.select_for_update().filter(pk=image.pk).first()
    of_study = Q(earlier=image.study_id)
    questions = TrialQuestion.objects.filter(of_study | Q(question__study=image.study_id))
    cases = ReaderStudyCase.objects.filter(of_study | Q(study=image.study_id))
    for rows in (questions, cases):
        fixed = rows.filter(picture_left_at=None).values_list("pk", "shown")
        showing = [pk for pk, shown in fixed if _shows(shown, image)]
        rows.filter(pk__in=showing).update(picture_left_at=timezone.now())


def _shows(shown: dict[str, Any], image: Image) -> bool:
    return any(pk == str(image.pk) for pk, _sha in shown.get(IMAGES, ()))


def _require_images(row: Shown, found: dict[str, Image], taken_out: set[str]) -> None:
    for pk, sha256 in row.shown[IMAGES]:
        if pk in taken_out:
            continue
        if pk not in found or found[pk].viewing_copy_sha256 != sha256:
            raise WrongStateError(
                _("An image that is shown here is not the frozen one: tell the researcher of the study.")
            )


def _require_report(row: Shown, report: Report | None) -> None:
    is_erased = report is not None and isinstance(report.blanked, ErasedText)
    if not is_erased and (report is None or _text_hash(report) != row.shown[REPORT_SHA256]):
        raise WrongStateError(
            _("The report that is shown here is not the frozen one: tell the researcher of the study.")
        )
