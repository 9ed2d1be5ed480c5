"""Every address of the site, the methods it answers, and the object that each names."""

import uuid
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from django.urls import URLPattern, URLResolver, get_resolver, reverse

# Of Django's admin stand a few for all: each address goes through the same guard (mammo.core.admin_site).
ADMIN = ("admin:index", "admin:accounts_user_changelist", "admin:annotation_pick_changelist", "admin:login")
# Names that allauth brings and `accounts:closed` or `accounts:password-forgotten` answer before them.
SHADOWED = {
    "account_signup", "account_email", "account_email_verification_sent", "account_set_password",
    "account_reset_password", "account_confirm_login_code", "account_confirm_email",
    "account_reset_password_from_key_done", "account_reset_password_from_key", "account_reset_password_done",
}  # fmt: skip
# What a view answers whose decorators name no method.
ANY_METHOD = frozenset({"GET", "POST"})
# Which object the key of an address names.
KINDS = {
    "checkpoint_id": "checkpoint", "consultation_id": "consultation", "turn_id": "turn", "release_id": "release",
    "study_id": "study", "image_id": "image", "batch_id": "batch", "item_id": "item", "job_id": "job",
    "question_id": "question", "campaign_id": "campaign", "run_id": "run", "trial_id": "trial",
    "rater_id": "rater", "slot_id": "slot", "token_id": "token", "site_id": "site",
    "erasure_id": "erasure", "export_id": "export", "upload_id": "upload", "skip_id": "skip",
    "table_id": "table", "fetch_id": "fetch", "cohort_id": "cohort", "split_id": "split", "report_id": "report",
    "user_id": "account", "flag_id": "flag", "phrase_id": "phrase", "approval_id": "approval",
    "protocol_id": "protocol", "asked_id": "asked", "reader_id": "reader", "reading_slot_id": "reading_slot",
    "study_key": "reader_study", "data_export_id": "data_export", "sample_id": "sample",
    "snapshot_id": "snapshot",
}  # fmt: skip
API_KINDS = {
    "uploads": "upload", "skips": "skip", "flags": "flag", "phrases": "phrase", "news": "news",
    "endpoints": "approval",
    "sites": "site", "studies": "study", "images": "image", "imports": "batch", "jobs": "job",
    "wordings": "question",
    "campaigns": "campaign", "questions": "question", "proposals": "proposal", "corrections": "correction",
    "picks": "pick", "exports": "export", "snapshots": "snapshot", "runs": "run", "checkpoints": "checkpoint",
    "protocols": "protocol", "reader-studies": "reader_study",
    "trials": "trial", "arms": "arm", "forms": "slot", "scores": "score",
}  # fmt: skip
# Addresses whose object is in another state than the one its key's name stands for.
OF_A_STATE = {
    "jobs:retry": "failed_job",
    "api:jobs-retry": "failed_job",
    "api:questions-opened-answers": "chosen",
    "api:questions-adjudicate": "disputed",
    "api:questions-return-adjudicated": "disputed",
    "api:questions-adjudication-draft": "disputed",
    "annotation:adjudicate": "disputed",
    "annotation:adjudicate-submit": "disputed",
    "annotation:adjudicate-draft": "disputed",
    "annotation:adjudicate-skip": "disputed",
    "annotation:adjudicate-return": "disputed",
    "evaluation:table-page": "locked_trial",
    "evaluation:trial-cell-rows": "locked_trial",
    "evaluation:leaks": "locked_trial",
    "evaluation:results": "locked_trial",
    "evaluation:result-figure": "locked_trial",
    "evaluation:unsafe": "locked_trial",
    "accounts:closed": "",
}
# Objects that no address names but a form's field, or the query of an address.
IN_FORM = {
    "archive:cohort-save": ("site_code", "site"),
    "archive:split-create": ("site_code", "site"),
    "archive:table-send": ("site_code", "site"),
    "archive:picture-check-draw": ("site_code", "site"),
    "archive:assign-doctor": ("site_code", "site"),
    "archive:request-erasure": ("pseudonym", "pseudonym"),
    "annotation:wordings-confirm": ("site_code", "site"),
    "jobs:seen": ("job", "job"),
}
IN_QUERY = {
    "archive:upload-piece": ("site_code", "site"),
    "archive:upload-finish": ("site_code", "site"),
}
# Objects of one's own that a form names beside the address's: what would be refused without one.
BESIDE = {
    "annotation:practise": ("example", "item"),
    "archive:backup-destroyed": ("backup", "backup"),
}
# Tables that no trial gives.
NUMBERS = {"evaluation:any-table": 9, "evaluation:cell-rows": 9}
# Objects that live for minutes, or under a name only their owner knows: an unknown one is asked for.
ONLY_UNKNOWN = "unknown only"
# An object that is known by its name, and that there is nowhere.
UNKNOWN_NAME = "nowhere"
OTHER_ARGUMENTS = {
    "purpose": "correct",
    "name": "table_4",
    "study_uid": "1.2.840.1",
    "kind": "csv",
    "figure": "agreement",
    "ending": "svg",
    "rest": "nothing",
    "pk": 999_999,
}


