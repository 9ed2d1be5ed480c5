"""What a token may do. A token never does more than its account; a scope only narrows that."""

from collections.abc import Iterable

from django.db import models
from django.utils.translation import gettext_lazy as _

from mammo.accounts.models import Role


class Scope(models.TextChoices):
    """Scopes, stored with the token: never rename one."""

    READ_STUDIES = "read:studies", _("Read studies and images' metadata")
    READ_IMPORTS = "read:imports", _("Read imports, with the names of source files")
    READ_JOBS = "read:jobs", _("Read jobs and their logs")
    WRITE_JOBS = "write:jobs", _("Cancel and retry jobs")
    READ_ANNOTATION = "read:annotation", _("Read campaigns, questions, corrections and picks")
    WRITE_CAMPAIGNS = "write:campaigns", _("Run campaigns: questions, people, texts, exports, endpoints")
    WRITE_WORK = "write:work", _("Take and skip questions, practise, write remarks, flags and phrases")
    WRITE_CORRECTIONS = "write:corrections", _("Send in corrections")
    WRITE_PICKS = "write:picks", _("Pick answers")
    READ_MODELING = "read:modeling", _("Read training sets, runs and checkpoints")
    READ_TRIALS = "read:trials", _("Read trials, arms and tables")
    WRITE_TRIALS = "write:trials", _("Design and run trials and reader studies")
    READ_SCORES = "read:scores", _("Read one's own scoring forms and scores")
    WRITE_SCORES = "write:scores", _("Score one's own forms")


_EVERYBODY = frozenset(Role.values)
_ANALYSTS = frozenset({Role.RESEARCHER.value, Role.STATISTICIAN.value, Role.ADMIN.value})
USEFUL_FOR: dict[str, frozenset[str]] = {
    Scope.READ_STUDIES: _ANALYSTS | {Role.DATA_MANAGER.value},
    Scope.READ_IMPORTS: frozenset({Role.DATA_MANAGER.value}),
    Scope.READ_JOBS: _EVERYBODY,
    Scope.WRITE_JOBS: _EVERYBODY,
    Scope.READ_ANNOTATION: frozenset(
        {
            Role.JUNIOR.value,
            Role.SENIOR.value,
            Role.RESEARCHER.value,
            Role.DATA_MANAGER.value,
            Role.ADMIN.value,
        }
    ),
    Scope.WRITE_CAMPAIGNS: frozenset({Role.RESEARCHER.value, Role.DATA_MANAGER.value, Role.ADMIN.value}),
    Scope.WRITE_WORK: frozenset(
        {Role.JUNIOR.value, Role.SENIOR.value, Role.RESEARCHER.value, Role.ADMIN.value}
    ),
    Scope.WRITE_CORRECTIONS: frozenset({Role.JUNIOR.value}),
    Scope.WRITE_PICKS: frozenset({Role.SENIOR.value}),
    Scope.READ_MODELING: _ANALYSTS,
    Scope.READ_TRIALS: _ANALYSTS,
    Scope.WRITE_TRIALS: _ANALYSTS,
    Scope.READ_SCORES: frozenset({Role.SENIOR.value}),
    Scope.WRITE_SCORES: frozenset({Role.SENIOR.value}),
}


def scopes_for(roles: Iterable[str]) -> list[Scope]:
    """Scopes with which an account of these roles can reach anything at all."""
    held = set(roles)
    return [scope for scope in Scope if USEFUL_FOR[scope] & held]
