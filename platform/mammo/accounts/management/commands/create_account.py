"""`create_account NAME --role ROLE --site SITE`: make an account; its password is asked for."""

import getpass
import os
import sys
from typing import Any

from django.core.management.base import CommandParser

from mammo.accounts.models import Role
from mammo.accounts.services import create_account, site_by_code
from mammo.core.command import Command as BaseCommand
from mammo.core.errors import UserError


class Command(BaseCommand):
    """Make an account with one or more roles at a site."""

    help = "Make an account; the password is asked for (or read from MAMMO_PASSWORD)."
    example = "manage.py create_account june --role junior --site north --name 'June Li'"

    def arguments(self, parser: CommandParser) -> None:
        parser.add_argument("username", help="name to sign in with")
        parser.add_argument(
            "--role", action="append", required=True, choices=Role.values, help="may be repeated"
        )
        parser.add_argument("--site", required=True, help="code of the site at which the roles are held")
        parser.add_argument("--name", default="", help="name as others see it")
        parser.add_argument("--language", choices=["en", "zh-hans"], default="en", help="of the pages (en)")
        parser.add_argument("--years", type=float, help="years of experience")

    def run(self, **options: Any) -> dict[str, Any]:
        site = site_by_code(options["site"])
        password = os.environ.get("MAMMO_PASSWORD")
        if not password:
            if not sys.stdin.isatty():
                raise UserError("no terminal to ask for the password; set MAMMO_PASSWORD")
            password = getpass.getpass("Password (12 characters or more): ")
        if len(password) < 12:
            raise UserError("the password has fewer than 12 characters; choose a longer one")
        user = create_account(
            options["username"],
            password=password,
            display_name=options["name"],
            language=options["language"],
            years_of_experience=options["years"],
            roles={role: [site] for role in options["role"]},
            by_user=None,
        )
        self.say(f"Account {user.username} made: {', '.join(options['role'])} at {site.code}.", **options)
        return {"username": user.username, "id": str(user.pk)}
