"""Endpoints outside this machine: approved by another person, for a time, and every transmission on record."""

import contextlib
import hashlib
import json
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import Any
from urllib.parse import urlsplit

from django.db import transaction
from django.db.models import F, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from annotation.field_names import field_name
from annotation.models import EndpointAllowance, EndpointApproval, NewsKind, Transmission
from annotation.services import endpoint_budgets
from annotation.services.access import require_researcher
from annotation.services.news import tell
from mammo.accounts import audit
from mammo.accounts.models import Membership, Site, User
from mammo.core.errors import NotAllowedError, UserError, WrongStateError
from mammo.jobs import services as jobs
from mammo.jobs.models import Job, JobState

_HOST = re.compile(r"^[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?(?::\d{1,5})?$|^\[[0-9a-f:]+\](?::\d{1,5})?$")
ENDPOINT_KIND = "openai"
# Only such a variable is read as a key and sent along: no other secret of the server leaves it by this way.
KEY_VARIABLE = re.compile(r"[A-Z][A-Z0-9_]{0,90}_API_KEY")
# Fields of a spec that its endpoint's approval alone sets.
OF_THE_APPROVAL = frozenset({"remote_allowed", "budget"})
# As a whole number of 31 bits, which every database holds.
LARGEST_BUDGET = 2**31 - 1


def host_of(spec: Mapping[str, Any]) -> str:
    """Host and port of a spec's `base_url`, in lower case.

    Raises:
        UserError: there is no such address.
    """
    try:
        parts = urlsplit(str(spec.get("base_url") or ""))
    except ValueError:  # brackets of an address that is none
        parts = urlsplit("")
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise UserError(_("proposer.base_url: give an address such as https://llm.example.org/v1"))
    return parts.netloc.rpartition("@")[2].lower()


def require_key_variable(spec: Mapping[str, Any], where: str) -> None:
    """Refuse a spec whose key is held by anything but a variable of keys.

    Args:
        where: what the spec is, for the message.

    Raises:
        UserError: says how such a variable is named.
    """
    key = spec.get("api_key_env")
    if key is not None and not (isinstance(key, str) and KEY_VARIABLE.fullmatch(key)):
        raise UserError(
            _(
                "%(where)s.api_key_env: give the name of the variable that holds the key, in capitals and ending in "
                "_API_KEY, such as GLM_API_KEY; never the key itself"
            )
            % {"where": where}
        )


def ask_approval(
    site: Site,
    *,
    by_user: User,
    host: str,
    country: str,
    reason: str,
    expires_on: date,
    with_images: bool = False,
    most_requests: int | None = None,
    most_tokens: int | None = None,
) -> EndpointApproval:
    """Ask that cleaned texts may be sent to an endpoint; another person decides.

    Args:
        most_requests: budget in requests, tries after a failure included; None: without limit.
        most_tokens: budget in tokens of prompts and answers; None: without limit.

    Raises:
        NotAllowedError: not a researcher of the site.
        UserError: a field can't be used.
    """
    require_researcher(site, by_user)
    named = host.strip().lower()
    _check_wish(
        named, country, reason, expires_on, {"most_requests": most_requests, "most_tokens": most_tokens}
    )
    with transaction.atomic():
        row = EndpointApproval.objects.create(
            site=site,
            host=named,
            country=country.strip().upper(),
            with_images=with_images,
            reason=reason.strip()[:500],
            asked_by=by_user,
            expires_on=expires_on,
            most_requests=most_requests,
            most_tokens=most_tokens,
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
            most_requests=most_requests,
            most_tokens=most_tokens,
        )
    return row


