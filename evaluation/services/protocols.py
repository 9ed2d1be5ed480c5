"""Protocols: written before a trial, frozen by hash before its first judgement."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from evaluation import checklists
from evaluation.aspects import is_usable_key
from evaluation.endpoint import Endpoint, read_endpoint
from evaluation.models import Protocol
from evaluation.services.access import require_designer
from evaluation.services.power_plan import KEY
from evaluation.statistics.names import ADJUSTMENTS
from mammo.accounts import audit
from mammo.accounts.models import Site, User
from mammo.archive.models import Cohort
from mammo.core.errors import UserError, WrongStateError
from mammo.core.versions import save_versioned

FIELDS = (
    "title",
    "ethics_approval",
    "registry_number",
    "consent_basis",
    "primary_endpoint",
    "alpha",
    "multiplicity",
    "analysis_plan",
    "rules",
    "exclusions",
    "authors",
)
CHANGEABLE = (*FIELDS, "cohort")


def create_protocol(title: str, *, site: Site, by_user: User, **fields: Any) -> Protocol:
    """Make a protocol that can still be changed.

    Args:
        fields: any of CHANGEABLE; an empty adjustment (`multiplicity`) is Holm's.

    Raises:
        NotAllowedError: not a researcher of the site.
        UserError: an unknown field, an empty title, alpha outside (0, 1), an unknown adjustment, authors that are no
            text, exclusions that are no list of texts, a cohort of another site, or a primary endpoint that
            `evaluation.endpoint` does not read.
    """
    require_designer(site, by_user)
    if not fields.get("multiplicity", "holm"):
        del fields["multiplicity"]
    _check({"title": title, **fields})
    _check_cohort(site, fields.get("cohort"))
    if "rules" in fields:
        fields["rules"] = _with_kept(fields["rules"], {})
    with transaction.atomic():
        protocol = Protocol.objects.create(
            site=site, title=title.strip(), by_user=by_user, is_simulated=site.is_simulated, **fields
        )
        audit.record("evaluation.protocol_created", by_user=by_user, on=protocol, site=site)
    return protocol


def change_protocol(
    protocol: Protocol, changes: Mapping[str, Any], *, by_user: User, expected_version: int
) -> None:
    """Change fields of a protocol that is not frozen.

    Raises:
        WrongStateError: it is frozen.
        StaleVersionError: someone changed it in between.
    """
    require_designer(protocol.site, by_user)
    _check(changes)
    _check_cohort(protocol.site, changes.get("cohort"))
    with transaction.atomic():
        row = Protocol.objects.select_for_update().get(pk=protocol.pk)
        if row.frozen_at is not None:
            raise WrongStateError(_("This protocol is frozen; nothing of it can be changed."))
        changes = dict(changes)
        if "rules" in changes:
            changes["rules"] = _with_kept(changes["rules"], row.rules)
        save_versioned(protocol, expected_version=expected_version, changes=changes)
        audit.record(
            "evaluation.protocol_changed",
            by_user=by_user,
            on=protocol,
            site=protocol.site,
            fields=sorted(changes),
        )


def _with_kept(given: Mapping[str, Any], stored: Mapping[str, Any]) -> dict[str, Any]:
    """The given rules with the power calculations that are stored: no form and no call writes or drops those."""
    rules = {name: value for name, value in given.items() if name != KEY}
    return rules | {name: value for name, value in stored.items() if name == KEY}


def protocol_hash(protocol: Protocol) -> str:
    """SHA-256 over the canonical JSON of everything the protocol says."""
    document = {name: getattr(protocol, name) for name in FIELDS}
    document["cohort"] = str(protocol.cohort_id) if protocol.cohort_id else None
    text = json.dumps(document, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def require_protocol_unchanged(protocol: Protocol, name: str) -> None:
    """Let pass what is done under a frozen protocol that still says what it said when it was frozen.

    Args:
        name: of the trial or reader study that stands on it, for the message.

    Raises:
        WrongStateError: its rows were changed behind the services (endpoint, margin, alpha, rules, ...).
    """
    if protocol_hash(protocol) != protocol.frozen_sha256:
        raise WrongStateError(
            _("%(name)s: the frozen protocol was altered; compare it with a backup.") % {"name": name}
        )


def freeze_protocol(protocol: Protocol, *, by_user: User) -> Protocol:
    """Freeze a protocol by hash; freezing twice changes nothing.

    Raises:
        NotAllowedError: not a researcher of the site.
        UserError: its cohort is of another site.
    """
    require_designer(protocol.site, by_user)
    with transaction.atomic():
        row = Protocol.objects.select_for_update(of=("self",)).select_related("site").get(pk=protocol.pk)
        if row.frozen_at is None:
            _check_cohort(row.site, row.cohort)
            digest = protocol_hash(row)
            save_versioned(
                row,
                expected_version=row.version,
                changes={"frozen_at": timezone.now(), "frozen_sha256": digest},
            )
            audit.record("evaluation.protocol_frozen", by_user=by_user, on=row, site=row.site, sha256=digest)
    protocol.refresh_from_db()
    return protocol


def _check(fields: Mapping[str, Any]) -> None:
    for name, value in fields.items():
        if name not in CHANGEABLE:
            raise UserError(
                _("protocol: unknown field %(name)r; known: %(known)s")
                % {"name": name, "known": ", ".join(CHANGEABLE)}
            )
        if name == "title" and not str(value).strip():
            raise UserError(_("title: empty; give the protocol a title"))
        if name == "alpha" and not 0 < float(value) < 1:
            raise UserError(_("alpha: %(value)s is not between 0 and 1") % {"value": value})
        if name == "multiplicity" and value not in ADJUSTMENTS:
            raise UserError(
                _("multiplicity: %(name)s; known: %(known)s")
                % {"name": value, "known": ", ".join(ADJUSTMENTS)}
            )
        if name == "authors" and not isinstance(value, str):
            raise UserError(_("authors: give one text"))
        if name == "exclusions" and not (
            isinstance(value, list) and all(isinstance(one, str) for one in value)
        ):
            raise UserError(_("exclusions: give a list of texts"))
        if name == "rules":
            _check_rules(value)
        if name == "primary_endpoint":
            _check_measure(read_endpoint(value))


def _check_measure(endpoint: Endpoint | None) -> None:
    if endpoint is not None and not is_usable_key(endpoint.measure):
        raise UserError(
            _(
                "primary_endpoint: no aspect can have the key “%(key)s”; give Latin letters, digits, - and _ alone"
            )
            % {"key": endpoint.measure}
        )


def _check_cohort(site: Site, cohort: Cohort | None) -> None:
    if cohort is not None and cohort.site_id != site.pk:
        raise UserError(_("cohort: it is of another site than the protocol"))


def _check_rules(rules: Mapping[str, Any]) -> None:
    """The one rule that a report computes with: how far a degraded control is to lie below the whole answer."""
    points = rules.get("control_points", 1)
    if isinstance(points, bool) or not isinstance(points, int | float) or not 0 < points < float("inf"):
        raise UserError(_("rules: control_points is %(value)s; give points above zero") % {"value": points})


def fill_checklist(
    protocol: Protocol, filled: Mapping[str, str], *, by_user: User, expected_version: int | None = None
) -> None:
    """Write what no row can fill of a reporting checklist; it may be written after freezing, since it plans nothing.

    Args:
        filled: text by item, `<checklist>.<item>`; an empty text takes the item out.
        expected_version: of the protocol whose items the writer had before them; None does not ask.

    Raises:
        NotAllowedError: not a researcher of the site.
        StaleVersionError: someone wrote in between.
        UserError: an unknown item.
    """
    require_designer(protocol.site, by_user)
    unknown = sorted(set(filled) - set(checklists.keys()))
    if unknown:
        raise UserError(_("checklist: no item %(unknown)r") % {"unknown": unknown[0]})
    with transaction.atomic():
        row = Protocol.objects.select_for_update(of=("self",)).select_related("site").get(pk=protocol.pk)
        kept = {**row.checklist, **{key: text.strip()[:1000] for key, text in filled.items()}}
        save_versioned(
            row,
            expected_version=row.version if expected_version is None else expected_version,
            changes={"checklist": {key: text for key, text in kept.items() if text}},
        )
        audit.record("evaluation.checklist_filled", by_user=by_user, on=row, site=row.site, items=len(filled))
    protocol.refresh_from_db()
