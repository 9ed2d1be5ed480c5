"""What may be spent under an endpoint's approval: reserved before anything is sent, counted when the attempt ends."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from annotation.models import EndpointAllowance, EndpointApproval, EndpointUse
from mammo.accounts import audit
from mammo.core.errors import UserError
from mammo.jobs.models import ACTIVE, Job

# Of what a job needs without any repetition: so much may go into drawing again and into tries after a failure.
HEADROOM = 2
# Of an answer whose campaign or trial says nothing else; as the answering module takes it.
LONGEST_ANSWER = 512


@dataclass(frozen=True)
class Amount:
    """Requests and tokens; None: without limit, or not known."""

    requests: int | None
    tokens: int | None


def spent(approval: EndpointApproval) -> Amount:
    """What was spent under an approval: as each attempt told; one that ended untold counts with all it was allowed."""
    requests = tokens = 0
    for row in approval.allowances.select_related("use"):
        use: EndpointUse | EndpointAllowance = getattr(row, "use", row)
        requests += use.requests or 0
        tokens += use.tokens or 0
    return Amount(requests, tokens)


def left(approval: EndpointApproval) -> Amount:
    """What may still be spent under it."""
    gone = spent(approval)
    return Amount(
        _minus(approval.most_requests, gone.requests or 0), _minus(approval.most_tokens, gone.tokens or 0)
    )


def _minus(most: int | None, gone: int) -> int | None:
    return None if most is None else max(most - gone, 0)


def has_rest(approval: EndpointApproval) -> bool:
    """Whether anything can still be sent under it."""
    _settle_now(approval)
    rest = left(approval)
    return rest.requests != 0 and rest.tokens != 0


def need_of(request: Mapping[str, Any], n: int, parameters: Mapping[str, Any]) -> Amount:
    """The most that one question costs without repetitions: a request for each answer, no token beyond a character.

    Pictures count no tokens: what they cost is the server's to say, afterwards.
    """
    turns = [*request["turns"], *request.get("following", ())]
    rounds = 1 + len(request.get("following", ()))
    longest = int(parameters.get("max_new_tokens", LONGEST_ANSWER))
    said = sum(map(len, turns)) + len(request.get("context") or "")
    # Each round reads the answers before it.
    return Amount(n * rounds, n * rounds * (said + rounds * longest))


def covered(
    approval: EndpointApproval, requests: Sequence[Mapping[str, Any]], n: int, parameters: Mapping[str, Any]
) -> int:
    """How many of these questions, from the first one on, what is left covers."""
    rest, asked, tokens = left(approval), 0, 0
    for place, request in enumerate(requests):
        need = need_of(request, n, parameters)
        asked, tokens = asked + (need.requests or 0), tokens + (need.tokens or 0)
        if (rest.requests is not None and asked > rest.requests) or (
            rest.tokens is not None and tokens > rest.tokens
        ):
            return place
    return len(requests)


def covers_all(
    approval: EndpointApproval, requests: Sequence[Mapping[str, Any]], n: int, parameters: Mapping[str, Any]
) -> bool:
    """Whether what is left covers every one of these questions."""
    _settle_now(approval)
    return covered(approval, requests, n, parameters) == len(requests)


def spent_error(approval: EndpointApproval) -> UserError:
    """The refusal in words: how much of what is spent, and the mend."""
    gone = spent(approval)
    return UserError(
        _(
            "%(host)s: the budget of its approval does not cover another question "
            "(requests: %(requests)s of %(most_requests)s, tokens: %(tokens)s of %(most_tokens)s); "
            "ask for an approval with a larger budget on the page of endpoints"
        )
        % {
            "host": approval.host,
            "requests": gone.requests,
            "most_requests": "–" if approval.most_requests is None else approval.most_requests,
            "tokens": gone.tokens,
            "most_tokens": "–" if approval.most_tokens is None else approval.most_tokens,
        }
    )


def not_standing_error(host: str, *, with_images: bool) -> UserError:
    """The refusal to send anything to an endpoint for which no approval stands, and the mend."""
    return UserError(
        _(
            "%(host)s: no approval stands for sending %(what)s there; ask for one on the page of endpoints, "
            "another person must approve it"
        )
        % {"host": host, "what": _("images") if with_images else _("cleaned texts")}
    )


def _locked(approval: EndpointApproval) -> EndpointApproval:
    """The approval under a lock, if it stands at this moment: it may have been revoked since it was looked up."""
    row = EndpointApproval.objects.select_for_update(of=("self",)).select_related("site").get(pk=approval.pk)
    if not EndpointApproval.objects.standing(row.site, row.host).filter(pk=row.pk).exists():
        raise not_standing_error(row.host, with_images=row.with_images)
    return row


def allow(
    job: Job,
    approval: EndpointApproval,
    requests: Sequence[Mapping[str, Any]],
    *,
    system: str,
    n: int,
    parameters: Mapping[str, Any],
    whole: bool = False,
) -> tuple[int, dict[str, int | None]]:
    """Reserve for one attempt of a job what it may spend; nothing was sent yet.

    Args:
        system: key of the system in the job's request.
        n: answers per question.
        whole: refuse unless all questions are covered (a trial's arm answers every one or none).

    Returns:
        how many of the questions may be sent, from the first one on, and the limits for the answering module.

    Raises:
        UserError: what is left does not cover a single question (or all of them), and the refusal is on record; or the
            approval ended a moment ago.
    """
    with transaction.atomic():
        approval = _locked(approval)
        settle(approval)
        count = covered(approval, requests, n, parameters)
        is_refused = bool(requests) and (count < len(requests) if whole else count == 0)
        needs = [need_of(request, n, parameters) for request in requests[:count]]
        rest = left(approval)
        limits = {
            "requests": _limit(rest.requests, sum(need.requests or 0 for need in needs)),
            "tokens": _limit(rest.tokens, sum(need.tokens or 0 for need in needs)),
        }
        if not is_refused:
            EndpointAllowance.objects.create(
                approval=approval, job=job, attempt=job.attempt, system=system[:64], **limits
            )
        audit.record(
            "annotation.budget_refused" if is_refused else "annotation.budget_reserved",
            by_user=job.by_user,
            on=approval,
            site=approval.site,
            job=str(job.pk),
            questions=count,
            requests=limits["requests"],
            tokens=limits["tokens"],
        )
    if is_refused:
        raise spent_error(approval)
    return count, limits


def _limit(rest: int | None, needed: int) -> int | None:
    return None if rest is None else min(rest, HEADROOM * needed)


def settle(approval: EndpointApproval) -> None:
    """Count what ended attempts told at their end; what was told is lost once the job is tried again."""
    open_rows = approval.allowances.filter(use__isnull=True).select_related("job")
    for row in open_rows:
        if row.job.attempt == row.attempt and row.job.state not in ACTIVE:
            _count(row, row.job.progress)


def _settle_now(approval: EndpointApproval) -> None:
    """As `settle`, in a transaction of its own; nothing is locked where no attempt's use is open."""
    if approval.allowances.filter(use__isnull=True).exists():
        with transaction.atomic():
            settle(EndpointApproval.objects.select_for_update().get(pk=approval.pk))


def settle_ended() -> int:
    """Count what ended attempts told, before a person has such a job tried again; returns how many were counted."""
    before = EndpointUse.objects.count()
    for pk in (
        EndpointAllowance.objects.filter(use__isnull=True).values_list("approval", flat=True).distinct()
    ):
        _settle_now(EndpointApproval(pk=pk))
    return EndpointUse.objects.count() - before


def count_use(job: Job) -> None:
    """Count what the present attempt of a job told of its spending; called when its answers are stored."""
    progress = Job.objects.filter(pk=job.pk).values_list("progress", flat=True).first() or {}
    for row in EndpointAllowance.objects.filter(job=job, attempt=job.attempt, use__isnull=True):
        _count(row, progress)


def _count(row: EndpointAllowance, progress: Mapping[str, Any]) -> None:
    told = (progress.get("spent") or {}).get(row.system)
    if isinstance(told, dict):
        EndpointUse.objects.create(
            allowance=row, requests=int(told.get("requests") or 0), tokens=int(told.get("tokens") or 0)
        )
