"""A real Chromium for the pages of evaluation."""

from tests.browser import browser, page

__all__ = ["browser", "page"]
