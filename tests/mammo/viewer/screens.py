"""Screens as readers describe them, and views as a viewer reports them, for tests."""

from datetime import timedelta
from typing import Any
from uuid import UUID

from django.utils import timezone

from mammo.accounts.models import User
from mammo.archive.displays import Measured, Stated, record_display
from mammo.archive.judged_work import JudgedWork, images_by_key
from mammo.archive.models import DisplayCheck, Study, ViewsShown
from mammo.archive.views_shown import record_views

# The size of the pages of tests/browser.py.
WIDTH, HEIGHT = 1400, 1000


def measured(**changed: Any) -> Measured:
    """What a good browser on a good computer says of itself."""
    values: dict[str, Any] = {
        "screen_width": WIDTH, "screen_height": HEIGHT, "pixel_ratio": 1.0, "colour_depth": 24,
        "browser": "Chromium", "renderer": "a graphics card", "webgl": True, "decodes": True,
    }  # fmt: skip
    return Measured(**(values | changed))


def stated(**changed: Any) -> Stated:
    """What a reader says of a mammography screen in order."""
    values: dict[str, Any] = {
        "model": "Maker M5", "native_columns": 2048, "native_rows": 2560, "luminance": 500,
        "calibrated_on": timezone.localdate() - timedelta(days=30), "dark_seen": True, "light_seen": True,
        "mm_per_device_pixel": 0.165,
    }  # fmt: skip
    return Stated(**(values | changed))


def describe(user: User, **changed: Any) -> DisplayCheck:
    """Describe the screen of the tests' browser."""
    return record_display(measured(), stated(**changed), by_user=user)


def report(study: Study, **changed: Any) -> dict[str, Any]:
    """What a viewer reports that has all images of the study on screen."""
    return {
        "shown": [str(image.pk) for image in study.images.all()],
        "unavailable": {},
        "webgl": True,
        "screen": {"width": WIDTH, "height": HEIGHT, "pixel_ratio": 1},
        "seconds": 2.5,
    } | changed


def put_on_screen(user: User, kind: str, task: UUID, study: Study, **changed: Any) -> ViewsShown:
    """Report all images of the study as shown, or what `changed` says instead."""
    work = JudgedWork(study, images_by_key(study))
    return record_views(work, kind, task, by_user=user, report=report(study, **changed))
