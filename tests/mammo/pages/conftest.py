"""The browser of the page shell's tests."""

from tests.browser import browser, page

__all__ = ["browser", "page"]
