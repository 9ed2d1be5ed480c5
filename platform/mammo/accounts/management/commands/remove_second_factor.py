"""`remove_second_factor NAME --reason TEXT`: phone and key are lost; the account sets up another."""

from typing import Any

from django.core.management.base import CommandParser

from mammo.accounts.models import User
from mammo.accounts.services import remove_second_factors
from mammo.core.command import Command as BaseCommand
from mammo.core.errors import UserError


class Command(BaseCommand):
    """Remove the second factors of an account."""

    help = "Remove all second factors of an account whose phone or key is lost (an audit event)."
    example = 'manage.py remove_second_factor dana --reason "phone lost, seen in person by Adam"'

    def arguments(self, parser: CommandParser) -> None:
        parser.add_argument("username", help="the account")
        parser.add_argument("--reason", required=True, help="who asked, and how you know that it was them")

    def run(self, **options: Any) -> dict[str, Any]:
        user = User.objects.filter(username=options["username"]).first()
        if user is None:
            raise UserError(f"account {options['username']!r}: there is none; check the name")
        if not options["reason"].strip():
            raise UserError("--reason: say who asked, and how you know that it was them")
        removed = remove_second_factors(user, by_user=None, reason=options["reason"].strip()[:500])
        self.say(f"{removed} second factors of {user.username} removed.", **options)
        return {"username": user.username, "removed": removed}
