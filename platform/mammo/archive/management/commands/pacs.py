"""Let data managers fetch from a PACS by DICOMweb, list those they may ask, or take one away."""

import os
from typing import Any

from django.core.management.base import CommandParser

from mammo.accounts.services import site_by_code
from mammo.archive.management.commands.fetch_studies import PASSWORD_VARIABLE
from mammo.archive.models import PacsService
from mammo.archive.pacs_fetches import add_pacs_service, remove_pacs_service
from mammo.core.command import Command as BaseCommand
from mammo.core.errors import UserError


class Command(BaseCommand):
    """`pacs add|remove|list [NAME] [--site S] [--url U] [--user U] [--certificates F] [--json]`."""

    help = (
        "A PACS that data managers may fetch from on the page Imports, From a PACS. The password of --user is "
        f"read from the environment variable {PASSWORD_VARIABLE} and kept encrypted."
    )
    example = "manage.py pacs add pacs1 --site north --url https://pacs/dicom-web --user mammo"

    def arguments(self, parser: CommandParser) -> None:
        """Add the command's own arguments."""
        parser.add_argument("act", choices=["add", "remove", "list"], help="what to do")
        parser.add_argument("name", nargs="?", default="", help="short name of the PACS")
        parser.add_argument("--site", help="code of the hospital")
        parser.add_argument("--url", default="", help="address of its DICOMweb service")
        parser.add_argument("--user", default="", help="account at the PACS")
        parser.add_argument("--certificates", default="", help="file of certificates (PEM) to trust")

    def run(self, **options: Any) -> dict[str, Any]:
        """Do what was asked."""
        if options["act"] == "list":
            return self._list(options)
        if not options["name"] or not options["site"]:
            raise UserError(f"{options['act']}: give the name of the PACS and --site")
        site = site_by_code(options["site"])
        if options["act"] == "remove":
            remove_pacs_service(options["name"], site=site, by_user=None)
            self.say(f"{options['name']} is asked no more", **options)
            return {"name": options["name"], "removed": True}
        service = add_pacs_service(
            options["name"],
            site=site,
            url=options["url"],
            user_name=options["user"],
            password=os.environ.get(PASSWORD_VARIABLE, "") if options["user"] else "",
            certificates=options["certificates"],
            by_user=None,
        )
        self.say(f"data managers of {site.code} may fetch from {service.name}", **options)
        return {"name": service.name, "site": site.code, "url": service.url}

    def _list(self, options: dict[str, Any]) -> dict[str, Any]:
        services = [
            {"name": row.name, "site": row.site.code, "url": row.url, "user": row.user_name}
            for row in PacsService.objects.filter(removed_at=None).select_related("site").order_by("name")
        ]
        for row in services:
            self.say("  ".join(value or "-" for value in row.values()), **options)
        return {"pacs": services}
