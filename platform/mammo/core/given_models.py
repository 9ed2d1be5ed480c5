"""Which models on the server a person on a page or a program from afar may name: those of the site alone.

Commands on the server may name any path; their reader has the files before them anyway. Which models a site has is
known by the room of models, which registers it here: rooms below it ask too.
"""

from collections.abc import Callable, Mapping
from typing import Any
from uuid import UUID

from django.utils.translation import gettext as _

from mammo.core.errors import UserError

# Whether a path leads to a model of the site with this id.
KnowsModel = Callable[[str, UUID], bool]
_knowing: list[KnowsModel] = []


class UnknownModelError(UserError):
    """A model that may not be named; `said` is the message without the field, for a form that shows it beside it."""

    def __init__(self, field: str, said: str) -> None:
        super().__init__(_("%(field)s: %(said)s") % {"field": field, "said": said})
        self.said = said


def register_models(knows: KnowsModel) -> None:
    """Let a room say which models a site has (in AppConfig.ready)."""
    if knows not in _knowing:
        _knowing.append(knows)


def require_known_model(spec: Mapping[str, Any], site_id: UUID, *, field: str, instead_of_file: str) -> None:
    """Let a system's spec pass whose path leads to a checkpoint of the site, below MAMMO_MODELS, or is a hub name.

    Args:
        spec: of an answering system: `kind`, and `path` where it lies in files.
        field: what the caller calls the spec.
        instead_of_file: what to do where the spec names a file of answers, in the reader's language.

    Raises:
        UnknownModelError: a file of answers on the server, a path that is no text, or one that leads elsewhere, be it
            by `..` or by a link.
    """
    if "path" not in spec:
        return
    path = spec["path"]
    if spec.get("kind") == "file":
        said = _("a file on the server can't be named here; %(instead)s") % {"instead": instead_of_file}
        raise UnknownModelError(field, said)
    if not isinstance(path, str) or "\0" in path:
        raise UnknownModelError(field, _("give the path as text"))
    if not any(knows(path, site_id) for knows in _knowing):
        said = _(
            "%(path)s is no model of this site; name a folder below MAMMO_MODELS, a hub name or a checkpoint"
        )
        raise UnknownModelError(field, said % {"path": path})