def _patterns(
    resolver: URLResolver, namespace: str = "", before: tuple[str, ...] = ()
) -> Iterator[tuple[str, list[str], Callable[..., Any]]]:
    for pattern in resolver.url_patterns:
        arguments = (*before, *(pattern.pattern.converters or pattern.pattern.regex.groupindex))
        if isinstance(pattern, URLPattern):
            yield (
                namespace + (pattern.name or f"unnamed:{pattern.pattern}"),
                list(arguments),
                pattern.callback,
            )
        elif pattern.namespace != "admin":
            inner = f"{namespace}{pattern.namespace}:" if pattern.namespace else namespace
            yield from _patterns(pattern, inner, arguments)


def addresses() -> dict[str, list[str]]:
    """The arguments of every address of the site, by its name; of Django's admin those of `ADMIN`."""
    found = {name: arguments for name, arguments, _ in _patterns(get_resolver()) if name not in SHADOWED}
    return found | {name: [] for name in ADMIN}


def lines() -> set[tuple[str, str]]:
    """Name and method of everything the site answers; an answer to HEAD or OPTIONS is that to GET."""
    found = {
        (name, method)
        for name, _, view in _patterns(get_resolver())
        if name not in SHADOWED
        for method in methods_of(view)
    }
    return found | {(name, "GET") for name in ADMIN}


def methods_of(view: Callable[..., Any]) -> frozenset[str]:
    """The methods a view answers: its viewset's actions, its class's, or what `require_http_methods` lets by."""
    actions = getattr(view, "actions", None)
    if actions:
        return frozenset(method.upper() for method in actions) - {"HEAD", "OPTIONS"}
    layer: Any = view
    while layer is not None:
        of_class = getattr(layer, "view_class", None) or getattr(layer, "cls", None)
        if of_class is not None:
            named = {method.upper() for method in of_class.http_method_names if hasattr(of_class, method)}
            return frozenset(named) - {"HEAD", "OPTIONS"}
        inner = getattr(getattr(layer, "__code__", None), "co_freevars", ())
        if "request_method_list" in inner:
            let_by = layer.__closure__[inner.index("request_method_list")].cell_contents
            return frozenset(let_by) - {"HEAD"}
        layer = getattr(layer, "__wrapped__", None)
    return ANY_METHOD


def kind_of(name: str, arguments: list[str]) -> str:
    """The kind of object that the address, or the form sent to it, names; empty for none."""
    room, _, short = name.partition(":")
    if name in OF_A_STATE:
        return OF_A_STATE[name]
    if name in IN_FORM or name in IN_QUERY:
        return (IN_FORM.get(name) or IN_QUERY[name])[0]
    if room == "annotation" and (short.startswith("pick") or short == "return"):
        return "corrected" if arguments else ""
    if room == "api" and arguments[:1] == ["pk"]:
        room_of_api = "reader-studies" if short.startswith("reader-studies-") else short.split("-")[0]
        found = API_KINDS.get(room_of_api, "unknown kind")
        is_picked = short in ("questions-pick", "questions-return-picked", "questions-write-answer")
        return "corrected" if is_picked or short == "questions-pick-draft" else found
    named = [KINDS[argument] for argument in arguments if argument in KINDS]
    if named:
        return named[0]
    return ONLY_UNKNOWN if set(arguments) - {*OTHER_ARGUMENTS, "number"} else ""


def address_of(name: str, arguments: list[str], key: Any, cell: str) -> str:
    """The address with this object's key; `cell` is the query that names one of a locked trial's table."""
    if name == "accounts:closed":
        return "/accounts/signup/"
    given = {}
    for argument in arguments:
        is_key = argument in KINDS or (argument == "pk" and name.startswith("api:"))
        if is_key or kind_of(name, arguments) == ONLY_UNKNOWN:
            given[argument] = key if is_key else uuid.uuid4()
        elif name in IN_QUERY:
            given[argument] = uuid.UUID(int=7)
        else:
            given[argument] = NUMBERS.get(name, 1) if argument == "number" else OTHER_ARGUMENTS[argument]
    query = f"?{IN_QUERY[name][1]}={key}" if name in IN_QUERY else ""
    return reverse(name, kwargs=given) + (f"?{cell}" if name == "evaluation:trial-cell-rows" else query)


def form_of(name: str, key: Any, own: Mapping[str, Any]) -> dict[str, str]:
    """What is sent to the address: a fresh key, the object where a field names it, and what stands beside it."""
    form = {"idempotency_key": str(uuid.uuid4())}
    if name in IN_FORM:
        form[IN_FORM[name][1]] = str(key)
    if name in BESIDE:
        kind, field = BESIDE[name]
        form[field] = str(own[kind])
    return form
