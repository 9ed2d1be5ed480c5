"""Schemathesis over the whole interface: what it invents must neither break a call nor contradict the schema.

Inside the suite with a few examples; for hours against a running site by `python -m tests.api.fuzzing`.
"""

import argparse
import sys
import uuid
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st


@dataclass(frozen=True)
class Account:
    """Who calls.

    Attributes:
        headers: with the token.
        ids: ids that exist for this account, by an operation's path.
    """

    headers: Mapping[str, str]
    ids: Callable[[str], list[str]]


def checks() -> list[Any]:
    """What every answer must meet."""
    from schemathesis.checks import not_a_server_error
    from schemathesis.specs.openapi import checks as openapi

    return [
        not_a_server_error,
        openapi.status_code_conformance,
        openapi.content_type_conformance,
        openapi.response_headers_conformance,
        openapi.response_schema_conformance,
    ]


def call_operations(schema: Any, accounts: Sequence[Account], *, examples: int) -> Counter[int]:
    """Call every operation `examples` times, by accounts in turn, for ids that exist and one that does not.

    Returns:
        how often each status code was answered.
    """
    seen: Counter[int] = Counter()
    for found in schema.get_all_operations():
        operation = found.ok()
        known = [
            (account.headers, identifier)
            for account in accounts
            for identifier in [*account.ids(operation.path), str(uuid.UUID(int=0))]
        ]
        _call_operation(operation, known, seen, examples)
    return seen


def _call_operation(
    operation: Any, known: list[tuple[Mapping[str, str], str]], seen: Counter[int], examples: int
) -> None:
    wanted = checks()

    @settings(
        max_examples=examples,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(), who_and_what=st.sampled_from(known))
    def call(case: Any, who_and_what: tuple[Mapping[str, str], str]) -> None:
        headers, identifier = who_and_what
        if "id" in case.path_parameters:
            case.path_parameters["id"] = identifier
        answer = case.call(headers=dict(headers))
        seen[answer.status_code] += 1
        case.validate_response(answer, checks=wanted)

    call()


def call_everything(users: Sequence[Any], *, examples: int) -> Counter[int]:
    """Call every operation in this process, in the name of each user."""
    import schemathesis
    from django.core.wsgi import get_wsgi_application

    from mammo.api.scopes import Scope
    from mammo.api.tokens import create_token

    application, accounts = get_wsgi_application(), []
    for user in users:
        _token, secret = create_token(user, "fuzzing", scopes=Scope.values, days=1, by_user=user)
        headers = {"Authorization": f"Bearer {secret}"}
        accounts.append(Account(headers, _listed_ids(application, headers)))
    schema = schemathesis.openapi.from_wsgi("/api/v1/schema/", application, headers=accounts[0].headers)
    return call_operations(schema, accounts, examples=examples)


def _listed_ids(application: Any, headers: Mapping[str, str]) -> Callable[[str], list[str]]:
    """Ids that the caller's own lists give."""
    from werkzeug.test import Client

    @cache
    def listed(noun: str) -> list[str]:
        answer = Client(application).get(f"/api/v1/{noun}/?page_size=2", headers=dict(headers))
        return [row["id"] for row in answer.get_json()["results"]]

    return lambda path: listed(_noun(path)) if "{id}" in path else []


def _noun(path: str) -> str:
    return path.removeprefix("/api/v1/").split("/")[0]


def main() -> None:
    """Fuzz a running site with a token: `python -m tests.api.fuzzing URL TOKEN --examples 500`."""
    import requests
    import schemathesis

    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("url", help="such as http://127.0.0.1:8000")
    parser.add_argument("token", help="of an account whose rows may be changed")
    parser.add_argument("--examples", type=int, default=200, help="calls of each operation (200)")
    options = parser.parse_args()
    headers = {"Authorization": f"Bearer {options.token}"}
    schema = schemathesis.openapi.from_url(f"{options.url}/api/v1/schema/", headers=headers)

    def ids(path: str) -> list[str]:
        if "{id}" not in path:
            return []
        address = f"{options.url}/api/v1/{_noun(path)}/?page_size=50"
        return [row["id"] for row in requests.get(address, headers=headers, timeout=60).json()["results"]]

    seen = call_operations(schema, [Account(headers, ids)], examples=options.examples)
    print(", ".join(f"{count} times {status}" for status, count in sorted(seen.items())))
    sys.exit(any(status >= 500 for status in seen))


if __name__ == "__main__":
    main()
