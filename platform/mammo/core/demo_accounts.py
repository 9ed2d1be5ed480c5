"""Sign-ins that the sign-in page shows: in the demo only."""

from dataclasses import dataclass

from django.conf import settings
from django.utils.functional import Promise


@dataclass(frozen=True, kw_only=True)
class DemoAccount:
    """A sign-in for visitors; what it may do is told in one short sentence."""

    username: str
    password: str
    role: str | Promise
    does: str | Promise = ""


_accounts: list[DemoAccount] = []


def show_account(account: DemoAccount) -> None:
    """Offer an account on the sign-in page of the demo."""
    if account not in _accounts:
        _accounts.append(account)


def shown_accounts() -> list[DemoAccount]:
    """The offered accounts; none unless the demo runs."""
    return list(_accounts) if getattr(settings, "MAMMO_DEMO", False) else []
