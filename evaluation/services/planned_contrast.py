"""Whether the primary endpoint of a protocol names what a trial or a reader study has: a measure and two sides."""

from collections.abc import Sequence

from django.utils.translation import gettext as _

from evaluation.conditions import condition_keys, condition_names
from evaluation.endpoint import Endpoint, read_endpoint
from evaluation.models import Arm, Aspect, Protocol, ReaderStudy, Trial
from evaluation.statistics.names import READER_ENDPOINTS
from mammo.core.errors import UserError


def contrast_obstacles(trial: Trial, arms: Sequence[Arm]) -> list[str]:
    """What of the planned contrast a trial of these arms does not have, one sentence each; it names arms.

    Sides are looked at once there are two arms to compare. A protocol that stands behind a reader study too and plans a
    contrast of readings plans none of the trial.
    """
    endpoint, found = _read(trial.protocol)
    if endpoint is None:
        return found
    if endpoint.measure.lower() in READER_ENDPOINTS and trial.protocol.reader_studies.exists():
        return []
    aspects = list(trial.aspects.order_by("position").values_list("key", flat=True))
    if endpoint.measure not in aspects:
        found.append(
            _(
                "The protocol's primary endpoint measures “%(measure)s”, which is no aspect of this trial (%(known)s): "
                "give the trial that aspect, or take a protocol that plans another."
            )
            % {"measure": endpoint.measure, "known": ", ".join(aspects)}
        )
    names = [arm.name for arm in arms]
    missing = [side for side in (endpoint.first, endpoint.second) if side and side not in names]
    return found + ([_of_no_arm(trial, side, names) for side in missing] if len(arms) > 1 else [])


def _of_no_arm(trial: Trial, side: str, names: list[str]) -> str:
    if trial.arms.filter(name=side).exists():
        return _(
            "The protocol's primary contrast names arm “%(arm)s”, which is left out: take a protocol that plans "
            "another contrast."
        ) % {"arm": side}
    return _(
        "The protocol's primary contrast names “%(name)s”, which is no arm of this trial (%(known)s): name an arm so, "
        "or take a protocol that plans another contrast."
    ) % {"name": side, "known": ", ".join(names)}


def reading_contrast_obstacles(study: ReaderStudy) -> list[str]:
    """What of the planned contrast a reader study does not have, one sentence each.

    A protocol that stands behind a trial with the aspect that it plans a contrast of plans none of the study.
    """
    endpoint, found = _read(study.protocol)
    if endpoint is None:
        return found
    if Aspect.objects.filter(trial__protocol=study.protocol, key=endpoint.measure).exists():
        return []
    if endpoint.measure.lower() not in READER_ENDPOINTS:
        found.append(
            _(
                "The protocol's primary endpoint measures “%(measure)s”, which is none of a reader study (%(known)s): "
                "take a protocol that plans one of them."
            )
            % {"measure": endpoint.measure, "known": ", ".join(READER_ENDPOINTS)}
        )
    keys, known = condition_keys(study.conditions), ", ".join(condition_names(study.conditions).values())
    sides = [side for side in (endpoint.first, endpoint.second) if side]
    found += [
        _(
            "The protocol's primary contrast names “%(name)s”, which is no condition of this study (%(known)s): take a "
            "protocol that plans a contrast of them."
        )
        % {"name": side, "known": known}
        for side in sides
        if side not in keys
    ]
    if len(sides) == 2 and keys.get(sides[0], sides[0]) == keys.get(sides[1], sides[1]):
        found.append(
            _(
                "The protocol's primary contrast names one condition twice (%(first)s, %(second)s): take a protocol "
                "that plans a contrast of two."
            )
            % {"first": sides[0], "second": sides[1]}
        )
    return found


def _read(protocol: Protocol) -> tuple[Endpoint | None, list[str]]:
    """The endpoint, or why it can't be read; neither where none is planned."""
    try:
        return read_endpoint(protocol.primary_endpoint), []
    except UserError as error:
        return None, [_("The protocol's primary endpoint can't be read: %(why)s.") % {"why": error}]
