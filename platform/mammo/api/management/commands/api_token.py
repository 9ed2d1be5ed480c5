"""`api_token create|list|revoke`: tokens of the programming interface, by the operator."""

import argparse
from typing import Any
from uuid import UUID

from django.core.management.base import CommandParser

from mammo.accounts.models import User
from mammo.api.models import ApiToken
from mammo.api.scopes import Scope
from mammo.api.tokens import LONGEST_DAYS, create_token, revoke_token
from mammo.core.command import Command as BaseCommand
from mammo.core.errors import UserError


class Command(BaseCommand):
    """Make, list and revoke tokens."""

    help = (
        "Make, list or revoke access tokens of the programming interface. The secret of a new token is printed "
        "once; the platform keeps only its hash. A token never does more than its account."
    )
    example = "manage.py api_token create rita --name 'nightly export' --scope read:annotation --days 30"

    def arguments(self, parser: CommandParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True, metavar="create|list|revoke")
        create = actions.add_parser("create", help="make a token and print its secret")
        create.add_argument("username", help="the account in whose name the token works")
        create.add_argument("--name", required=True, help="what the token is for")
        create.add_argument(
            "--scope", action="append", required=True, choices=Scope.values, help="may be repeated"
        )
        create.add_argument(
            "--days", type=int, default=30, help=f"until it expires, 1 to {LONGEST_DAYS} (30)"
        )
        listing = actions.add_parser("list", help="the tokens of an account, without secrets")
        listing.add_argument("username", help="the account")
        revoke = actions.add_parser("revoke", help="end a token now")
        revoke.add_argument("id", help="as `list` prints it")
        for action in (create, listing, revoke):
            action.add_argument(
                "--json",
                action="store_true",
                default=argparse.SUPPRESS,
                help="print one JSON object and nothing else",
            )

    def run(self, **options: Any) -> dict[str, Any]:
        """Run the action.

        Raises:
            UserError: no such account or token, or values out of bounds.
        """
        if options["action"] == "create":
            return self._create(**options)
        return self._list(**options) if options["action"] == "list" else self._revoke(**options)

    def _create(self, **options: Any) -> dict[str, Any]:
        user = _account(options["username"])
        token, secret = create_token(
            user, options["name"], scopes=options["scope"], days=options["days"], by_user=None
        )
        self.say(secret, **options)
        return {"token": secret, **_described(token)}

    def _list(self, **options: Any) -> dict[str, Any]:
        tokens = [_described(token) for token in ApiToken.objects.of(_account(options["username"]))]
        for token in tokens:
            self.say(
                f"{token['id']}  {token['state']:8}  {token['name']}  {' '.join(token['scopes'])}", **options
            )
        if not tokens:
            self.say("no tokens", **options)
        return {"tokens": tokens}

    def _revoke(self, **options: Any) -> dict[str, Any]:
        try:
            token = ApiToken.objects.filter(pk=UUID(options["id"])).first()
        except ValueError:
            token = None
        if token is None:
            raise UserError(f"token {options['id']}: no such token; `api_token list ACCOUNT` shows the ids")
        revoke_token(token, by_user=None)
        self.say(f"Token {token.name} is revoked.", **options)
        return _described(token)


def _described(token: ApiToken) -> dict[str, Any]:
    return {
        "id": str(token.pk),
        "name": token.name,
        "ending": token.ending,
        "scopes": token.scopes,
        "state": token.state,
        "expires_at": token.expires_at.isoformat(timespec="seconds"),
        "last_used_at": token.last_used_at.isoformat(timespec="seconds") if token.last_used_at else None,
    }


def _account(username: str) -> User:
    user = User.objects.filter(username=username, is_active=True).first()
    if user is None:
        raise UserError(f"account {username}: no such account; make it with `manage.py create_account`")
    return user
