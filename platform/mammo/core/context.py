"""What every page's template is given."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse
from django.utils.functional import SimpleLazyObject

from mammo.core.demo_accounts import shown_accounts
from mammo.core.navigation import Link, Menu, links_for, menus_of


def _sign_in_url() -> str:
    try:
        return reverse("account_login")
    except NoReverseMatch:
        return ""


def navigation(request: HttpRequest) -> dict[str, Any]:
    """Navigation by role and the names that the page scripts need.

    Keys: `navigation` (list of Link, read from the database only by a page that shows it), `menus` and
    `places` (the same as the bar shows them, gathered and one by one), `demo_accounts`, `sign_in_url`,
    `csrf_cookie_name`, `is_demo`.
    """
    user = getattr(request, "user", None)

    def links() -> list[Link]:
        if user is None or not user.is_authenticated:
            return []
        return links_for(user, request.path)

    found = SimpleLazyObject(links)

    def menus() -> list[Menu]:
        return menus_of(list(found))

    def places() -> list[Link]:
        return [link for menu in menus_of(list(found)) for link in menu.links]

    return {
        "navigation": found,
        "menus": SimpleLazyObject(menus),
        "places": SimpleLazyObject(places),
        "demo_accounts": SimpleLazyObject(shown_accounts),
        "sign_in_url": _sign_in_url(),
        "csrf_cookie_name": settings.CSRF_COOKIE_NAME,
        "is_demo": bool(settings.MAMMO_DEMO),
    }
