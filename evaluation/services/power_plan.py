"""Power calculations of a design: they say why so many raters and questions were planned.

They are kept in the protocol and frozen with it; one that is made for a draft whose protocol is frozen already stands
among the trial's events.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from evaluation.models import Protocol, Trial, TrialEvent
from evaluation.services.access import locked_trial, require_designer
from mammo.accounts import audit
from mammo.accounts.models import User
from mammo.core.errors import WrongStateError
from mammo.core.versions import save_versioned

KEY = "power"
EVENT = "power"


def kept_power(rules: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The calculations among the rules of a protocol.

    Returns:
        objects with `trial` (id, empty for none), `at` (UTC), `by`, `seed`, `runs` (simulated trials per design),
        `wanted` (power, or None), `inputs` and `designs` (`raters`, `questions`, `power` with `low` and `high`).
    """
    return list(rules.get(KEY) or [])


def power_of_trial(trial: Trial) -> list[dict[str, Any]]:
    """The calculations that its protocol keeps for this trial or for none, and the last one after its freezing."""
    planned = [one for one in kept_power(trial.protocol.rules) if one["trial"] in ("", str(trial.pk))]
    later = trial.events.filter(kind=EVENT).order_by("-created_at", "-pk").values_list("details", flat=True)
    return [*planned, *later[:1]]


def keep_power(
    protocol: Protocol,
    *,
    inputs: Mapping[str, Any],
    designs: Sequence[Mapping[str, Any]],
    seed: int,
    runs: int,
    by_user: User,
    wanted: float | None = None,
    trial: Trial | None = None,
) -> bool:
    """Put a calculation into the plan, where it is frozen with the rest; the last one of a trial stands.

    Returns:
        whether the protocol keeps it: nothing is added to a frozen one, and the trial does in its stead.

    Raises:
        NotAllowedError: not a researcher of the site.
        WrongStateError: the protocol is frozen, and there is no trial or it is no draft.
    """
    require_designer(protocol.site, by_user)
    made: dict[str, Any] = {
        "trial": str(trial.pk) if trial else "",
        "at": timezone.now().strftime("%Y-%m-%d %H:%M"),
        "by": by_user.username,
        "seed": seed,
        "runs": runs,
        "wanted": wanted,
        "inputs": dict(inputs),
        "designs": [dict(design) for design in designs],
    }
    with transaction.atomic():
        row = Protocol.objects.select_for_update(of=("self",)).select_related("site").get(pk=protocol.pk)
        if row.frozen_at is not None:
            _keep_beside(trial, row, made, by_user)
            return False
        others = [one for one in kept_power(row.rules) if one["trial"] != made["trial"]]
        rules = {**row.rules, KEY: [*others, made]}
        save_versioned(row, expected_version=row.version, changes={"rules": rules})
        audit.record("evaluation.power_kept", by_user=by_user, on=row, site=row.site, **made)
    protocol.refresh_from_db()
    return True


def _keep_beside(trial: Trial | None, protocol: Protocol, made: dict[str, Any], by_user: User) -> None:
    """Put a calculation among the events of a draft whose protocol is frozen."""
    if trial is None:
        raise WrongStateError(_("This protocol is frozen; nothing of it can be changed."))
    draft = locked_trial(trial, Trial.State.DRAFT)
    TrialEvent.objects.create(
        trial=draft, kind=EVENT, by_user=by_user, details=made, is_simulated=draft.is_simulated
    )
    audit.record("evaluation.power_kept", by_user=by_user, on=draft, site=draft.site, **made)
