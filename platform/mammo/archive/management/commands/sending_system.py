"""Let a PACS or modality send to a site, list those that may, or revoke one."""

from typing import Any

from django.core.management.base import CommandParser

from mammo.accounts.services import site_by_code
from mammo.archive.models import SendingSystem
from mammo.archive.sending_systems import add_sending_system, revoke_sending_system
from mammo.core.command import Command as BaseCommand
from mammo.core.errors import UserError


class Command(BaseCommand):
    """`sending_system add|revoke|list [NAME] [--site S] [--aet AET] [--json]`."""

    help = (
        "A sending system pushes by DICOMweb (STOW-RS) with its token, or by C-STORE with its AE title. "
        "`add` prints the token once: nobody can read it again."
    )
    example = "manage.py sending_system add pacs1 --site north --aet PACS1"

    def arguments(self, parser: CommandParser) -> None:
        """Add the command's own arguments."""
        parser.add_argument("act", choices=["add", "revoke", "list"], help="what to do")
        parser.add_argument("name", nargs="?", default="", help="short name of the system")
        parser.add_argument("--site", help="code of the hospital it sends for")
        parser.add_argument("--aet", default="", help="its AE title, for C-STORE")

    def run(self, **options: Any) -> dict[str, Any]:
        """Do what was asked."""
        if options["act"] == "list":
            return self._list(options)
        if not options["name"]:
            raise UserError(f"{options['act']}: name the system")
        if options["act"] == "revoke":
            revoke_sending_system(options["name"], by_user=None)
            self.say(f"{options['name']} sends no more", **options)
            return {"name": options["name"], "revoked": True}
        if not options["site"]:
            raise UserError("add: --site is needed: the hospital it sends for")
        system, token = add_sending_system(
            options["name"], site=site_by_code(options["site"]), ae_title=options["aet"], by_user=None
        )
        self.say(f"token of {system.name} (shown once): {token}", **options)
        return {"name": system.name, "site": system.site.code, "ae_title": system.ae_title, "token": token}

    def _list(self, options: dict[str, Any]) -> dict[str, Any]:
        systems = [
            {
                "name": system.name,
                "site": system.site.code,
                "ae_title": system.ae_title,
                "last_used": system.last_used_at.isoformat() if system.last_used_at else None,
            }
            for system in SendingSystem.objects.active().select_related("site").order_by("name")
        ]
        for system in systems:
            self.say("  ".join(str(value or "-") for value in system.values()), **options)
        return {"systems": systems}
