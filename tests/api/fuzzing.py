"""Schemathesis over the whole interface: what it invents must neither break a call nor contradict the schema.

Inside the suite with a few examples; for hours against a running site by `python -m tests.api.fuzzing`.
"""

import argparse
import re
import sys
import uuid
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from http import HTTPStatus
from typing import Any

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.access import matrix

# Fields of bodies that hold the id of a row; its list is named by the plural.
NAMING_ROWS = frozenset({"campaign", "checkpoint", "cohort", "protocol"})
# Names of those whom an operation lets in, by its method and path.
LetIn = Callable[[str, str], Collection[str]]


@dataclass(frozen=True)
class Account:
    """Who calls.

    Attributes:
        name: of the person.
        headers: with the token.
        ids: ids that exist for this account, by noun: `trials`.
        site: code of their hospital.
    """

    name: str
    headers: Mapping[str, str]
    ids: Callable[[str], list[str]]
    site: str = ""


@dataclass
class Seen:
    """What was answered: how often each status, and to each person too, and by which operations something was made."""

    statuses: Counter[int] = field(default_factory=Counter)
    by_person: dict[str, Counter[int]] = field(default_factory=lambda: defaultdict(Counter))
    created: Counter[str] = field(default_factory=Counter)

    def note(self, person: str, operation: str, status: int) -> None:
        """One answer."""
        self.statuses[status] += 1
        self.by_person[person][status] += 1
        if status == HTTPStatus.CREATED:
            self.created[operation] += 1

    def __str__(self) -> str:
        return ", ".join(f"{count} times {status}" for status, count in sorted(self.statuses.items()))


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


def call_operations(
    schema: Any, accounts: Sequence[Account], *, examples: int, let_in: LetIn = lambda method, path: set()
) -> Seen:
    """Call every operation `examples` times, for ids that exist and one that does not.

    Those are drawn from whom `let_in` names for an operation, as many as there are examples but one and others at each
    operation where that is not all, and one of the rest. Whoever is let in and was not drawn reads once all the same.

    Raises:
        Exception: schemathesis' own, of the first answer that is a fault or contradicts the schema.
    """
    seen = Seen()
    for turn, found in enumerate(schema.get_all_operations()):
        operation = found.ok()
        names = let_in(operation.method.upper(), operation.path)
        welcome = [account for account in accounts if account.name in names]
        others = [account for account in accounts if account.name not in names]
        here = [*_few(welcome, max(examples - 1, 1), turn), *_few(others, 1 if welcome else examples, turn)]
        called = _call_operation(operation, _known(operation.path, here), seen, examples)
        if operation.method.upper() == "GET":
            for account in welcome:
                if account.name not in called:
                    _call_operation(operation, _known(operation.path, [account])[:1], seen, 1)
    return seen


def _few(accounts: Sequence[Account], most: int, turn: int) -> list[Account]:
    """At most so many, others at each turn."""
    few = min(most, len(accounts))
    return [accounts[(turn * few + place) % len(accounts)] for place in range(few)]


def _known(path: str, accounts: Sequence[Account]) -> list[tuple[Account, str]]:
    """Who asks for what: everybody for what they see, whoever sees nothing for what others see, one for nothing."""
    nothing = str(uuid.UUID(int=0))
    seen = {account.name: account.ids(_noun(path)) if "{id}" in path else [] for account in accounts}
    others = next((ids for ids in seen.values() if ids), [nothing])
    known = [(account, one) for account in accounts for one in seen[account.name] or others]
    return [*known, (accounts[0], nothing)] if "{id}" in path else known


def _call_operation(operation: Any, known: list[tuple[Account, str]], seen: Seen, examples: int) -> set[str]:
    """Call one operation for those who are drawn from the known; the names of those who were."""
    wanted, called = checks(), set[str]()

    @settings(
        max_examples=examples,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(
        case=operation.as_strategy(),
        who_and_what=st.sampled_from(known),
        real=st.sampled_from([True, True, False]),
    )
    def call(case: Any, who_and_what: tuple[Account, str], real: bool) -> None:
        account, identifier = who_and_what
        if "id" in case.path_parameters:
            case.path_parameters["id"] = identifier
        if real and isinstance(case.body, dict):
            case.body = {name: _real(name, value, account) for name, value in case.body.items()}
        answer = case.call(headers=dict(account.headers))
        called.add(account.name)
        seen.note(account.name, f"{operation.method.upper()} {operation.path}", answer.status_code)
        case.validate_response(answer, checks=wanted)

    call()
    return called


def _real(name: str, value: Any, account: Account) -> Any:
    """What a field of this name holds where it names something that exists, such as `site` or `protocol`."""
    if name == "site":
        return account.site
    if name in {"user", "username"}:
        return account.name
    return next(iter(account.ids(f"{name}s")), value) if name in NAMING_ROWS else value


def call_everything(users: Sequence[Any], *, examples: int) -> Seen:
    """Call every operation in this process, in the name of each user."""
    import schemathesis
    from django.core.wsgi import get_wsgi_application

    from mammo.api.scopes import Scope
    from mammo.api.tokens import create_token

    application, accounts = get_wsgi_application(), []
    for user in users:
        _token, secret = create_token(user, "fuzzing", scopes=Scope.values, days=1, by_user=user)
        headers = {"Authorization": f"Bearer {secret}"}
        site = user.sites_as(*user.roles)[0].code
        accounts.append(Account(user.username, headers, _listed_ids(application, headers), site))
    schema = schemathesis.openapi.from_wsgi("/api/v1/schema/", application, headers=accounts[0].headers)
    return call_operations(schema, accounts, examples=examples, let_in=_by_the_table)


def _by_the_table(method: str, path: str) -> set[str]:
    """Whom the written table of access lets in; its people have the names of the tests'."""
    from django.urls import resolve

    name = resolve(re.sub(r"\{\w+\}", "1", path.replace("{id}", str(uuid.UUID(int=0))))).view_name
    cells = next(row.cells for row in matrix.read() if (row.name, row.method) == (name, method))
    reached = zip(matrix.PEOPLE, cells, strict=True)
    return {person for person, cell in reached if cell.split()[0] not in {"401", "403", "404", "405"}}


def _listed_ids(application: Any, headers: Mapping[str, str]) -> Callable[[str], list[str]]:
    """Ids that the caller's own lists give."""
    from werkzeug.test import Client

    @cache
    def listed(noun: str) -> list[str]:
        answer = Client(application).get(f"/api/v1/{noun}/?page_size=2", headers=dict(headers))
        return [row["id"] for row in (answer.get_json(silent=True) or {}).get("results", [])]

    return listed


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
    parser.add_argument("--site", default="north", help="code of the account's hospital (north)")
    options = parser.parse_args()
    headers = {"Authorization": f"Bearer {options.token}"}
    schema = schemathesis.openapi.from_url(f"{options.url}/api/v1/schema/", headers=headers)

    @cache
    def ids(noun: str) -> list[str]:
        answer = requests.get(f"{options.url}/api/v1/{noun}/?page_size=50", headers=headers, timeout=60)
        return [row["id"] for row in answer.json().get("results", [])]

    account = Account("the token's", headers, ids, options.site)
    seen = call_operations(schema, [account], examples=options.examples)
    print(seen)
    sys.exit(any(status >= HTTPStatus.INTERNAL_SERVER_ERROR for status in seen.statuses))


if __name__ == "__main__":
    main()
