"""The browser that pictures and browser tests use: where a Chromium lies, and what it is started with."""

from pathlib import Path

# The one without windows first: the same engine for a fifth less time.
BROWSERS = (
    "/usr/bin/chromium-headless-shell", "/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome",
)  # fmt: skip
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
NONE_INSTALLED = "no Chromium is installed (Debian: apt-get install chromium-headless-shell fonts-noto-cjk)"


def installed() -> str | None:
    """Path of the first of `BROWSERS` that this machine has; None: of none."""
    return next((path for path in BROWSERS if Path(path).exists()), None)
