"""`create_campaign NAME --site S --proposer SPEC.json --by ACCOUNT`: make and open a campaign from the command line."""

from pathlib import Path
from typing import Any

from django.core.management.base import CommandParser
from django.db import transaction

from annotation.models import ProposerContext, Purpose
from annotation.services.campaigns import add_member, create_campaign, open_campaign
from mammo.accounts.models import User
from mammo.accounts.services import site_by_code
from mammo.core.command import Command as BaseCommand
from mammo.core.errors import UserError
from mammo.core.outside_json import parsed


class Command(BaseCommand):
    """Make a campaign, let accounts work on it, and open it."""

    help = "Make and open a campaign: which model proposes, who corrects, who picks."
    example = "manage.py create_campaign spring --site north --by rita --proposer glm4.json --correct june --pick sena"

    def arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", metavar="NAME", help="of the campaign, once per site")
        parser.add_argument("--site", required=True, help="code of the site")
        parser.add_argument("--by", required=True, metavar="ACCOUNT", help="a researcher of the site")
        parser.add_argument(
            "--proposer",
            required=True,
            metavar="SPEC.json",
            help='such as {"kind": "transformers", "path": "/models/glm-4-9b-chat-hf"}',
        )
        parser.add_argument(
            "--context",
            choices=ProposerContext.values,
            default=ProposerContext.NONE,
            help="what the proposing model sees beside the question (none)",
        )
        parser.add_argument("--overlap", type=int, default=1, help="juniors per question")
        parser.add_argument(
            "--correct", action="append", default=[], metavar="ACCOUNT", help="a junior; may be repeated"
        )
        parser.add_argument(
            "--pick", action="append", default=[], metavar="ACCOUNT", help="a senior; may be repeated"
        )

    def run(self, **options: Any) -> dict[str, Any]:
        site = site_by_code(options["site"])
        researcher = _account(options["by"], "--by")
        with transaction.atomic():
            campaign = create_campaign(
                options["name"],
                site=site,
                by_user=researcher,
                proposer=_spec(Path(options["proposer"])),
                proposer_context=options["context"],
                overlap=options["overlap"],
            )
            for option, purpose in (("correct", Purpose.CORRECT), ("pick", Purpose.PICK)):
                for name in options[option]:
                    add_member(campaign, _account(name, f"--{option}"), purpose, by_user=researcher)
            open_campaign(campaign, by_user=researcher)
        self.say(f"Campaign {campaign.name} is open at {site.code}.", **options)
        return {"campaign": str(campaign.pk), "name": campaign.name}


def _account(name: str, option: str) -> User:
    user = User.objects.filter(username=name, is_active=True).first()
    if user is None:
        raise UserError(f"{option} {name}: no such account; make it with `manage.py create_account`")
    return user


def _spec(path: Path) -> dict[str, Any]:
    try:
        spec = parsed(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(f"--proposer {path}: cannot be read ({error.strerror}); give a JSON file") from None
    except ValueError as error:
        raise UserError(f"--proposer {path}: not JSON ({error})") from None
    if not isinstance(spec, dict):
        raise UserError(f"--proposer {path}: expected one JSON object with `kind` and `path`")
    model = spec.get("path")
    # A name of the hub holds no leading slash or dot; whether it is there, only the machine that asks it knows.
    if isinstance(model, str) and model.startswith(("/", ".")) and not Path(model).exists():
        raise UserError(
            f"--proposer {path}: its path {model} does not exist; put the model or file there first"
        )
    return spec
