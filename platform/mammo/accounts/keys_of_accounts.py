"""What opens an account beside its password and factors: a room that gives such keys says how they are seen and end."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.models import Session
from django.utils import timezone

from mammo.accounts.models import User


@dataclass(frozen=True)
class StandingKey:
    """One key that opens the account now, as its administrators see it."""

    name: str
    scopes: list[str]
    expires_at: datetime
    last_used_at: datetime | None


@dataclass(frozen=True)
class Keys:
    """A room's keys of an account.

    Attributes:
        standing: those that open it now.
        end: ends them, on record with the person who does it and a reason; says how many.
    """

    standing: Callable[[User], list[StandingKey]]
    end: Callable[[User, User | None, str], int]


_KEYS: list[Keys] = []


def register_keys(keys: Keys) -> None:
    """Called from AppConfig.ready by the room that gives them."""
    _KEYS.append(keys)


def standing_keys(user: User) -> list[StandingKey]:
    """Every key that opens this account now."""
    return [key for keys in _KEYS for key in keys.standing(user)]


def end_keys(user: User, *, by_user: User | None, reason: str) -> int:
    """End every key of this account; returns how many."""
    return sum(keys.end(user, by_user, reason) for keys in _KEYS)


def end_sign_ins(user: User) -> int:
    """End the sessions in which this account is signed in; returns how many."""
    live = Session.objects.filter(expire_date__gt=timezone.now())
    own = [each.pk for each in live.iterator() if each.get_decoded().get(SESSION_KEY) == str(user.pk)]
    return Session.objects.filter(pk__in=own).delete()[0]
