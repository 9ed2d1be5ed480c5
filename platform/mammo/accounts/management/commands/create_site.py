"""`create_site CODE NAME`: make a hospital."""

from typing import Any

from django.core.management.base import CommandParser

from mammo.accounts.services import create_site
from mammo.core.command import Command as BaseCommand


class Command(BaseCommand):
    """Make a hospital; everything is scoped by it."""

    help = "Make a site (a hospital); everything is scoped by it."
    example = 'manage.py create_site north "North Hospital"'

    def arguments(self, parser: CommandParser) -> None:
        parser.add_argument("code", help="short code such as `north`; stands where a name would identify")
        parser.add_argument("name", help="name shown to data managers")

    def run(self, **options: Any) -> dict[str, Any]:
        site = create_site(options["code"], options["name"], by_user=None)
        self.say(f"Site {site.code} made.", **options)
        return {"code": site.code, "id": str(site.pk)}
