"""Endpoints outside this machine: approved by another person, for a time, and every transmission on record."""

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any
from urllib.parse import urlsplit

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from annotation.models import EndpointApproval, NewsKind, Question, Transmission
from annotation.services.access import require_researcher
from annotation.services.news import tell
from mammo.accounts import audit
from mammo.accounts.models import Membership, Site, User
from mammo.core.errors import NotAllowedError, UserError, WrongStateError
from mammo.jobs.models import Job

_HOST = re.compile(r"^[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?(?::\d{1,5})?$|^\[[0-9a-f:]+\](?::\d{1,5})?$")
ENDPOINT_KIND = "openai"


def host_of(spec: Mapping[str, Any]) -> str:
    """Host and port of a spec's `base_url`, in lower case.

    Raises:
        UserError: there is no such address.
    """
    parts = urlsplit(str(spec.get("base_url") or ""))
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise UserError(_("proposer.base_url: give an address such as https://llm.example.org/v1"))
    return parts.netloc.rpartition("@")[2].lower()


def ask_approval(
    site: Site,
    *,
    by_user: User,
    host: str,
    country: str,
    reason: str,
    expires_on: date,
    with_images: bool = False,
) -> EndpointApproval:
    """Ask that cleaned texts may be sent to an endpoint; another person decides.

    Raises:
        NotAllowedError: not a researcher of the site.
        UserError: a field can't be used.
    """
    require_researcher(site, by_user)
    named = host.strip().lower()
    if not _HOST.match(named):
        raise UserError(_("host: give a host name, with its port where it is not the usual one"))
    if not re.fullmatch(r"[A-Za-z]{2}", country.strip()):
        raise UserError(_("country: give the two letters of the country to which the texts go, such as CN"))
    if not reason.strip():
        raise UserError(_("reason: empty; say what it is used for and under which agreement"))
    if expires_on < timezone.localdate():
        raise UserError(_("expires_on: this day is over; give a later one"))
    with transaction.atomic():
        row = EndpointApproval.objects.create(
            site=site,
            host=named,
            country=country.strip().upper(),
            with_images=with_images,
            reason=reason.strip()[:500],
            asked_by=by_user,
            expires_on=expires_on,
        )
        tell(approvers_of(site, by_user), NewsKind.APPROVAL, by_user=by_user)
        audit.record(
            "annotation.endpoint_asked",
            by_user=by_user,
            on=row,
            site=site,
            host=named,
            country=row.country,
            with_images=with_images,
        )
    return row


def approvers_of(site: Site, asked_by: User) -> list[User]:
    """Administrators and data managers of the site who did not ask themselves."""
    held = Membership.objects.filter(site=site, role__in=("admin", "data_manager"))
    return list(User.objects.filter(pk__in=held.values("user"), is_active=True).exclude(pk=asked_by.pk))


def decide(row: EndpointApproval, *, by_user: User, approve: bool) -> EndpointApproval:
    """Approve or refuse; never the person who asked.

    Raises:
        NotAllowedError: neither administrator nor data manager of the site.
        WrongStateError: they asked themselves, or it was decided already.
    """
    _require_approver(row.site, by_user)
    with transaction.atomic():
        row = EndpointApproval.objects.select_for_update(of=("self",)).select_related("site").get(pk=row.pk)
        if row.asked_by_id == by_user.pk:
            raise WrongStateError(_("Another person than the one who asked must decide."))
        if row.state != EndpointApproval.State.ASKED:
            raise WrongStateError(_("This was decided already."))
        _move(row, EndpointApproval.State.APPROVED if approve else EndpointApproval.State.REFUSED, by_user)
    return row


def revoke(row: EndpointApproval, *, by_user: User) -> EndpointApproval:
    """End an approval at once.

    Raises:
        NotAllowedError: neither researcher, administrator nor data manager of the site.
        WrongStateError: it does not stand.
    """
    if not by_user.has_role("researcher", "admin", "data_manager", site=row.site):
        raise NotAllowedError(_("Only an administrator or data manager of this site may do this."))
    with transaction.atomic():
        row = EndpointApproval.objects.select_for_update(of=("self",)).select_related("site").get(pk=row.pk)
        if row.state != EndpointApproval.State.APPROVED:
            raise WrongStateError(_("This approval does not stand."))
        _move(row, EndpointApproval.State.REVOKED, by_user)
    return row


def _require_approver(site: Site, by_user: User) -> None:
    if not by_user.has_role("admin", "data_manager", site=site):
        raise NotAllowedError(_("Only an administrator or data manager of this site may do this."))


def _move(row: EndpointApproval, state: str, by_user: User) -> None:
    row.state, row.decided_by, row.decided_at = state, by_user, timezone.now()
    row.save(update_fields=["state", "decided_by", "decided_at"])
    audit.record(f"annotation.endpoint_{state}", by_user=by_user, on=row, site=row.site, host=row.host)


def standing_approval(site: Site, spec: Mapping[str, Any], *, with_images: bool) -> EndpointApproval:
    """The approval under which a spec's endpoint may be used today.

    Raises:
        UserError: there is none, it has expired, or it does not cover images; says what to do.
    """
    host = host_of(spec)
    rows = EndpointApproval.objects.standing(site, host)
    if with_images:
        rows = rows.filter(with_images=True)
    row = rows.order_by("-expires_on").first()
    if row is None:
        raise UserError(
            _(
                "%(host)s: no approval stands for sending %(what)s there; ask for one on the page of endpoints, "
                "another person must approve it"
            )
            % {"host": host, "what": _("images") if with_images else _("cleaned texts")}
        )
    return row


def transmit(job: Job, approval: EndpointApproval, requests: Sequence[Mapping[str, Any]]) -> None:
    """Put on record what is handed over to be sent: hash and size of each question's payload, no text."""
    rows = []
    for request in requests:
        payload = json.dumps(request, ensure_ascii=False, sort_keys=True)
        # Of a dialogue the patient's later turns are sent too, one after the other.
        said = [*request["turns"], *request.get("following", ()), request.get("context") or ""]
        characters = sum(map(len, said))
        rows.append(
            Transmission(
                approval=approval,
                question=Question(pk=request["id"]),
                job=job,
                attempt=job.attempt,
                characters=characters,
                images=len(request.get("images") or ()),
                payload_sha256=hashlib.sha256(payload.encode()).hexdigest(),
            )
        )
    with transaction.atomic():
        Transmission.objects.bulk_create(rows, ignore_conflicts=True)
        audit.record(
            "annotation.transmitted",
            by_user=job.by_user,
            on=approval,
            site=approval.site,
            job=str(job.pk),
            questions=len(rows),
        )
