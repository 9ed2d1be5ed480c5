"""Which screen a reader sits at, as measured and as stated, and whether it will do."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from mammo.accounts import audit
from mammo.accounts.models import User
from mammo.archive.models import DisplayCheck, Verdict, ViewsShown
from mammo.core.attention import Notice
from mammo.core.errors import UserError

READERS = ("junior", "senior", "author")
# A window that can't hold four views and the text beside them.
SMALLEST_SCREEN = (1024, 700)
# ACR-AAPM-SIIM technical standard for electronic practice of medical imaging (2022): mammography is read on
# 5 megapixels and at 420 cd/m2 or more. Below 3 megapixels a view can't be taken in at its own resolution.
FEW_PIXELS = 3_000_000
DIM = 420
CALIBRATION_HOLDS = timedelta(days=365)
# A card of ISO/IEC 7810 ID-1 is 85.60 mm wide: outside these bounds the measurement was not of one.
PLAUSIBLE_MM_PER_PIXEL = (0.03, 0.6)
LONGEST = {"model": 120, "browser": 300, "renderer": 200}

# What forbids judging, and what only limits it; the sentences stand on the page.
FORBIDS = {
    "no_webgl": gettext_lazy("The browser has no WebGL: pictures are drawn without their curves and scale."),
    "not_decoded": gettext_lazy("The test picture could not be decoded and drawn."),
    "few_colours": gettext_lazy("The screen shows fewer than 256 greys."),
    "small_screen": gettext_lazy("The screen is too small for four views beside a text."),
    "dark_lost": gettext_lazy("The 5-percent square was not seen on black: dark findings would be lost."),
    "light_lost": gettext_lazy("The 95-percent square was not seen on white: light findings would be lost."),
}
LIMITS = {
    "few_pixels": gettext_lazy(
        "The screen has fewer than 3 megapixels: look at every view at 1:1 (the hanging's steps do)."
    ),
    "dim": gettext_lazy("The screen is darker than 420 cd/m², the least for mammography."),
    "luminance_unknown": gettext_lazy("The brightness of the screen is not known."),
    "not_calibrated": gettext_lazy("The last calibration is unknown or more than a year ago."),
    "not_measured": gettext_lazy("No card was measured: true size is not available."),
    "slow_drawing": gettext_lazy("The pictures are drawn by the processor: changes of the window are slow."),
}
SOFTWARE_RENDERERS = ("swiftshader", "llvmpipe", "software", "basic render")


@dataclass(frozen=True, kw_only=True)
class Measured:
    """What the browser found out by itself."""

    screen_width: int
    screen_height: int
    pixel_ratio: float
    colour_depth: int
    browser: str
    renderer: str
    webgl: bool
    decodes: bool


@dataclass(frozen=True, kw_only=True)
class Stated:
    """What the reader says of the screen."""

    model: str
    native_columns: int
    native_rows: int
    luminance: int | None
    calibrated_on: date | None
    dark_seen: bool
    light_seen: bool
    mm_per_device_pixel: float | None


def problems_of(measured: Measured, stated: Stated, *, today: date) -> list[str]:
    """Codes of what speaks against the screen, the forbidding ones first."""
    slow = any(name in measured.renderer.lower() for name in SOFTWARE_RENDERERS)
    calibrated = stated.calibrated_on is not None and today - stated.calibrated_on <= CALIBRATION_HOLDS
    found = {
        "no_webgl": not measured.webgl,
        "not_decoded": not measured.decodes,
        "few_colours": measured.colour_depth < 24,
        "small_screen": measured.screen_width < SMALLEST_SCREEN[0]
        or measured.screen_height < SMALLEST_SCREEN[1],
        "dark_lost": not stated.dark_seen,
        "light_lost": not stated.light_seen,
        "few_pixels": stated.native_columns * stated.native_rows < FEW_PIXELS,
        "dim": stated.luminance is not None and stated.luminance < DIM,
        "luminance_unknown": stated.luminance is None,
        "not_calibrated": not calibrated,
        "not_measured": stated.mm_per_device_pixel is None,
        "slow_drawing": measured.webgl and slow,
    }
    return [code for code, holds in found.items() if holds]


def verdict_on(problems: list[str]) -> Verdict:
    """The plain answer: one forbidding problem is a no, any other a limit."""
    if any(code in FORBIDS for code in problems):
        return Verdict.NO
    return Verdict.LIMITS if problems else Verdict.YES


def sentences_on(problems: list[str]) -> list[str]:
    """The problems in the reader's language."""
    return [str({**FORBIDS, **LIMITS}[code]) for code in problems]


