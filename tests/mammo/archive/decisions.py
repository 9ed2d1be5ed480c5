"""What a data manager decides about quarantined files, as the page does it."""

from typing import Any

from mammo.accounts.models import User
from mammo.archive import quarantine
from mammo.archive.models import ImportItem


def release(item: ImportItem, *, reason: str, by_user: User, **judged: Any) -> ImportItem:
    """Read the file as judged (`quarantine.read_again`), then import it; its new item."""
    with quarantine.read_again(item, by_user=by_user, **judged) as read:
        return quarantine.release(item, read, reason=reason, by_user=by_user)
