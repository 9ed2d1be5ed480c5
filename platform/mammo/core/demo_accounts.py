"""Sign-ins that the sign-in page shows: in the demo only, from MAMMO_HOME/demo/signins.json."""

import json
import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from django.conf import settings
from django.utils.translation import gettext


@dataclass(frozen=True, kw_only=True)
class DemoAccount:
    """A sign-in for visitors; `role` and `does` (one sentence) are English and translated when shown."""

    username: str
    password: str
    role: str
    does: str = ""


def signins_path() -> Path:
    """Where the sign-ins lie; the file's being there is what makes an installation a demo."""
    return Path(settings.MAMMO_HOME) / "demo" / "signins.json"


def show_accounts(accounts: Iterable[DemoAccount]) -> None:
    """Offer these accounts, and no others, on the sign-in page of the demo."""
    path = signins_path()
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    with fresh.open("w", encoding="utf-8") as file:
        json.dump([asdict(account) for account in accounts], file, ensure_ascii=False, indent=1)
        file.flush()
        os.fsync(file.fileno())
    fresh.chmod(0o600)
    os.replace(fresh, path)


def shown_accounts() -> list[DemoAccount]:
    """The offered accounts in the reader's language; none unless the demo runs."""
    if not settings.MAMMO_DEMO:
        return []
    try:
        rows = json.loads(signins_path().read_text(encoding="utf-8"))
    except FileNotFoundError:
        return []
    return [_in_the_readers_language(DemoAccount(**row)) for row in rows]


def _in_the_readers_language(account: DemoAccount) -> DemoAccount:
    role, does = account.role, account.does
    return replace(account, role=gettext(role), does=gettext(does) if does else "")
