"""What a query finds on a PACS, as the files of an import of this machine."""

from collections.abc import Iterator
from pathlib import Path

from mammo.accounts.models import Site
from mammo.archive.dicomweb import Pacs
from mammo.archive.models import Image
from mammo.archive.pacs_query import Query
from mammo.archive.pseudonyms import installation
from mammo.archive.sources import Source
from mammo.core.errors import UserError


class PacsFiles:
    """What a query finds on a PACS, as the files of an import; what the site has is not fetched again."""

    def __init__(self, pacs: Pacs, query: Query, *, site: Site) -> None:
        self.pacs, self.query, self.site = pacs, query, site

    def count(self) -> int:
        """Nobody knows before the end."""
        return 0

    def files(self, unpack_into: Path) -> Iterator[Source]:
        """Fetch one instance after the other."""
        secret = installation()
        number = 0
        for study in self.pacs.studies(self.query):
            for series, instance in self.pacs.instances(study):
                known = Image.objects.filter(study__site=self.site, sop_uid_hash=secret.uid_hash(instance))
                if known.exists():
                    continue
                number += 1
                yield from self._one((study, series, instance), unpack_into / f"fetched-{number}")

    def _one(self, names: tuple[str, str, str], folder: Path) -> Iterator[Source]:
        shown = f"{self.pacs.url}/studies/{names[0]}/series/{names[1]}/instances/{names[2]}"
        folder.mkdir()
        try:
            for path in self.pacs.fetch(*names, folder):
                yield Source(shown, path, is_temporary=True)
        except UserError as error:
            yield Source(shown, None, problem=f"{error}: fetch it again")
