"""The browser of the viewer's tests."""

from tests.browser import browser, page

__all__ = ["browser", "page"]