def _check_wish(
    host: str, country: str, reason: str, expires_on: date, budgets: Mapping[str, int | None]
) -> None:
    """Raises UserError, which names the field, where a wish for an approval can't be used."""
    if not _HOST.match(host):
        raise UserError(_("host: give a host name, with its port where it is not the usual one"))
    if not re.fullmatch(r"[A-Za-z]{2}", country.strip()):
        raise UserError(_("country: give the two letters of the country to which the texts go, such as CN"))
    if not reason.strip():
        raise UserError(_("reason: empty; say what it is used for and under which agreement"))
    if expires_on < timezone.localdate():
        raise UserError(_("expires_on: this day is over; give a later one"))
    for name, most in budgets.items():
        if most is not None and not 1 <= most <= LARGEST_BUDGET:
            raise UserError(
                _("%(name)s: give a whole number from 1 to %(most)s, or nothing for no limit")
                % {"name": field_name(name), "most": LARGEST_BUDGET}
            )


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
    """End an approval at once: jobs that are sending under it are stopped.

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
        _stop_sending(EndpointApproval.objects.filter(pk=row.pk))
    return row


def stop_lapsed() -> int:
    """Stop the jobs that are still sending under an approval whose last day is over; a chore.

    Returns:
        how many.
    """
    return _stop_sending(EndpointApproval.objects.filter(expires_on__lt=timezone.localdate()))


def _stop_sending(approvals: QuerySet[EndpointApproval]) -> int:
    present = EndpointAllowance.objects.filter(approval__in=approvals, attempt=F("job__attempt"))
    sending = Job.objects.filter(
        pk__in=present.values("job"), state=JobState.RUNNING, cancel_requested_at__isnull=True
    )
    stopped = 0
    for job in sending:
        with contextlib.suppress(WrongStateError):  # it ended meanwhile
            jobs.cancel(job, by_user=None)
            stopped += 1
    return stopped


def _require_approver(site: Site, by_user: User) -> None:
    if not by_user.has_role("admin", "data_manager", site=site):
        raise NotAllowedError(_("Only an administrator or data manager of this site may do this."))


def _move(row: EndpointApproval, state: str, by_user: User) -> None:
    row.state, row.decided_by, row.decided_at = state, by_user, timezone.now()
    row.save(update_fields=["state", "decided_by", "decided_at"])
    audit.record(f"annotation.endpoint_{state}", by_user=by_user, on=row, site=row.site, host=row.host)


def without_permission(spec: Mapping[str, Any]) -> dict[str, Any]:
    """The spec without what an approval alone sets: what an endpoint's spec says of it counts for nothing."""
    kept = dict(spec)
    if spec.get("kind") == ENDPOINT_KIND:
        for name in OF_THE_APPROVAL:
            kept.pop(name, None)
    return kept


def permitted(spec: Mapping[str, Any], budget: Mapping[str, int | None]) -> dict[str, Any]:
    """An endpoint's spec under an approval that stands: the way out is open, within this budget."""
    return {**spec, "remote_allowed": True, "budget": dict(budget)}


def reads_images(spec: Mapping[str, Any]) -> bool:
    """Whether an endpoint is sent the pictures that it is handed."""
    return bool(dict(spec.get("capabilities") or {}).get("image_mode", "none") != "none")


def standing_approval(
    site: Site,
    spec: Mapping[str, Any],
    *,
    with_images: bool,
    not_by: User | None,
    covers: Callable[[EndpointApproval], bool] = endpoint_budgets.has_rest,
) -> EndpointApproval:
    """The approval under which a spec's endpoint may be used today: the first one that `covers` what is to be sent.

    Where none does, the first that stands: reserving under it says in words what its budget lacks.

    Args:
        not_by: who asks the endpoint: an approval that they gave themselves is none for them. None: the operator.
        covers: whether what is left of an approval's budget is enough; by default, anything.

    Raises:
        UserError: there is none, it has expired, it does not cover images, or they gave it; says what to do.
    """
    host = host_of(spec)
    rows = EndpointApproval.objects.standing(site, host)
    if with_images:
        rows = rows.filter(with_images=True)
    found = list(rows.select_related("site").order_by("-expires_on", "-created_at"))
    if not found:
        raise endpoint_budgets.not_standing_error(host, with_images=with_images)
    standing = [row for row in found if not_by is None or row.decided_by_id != not_by.pk]
    if not standing:
        raise UserError(
            _("%(host)s: you gave this approval yourself; another person must approve what you let be sent")
            % {"host": host}
        )
    return next((row for row in standing if covers(row)), standing[0])


def transmit(
    job: Job,
    approval: EndpointApproval,
    requests: Sequence[Mapping[str, Any]],
    *,
    system: str,
    of_studies: bool = False,
) -> None:
    """Put on record what is handed over to be sent to one system: hash and size of each payload, no text.

    Args:
        system: key of the system in the job's request.
        of_studies: a request's `id` is a study's, which is judged; else a question's.
    """
    rows = []
    for request in requests:
        payload = json.dumps(request, ensure_ascii=False, sort_keys=True)
        # Of a dialogue the patient's later turns are sent too, one after the other.
        said = [*request["turns"], *request.get("following", ()), request.get("context") or ""]
        characters = sum(map(len, said))
        rows.append(
            Transmission(
                approval=approval,
                question_id=None if of_studies else request["id"],
                study_id=request["id"] if of_studies else None,
                job=job,
                attempt=job.attempt,
                system=system[:64],
                characters=characters,
                images=len(request.get("images") or ()),
                payload_sha256=hashlib.sha256(payload.encode()).hexdigest(),
            )
        )
    with transaction.atomic():
        Transmission.objects.bulk_create(rows)
        audit.record(
            "annotation.transmitted",
            by_user=job.by_user,
            on=approval,
            site=approval.site,
            job=str(job.pk),
            questions=0 if of_studies else len(rows),
            studies=len(rows) if of_studies else 0,
        )
