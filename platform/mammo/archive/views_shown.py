"""The record of what was on screen when somebody judged: no judgement without it (docs/decisions/0017).

A viewer reports the views it has on screen, and those that its reader declared unavailable with a reason. The
views through which people judge ask `judging` first, which refuses until the record is whole; what it returns
leaves with every judgement the views and the display that it was made on.
"""

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any
from uuid import UUID

from django.db import models
from django.utils.translation import gettext as _

from mammo.accounts.models import User
from mammo.archive.displays import display_of
from mammo.archive.judged_work import JudgedWork
from mammo.archive.models import (
    DECLARABLE,
    Image,
    JudgedOnScreen,
    Study,
    Unavailable,
    Verdict,
    ViewsShown,
)
from mammo.core.errors import UserError, WrongStateError

EXPECTED = ("RCC", "LCC", "RMLO", "LMLO")
# What is kept of the screen that a viewer reports, and between which bounds.
SCREEN = {
    "width": 20_000,
    "height": 20_000,
    "pixel_ratio": 20,
    "window_width": 20_000,
    "window_height": 20_000,
}
LONGEST_LOAD_SECONDS = 3600.0

Judged = Callable[[Any], Any]


class ViewsNotShownError(WrongStateError):
    """A judgement without the pictures on screen; says what lacks."""


def view_of(image: Image) -> str:
    """View of an image in a hanging; a close-up CC is no CC of the standard four: it is CC+."""
    return f"{image.view}+" if image.is_extra and image.view in ("CC", "MLO") else image.view


def views_of(images: Iterable[Image]) -> dict[str, list[str]]:
    """Every view that a judgement rests on: the standard four and all others among the images that its work shows.

    Returns:
        Keys of the images by view, such as RCC; an empty list where a standard view is not among them.
    """
    found: dict[str, list[str]] = {name: [] for name in EXPECTED}
    for image in images:
        found.setdefault(image.laterality + view_of(image), []).append(str(image.pk))
    return found


def record_views(
    work: JudgedWork, kind: str, task: UUID, *, by_user: User, report: Mapping[str, Any]
) -> ViewsShown:
    """Store what a viewer reports.

    Args:
        report: `shown` (names of images), `unavailable` (view: code of the reason), `webgl`, `screen`
            (width, height in CSS pixels, pixel_ratio, window_width, window_height), `seconds`.

    Raises:
        UserError: an image or view is not of this study, or a reason is none of the known ones.
    """
    shown = _names(report.get("shown"), "shown")
    strangers = sorted(set(shown) - set(work.images))
    if strangers:
        raise UserError(_("shown: “%(name)s” is no image of this study") % {"name": strangers[0]})
    screen = _screen(report.get("screen"))
    views = views_of(work.images.values())
    return ViewsShown.objects.create(
        by_user=by_user,
        kind=kind,
        task=task,
        study=work.study,
        display=display_of(by_user, screen),
        shown=sorted({str(work.images[name].pk) for name in shown}),
        unavailable=_unavailable(report.get("unavailable"), views),
        webgl=report.get("webgl") is True,
        screen=screen,
        seconds=_between(report.get("seconds"), LONGEST_LOAD_SECONDS),
        is_simulated=by_user.is_simulated or work.study.is_simulated,
    )


def _names(given: Any, field: str) -> list[str]:
    if not isinstance(given, list) or not all(isinstance(name, str) for name in given) or len(given) > 500:
        raise UserError(_("%(field)s: give a list of names") % {"field": field})
    return given


def _unavailable(given: Any, views: Mapping[str, list[str]]) -> dict[str, str]:
    declared = {} if given is None else given
    if not isinstance(declared, dict):
        raise UserError(_("unavailable: give a reason for each view"))
    for view, reason in declared.items():
        if view not in views or reason not in DECLARABLE:
            raise UserError(_("unavailable: “%(view)s” or its reason is unknown") % {"view": str(view)[:20]})
    absent = {view: Unavailable.NOT_IN_STUDY.value for view, images in views.items() if not images}
    return {**declared, **absent}


def _screen(given: Any) -> dict[str, float]:
    found = given if isinstance(given, dict) else {}
    measured = {name: _between(found.get(name), top) for name, top in SCREEN.items()}
    return {name: value for name, value in measured.items() if value is not None}


def _between(value: Any, top: float) -> float | None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    return round(float(value), 4) if is_number and 0 <= value <= top else None


def standing_views(kind: str, task: UUID, by_user: User, study: Study) -> ViewsShown | None:
    """What this account's viewer last reported for this work."""
    rows = ViewsShown.objects.filter(by_user=by_user, kind=kind, task=task, study=study)
    return rows.select_related("display").order_by("-created_at").first()


def refusal(views: ViewsShown | None, images: Iterable[Image]) -> str:
    """Why nothing can be judged on these views, for the person at the screen; empty: it can.

    Args:
        images: all that the work shows of its study.
    """
    if views is None:
        return _("The pictures of this case were not on your screen yet: open the page again.")
    if not views.webgl:
        return _("This browser has no WebGL: it shows the pictures in a reduced way. Judge in another one.")
    if views.display is None:
        return _("This display is not described yet: open “This display” and say what you read on.")
    if views.display.verdict == Verdict.NO:
        return _("This display will not do for judging; “This display” says why.")
    shown = set(views.shown)
    # A view that was not in the study then, and is now, was not declared by anybody.
    declared = {view for view, reason in views.unavailable.items() if reason != Unavailable.NOT_IN_STUDY}
    lacking = [
        view
        for view, keys in views_of(images).items()
        if keys and not shown.intersection(keys) and view not in declared
    ]
    if lacking:
        return _("Not on your screen yet: %(views)s. Show them, or say why they are unavailable.") % {
            "views": ", ".join(lacking)
        }
    return ""


def judging(
    kind: str, task: UUID, *, by_user: User, study: Study | None, images: Iterable[Image] | None = None
) -> Judged:
    """Let a person's judgement pass once each view was on screen or declared unavailable.

    For what people send in by page or programming interface, inside the request's transaction; scripts call the
    services themselves. A case without a study has no views to show.

        judged = judging("question", question.pk, by_user=user, study=question.study)
        judged(corrections.submit_corrections(...))

    Args:
        images: those that the work shows, where a frozen design says which: a view imported later is none of them,
            and nobody is asked for it. All that the study holds now when not given.

    Returns:
        A function that notes on which views its argument (a row, or a sequence of rows) was made, and returns it.

    Raises:
        ViewsNotShownError: a view, the display or WebGL lacks.
    """
    if study is None:
        return lambda made: made
    views = standing_views(kind, task, by_user, study)
    why_not = refusal(views, study.images.all() if images is None else images)
    if views is None or why_not:
        raise ViewsNotShownError(why_not)
    return lambda made: _note(views, made)


def _note(views: ViewsShown, made: Any) -> Any:
    rows: Iterable[models.Model] = [made] if isinstance(made, models.Model) else made
    JudgedOnScreen.objects.bulk_create(
        JudgedOnScreen(views=views, judgement_type=row._meta.label_lower, judgement=row.pk) for row in rows
    )
    return made


def screen_behind(judgement: models.Model) -> JudgedOnScreen | None:
    """The views, and through them the display, on which a judgement was made; None for scripts' and texts'."""
    rows = JudgedOnScreen.objects.filter(
        judgement_type=judgement._meta.label_lower, judgement=judgement.pk
    ).select_related("views__display")
    return rows.first()
