"""`fetch_weights NAME`: bring pretrained weights into a folder; the one command that may download."""

from pathlib import Path
from typing import Any

from django.core.management.base import CommandParser
from django.db import transaction

from mammo.accounts import audit
from mammo.accounts.models import AuditHead
from mammo.core.command import Command as BaseCommand
from mammo.core.errors import UserError
from modeling.data.exchange import BadRequestError
from modeling.data.fetched_note import read_note
from modeling.data.model_folders import MODELS_VARIABLE
from modeling.weights.fetching import Wanted, already_here, prepared
from modeling.weights.known import Known, default_folder, find_weights, known_weights
from modeling.weights.sources import Folder, Hub, Source


class Command(BaseCommand):
    """`fetch_weights NAME [--revision R] [--into FOLDER] [--from FOLDER|ADDRESS] | --list [--json]`."""

    help = (
        "Bring pretrained weights into a folder: configuration, tokenizer, processor and safetensors, never a program. "
        "Pickled weights are converted once, in a limited child. The one command that may download."
    )
    example = "manage.py fetch_weights llava-1.5 --into models/llava-1.5-7b-hf"

    def arguments(self, parser: CommandParser) -> None:
        """Add the command's own arguments."""
        parser.add_argument("name", nargs="?", default="", help="a name of --list, or owner/name")
        parser.add_argument(
            "--list", action="store_true", help="the known names, and what is here; fetches nothing"
        )
        parser.add_argument("--revision", help="branch, tag or commit (main)")
        parser.add_argument(
            "--into", type=Path, help=f"folder that the files shall lie in (below {MODELS_VARIABLE})"
        )
        parser.add_argument(
            "--from",
            dest="source",
            default="",
            help="a folder with the files, or the address of a mirror in the house",
        )
        parser.add_argument(
            "--file", default="", help="the one pickled file to take, where there are several"
        )

    def run(self, **options: Any) -> dict[str, Any]:
        """Fetch, or list."""
        try:
            return self._list(options) if options["list"] else self._fetch(options)
        except BadRequestError as error:
            raise UserError(str(error)) from error

    def _list(self, options: dict[str, Any]) -> dict[str, Any]:
        rows = [_row(weights) for weights in known_weights().values()]
        for row in rows:
            where = f"here: {row['here']}" if row["here"] else "not here"
            self.say(
                f"{row['name']}  {row['repository']}  {row['licence'] or '-'}  {row['use']}  {where}",
                **options,
            )
        return {"weights": rows}

    def _fetch(self, options: dict[str, Any]) -> dict[str, Any]:
        if not options["name"]:
            raise UserError("no name; give one of `fetch_weights --list`, or owner/name")
        weights = find_weights(options["name"])
        wanted = Wanted(
            repository=weights.repository,
            target=options["into"].expanduser().absolute() if options["into"] else default_folder(weights),
            revision=options["revision"],
            file=options["file"] or weights.file,
        )
        if note := already_here(wanted):
            self.say(
                f"{weights.name}: is here, {_told(note)} in {wanted.target}; nothing was fetched.", **options
            )
            return _answer(wanted, note, fetched=False)
        AuditHead.objects.exists()  # without tables this ends here, before a long download
        with (
            prepared(
                wanted, _source(options["source"], weights), say=lambda t: self.say(t, **options)
            ) as ready,
            transaction.atomic(),
        ):
            _record(wanted, ready.note)
            ready.publish()
        self.say(f"{weights.name}: {_told(ready.note)} in {wanted.target}.", **options)
        return _answer(wanted, ready.note, fetched=True)


def _source(named: str, weights: Known) -> Source:
    if not named:
        return Hub(weights.repository)
    if "://" in named:
        return Hub(weights.repository, address=named)
    return Folder(Path(named).expanduser())


def _record(wanted: Wanted, note: dict[str, Any]) -> None:
    audit.record(
        "modeling.weights_fetched",
        by_user=None,
        repository=wanted.repository,
        revision=note["revision"],
        source=note["source"],
        folder=str(wanted.target),
        files={name: facts["sha256"] for name, facts in note["files"].items()},
        converted={name: facts["sha256"] for name, facts in note["converted"].items()},
    )


def _row(weights: Known) -> dict[str, Any]:
    try:
        folder: Path | None = default_folder(weights)
    except BadRequestError:
        folder = None
    here = ""
    if folder is not None and folder.is_dir():
        note = read_note(folder)
        here = f"revision {note['revision'][:12] or 'unknown'}" if note else "put there by hand"
    return {
        "name": weights.name,
        "repository": weights.repository,
        "licence": weights.licence,
        "use": weights.use,
        "folder": str(folder) if folder else None,
        "here": here,
    }


def _told(note: dict[str, Any]) -> str:
    size = sum(facts["bytes"] for facts in note["files"].values())
    converted = f", converted from {', '.join(note['converted'])}" if note["converted"] else ""
    licence = f", licence {note['licence']}" if note["licence"] else ""
    revision = note["revision"][:12] or "unknown"
    return f"{len(note['files'])} files, {size / 1e6:.1f} MB, revision {revision}{licence}{converted}"


def _answer(wanted: Wanted, note: dict[str, Any], *, fetched: bool) -> dict[str, Any]:
    return {"fetched": fetched, "folder": str(wanted.target), **note}
