"""Work that is judged on mammograms: each room says how to find its own, for whoever may do it now."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from uuid import UUID

from mammo.accounts.models import User
from mammo.archive.models import Image, Study


@dataclass(frozen=True)
class JudgedWork:
    """One piece of work as an account may do it now.

    Attributes:
        images: the study's images by the names under which the work's viewer knows them.
    """

    study: Study
    images: Mapping[str, Image]


Find = Callable[[User, UUID], JudgedWork | None]
_KINDS: dict[str, Find] = {}


def register_judged_work(kind: str, find: Find) -> None:
    """Called once per kind from AppConfig.ready; `find` gives None for unknown and forbidden work alike."""
    _KINDS[kind] = find


def find_work(kind: str, task: UUID, user: User) -> JudgedWork | None:
    """The work, if its room lets this account do it now; None for an unknown kind too."""
    find = _KINDS.get(kind)
    return find(user, task) if find is not None else None


def images_by_key(study: Study) -> dict[str, Image]:
    """The images under the names that `viewer_json` gives where a room gives none of its own."""
    return {str(image.pk): image for image in study.images.all()}