def record_display(measured: Measured, stated: Stated, *, by_user: User) -> DisplayCheck:
    """Store a reader's description of the screen; judgements made at it refer to this row.

    Raises:
        UserError: the model is not stated, a number is impossible, or the calibration lies ahead.
    """
    today = timezone.localdate()
    if not stated.model.strip():
        raise UserError(_("model: say which screen this is (maker and model)"))
    if not 0 < stated.native_columns <= 20_000 or not 0 < stated.native_rows <= 20_000:
        raise UserError(_("pixels: give the screen's columns and rows, such as 2048 and 2560"))
    if stated.luminance is not None and not 10 <= stated.luminance <= 5_000:
        raise UserError(_("brightness: give cd/m² between 10 and 5000, or leave it empty"))
    if stated.calibrated_on is not None and stated.calibrated_on > today:
        raise UserError(_("calibration: this day lies ahead"))
    low, high = PLAUSIBLE_MM_PER_PIXEL
    if stated.mm_per_device_pixel is not None and not low <= stated.mm_per_device_pixel <= high:
        raise UserError(_("card: this would be no card; measure again, or leave it out"))
    problems = problems_of(measured, stated, today=today)
    values = {**vars(measured), **vars(stated)}
    values |= {name: str(values[name]).strip()[:longest] for name, longest in LONGEST.items()}
    check = DisplayCheck.objects.create(
        by_user=by_user,
        verdict=verdict_on(problems),
        problems=problems,
        is_simulated=by_user.is_simulated,
        **values,
    )
    audit.record("archive.display_described", by_user=by_user, on=check, verdict=check.verdict)
    return check


def display_of(user: User, screen: Mapping[str, Any]) -> DisplayCheck | None:
    """The newest description of the screen with this `width` and `height` by this account."""
    width, height = screen.get("width"), screen.get("height")
    if not width or not height:
        return None
    return DisplayCheck.objects.of_screen(user, int(width), int(height)).first()


def needs_description(user: User, browser: str) -> bool:
    """Whether a reader has to describe the screen at sign-in.

    So it is where that was never done in this browser, or over a month ago, or where the newest description there
    says that this computer will not do.
    """
    if not user.has_role(*READERS):
        return False
    since = timezone.now() - timedelta(days=30)
    checks = DisplayCheck.objects.filter(by_user=user, browser=browser[:300], created_at__gte=since)
    newest = checks.order_by("-created_at").first()
    return newest is None or newest.verdict == Verdict.NO


def hindrance(user: User) -> str:
    """What will keep this account from sending in judgements, as far as it shows before the pictures are there.

    Which of several screens somebody sits at the viewer alone finds out; so nothing is said once one of them will do.

    Returns:
        "" for nothing, "undescribed", or "refused".
    """
    newest: dict[tuple[int, int], str] = {}
    rows = DisplayCheck.objects.filter(by_user=user).order_by("created_at")
    for width, height, verdict in rows.values_list("screen_width", "screen_height", "verdict"):
        newest[width, height] = verdict
    if not newest:
        return "undescribed"
    return "refused" if set(newest.values()) == {Verdict.NO.value} else ""


def notices(user: User) -> Iterator[Notice]:
    """What a reader's home page says of the display: nothing will be sent in from it before something is done."""
    said = _said_of_display(user) if user.has_role(*READERS) else ""
    if said:
        way = f"{reverse('archive:display')}?next={reverse('home')}"
        yield Notice(text=said, url=way, label=_("This display"))


def _said_of_display(user: User) -> str:
    found = hindrance(user)
    if found == "refused":
        return _("This display will not do for judging: nothing can be sent in from it.")
    if found == "undescribed":
        return _(
            "This display is not described yet: nothing can be sent in before you say what you read on. "
            "It takes two minutes."
        )
    last = ViewsShown.objects.filter(by_user=user).order_by("-created_at").first()
    if last is not None and last.display_id is None and display_of(user, last.screen) is None:
        return _(
            "The screen on which you last opened a case is not described: nothing can be sent in from it."
        )
    return ""


def first_stop(request: HttpRequest) -> str:
    """At sign-in a reader describes the screen, where that was not done in this browser for a month."""
    user = request.user
    if isinstance(user, User) and needs_description(user, request.headers.get("User-Agent", "")):
        return f"{reverse('archive:display')}?next={reverse('home')}"
    return ""


def screens_of(user: User) -> list[dict[str, float]]:
    """Sizes of the account's measured screens: width, height (CSS pixels) and mm per device pixel, newest first."""
    rows = DisplayCheck.objects.filter(by_user=user).order_by("-created_at")
    found: dict[tuple[int, int], dict[str, float]] = {}
    for row in rows.exclude(mm_per_device_pixel=None)[:50]:
        size = {
            "width": row.screen_width,
            "height": row.screen_height,
            "mm_per_device_pixel": float(row.mm_per_device_pixel or 0),
        }
        found.setdefault((row.screen_width, row.screen_height), size)
    return list(found.values())
