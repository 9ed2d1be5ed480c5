"""Who may look at a study's images: readers of the archive, and whoever a room has given work on that patient.

Doctors meet a woman through her questions and forms. A room says whose (`register_granter`); her other studies come
with her, since an earlier examination hangs beside the present one.
"""

from collections.abc import Callable
from typing import Any

from django.db.models import Q

from mammo.accounts.models import Role, User

# Who reads the catalogue: metadata of every study of their sites (pages and the programming interface).
CATALOGUE_ROLES = (Role.RESEARCHER, Role.DATA_MANAGER, Role.STATISTICIAN, Role.ADMIN)
# Of these, who looks at images of every study of their sites.
READER_ROLES = (Role.RESEARCHER, Role.DATA_MANAGER)

# Keys of the patients whom an account works on in a room, as a subquery.
Granter = Callable[[User], Any]
_granters: list[Granter] = []


def register_granter(granter: Granter) -> None:
    """Let an account look at the patients it works on in a room (in AppConfig.ready)."""
    if granter not in _granters:
        _granters.append(granter)


def granted(user: User, patient: str = "patient") -> Q:
    """Rows whose patient the account works on.

    Args:
        patient: the row's path to its patient.
    """
    found = Q(pk__in=[])
    for granter in _granters:
        found |= Q(**{f"{patient}__in": granter(user)})
    return found
