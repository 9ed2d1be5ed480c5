"""A form counts once: every page that takes a POST asks for a key, or stands here with the reason why it needs none."""

from typing import Any

import pytest

from mammo.accounts.models import Site
from mammo.core.idempotency import FIELD
from tests.access import matrix, test_matrix
from tests.access.addresses import address_of, addresses, form_of
from tests.access.test_matrix import Hospital, is_refused

pytestmark = [pytest.mark.django_db, pytest.mark.slow, pytest.mark.usefixtures("no_browsers_loop")]

# Parts of the site whose POSTs are no forms of ours, or count once by other means.
ROOMS_WITHOUT = {
    "api": "the interface takes the header Idempotency-Key where it creates; tests/api",
    "admin": "Django's own, for superusers",
    "account": "signing in and out, and one's own password (allauth)",
    "mfa": "one's own second factors (allauth)",
}
LEADS_ON, VERSIONED = (
    "changes nothing: leads on or shows something",
    "changes one row under its version: 409 with both texts",
)
ONE_ROW = "moves one row on; a second one finds it moved and makes none"
WITHOUT_KEY = {
    "home": LEADS_ON, "home_progress": LEADS_ON, "healthz": LEADS_ON, "archive:studies": LEADS_ON,
    "annotation:correct-check": LEADS_ON, "evaluation:analyse": "computes on a file of one's own and keeps nothing",
    "accounts:audit-verify": LEADS_ON, "set_language": "the language of one's own account",
    "annotation:correct-next": "takes a seat; who holds one is led to it",
    "annotation:pick-next": "as correct-next", "annotation:adjudicate-next": "as correct-next",
    "annotation:correct-draft": VERSIONED, "annotation:pick-draft": VERSIONED,
    "annotation:adjudicate-draft": VERSIONED, "annotation:campaign-settings": VERSIONED,
    "annotation:campaign-texts": VERSIONED, "evaluation:protocol-edit": VERSIONED,
    "evaluation:trial-edit": VERSIONED,
    "annotation:skip-lift": ONE_ROW, "annotation:flag-settle": ONE_ROW, "annotation:endpoint-decide": ONE_ROW,
    "modeling:export-decide": ONE_ROW, "modeling:turn-stop": ONE_ROW, "evaluation:consent": ONE_ROW,
    "evaluation:read-consent": ONE_ROW,
    "annotation:news-read": "marks as seen", "jobs:seen": "marks as seen",
    "annotation:phrase-remove": "deletes one row of one's own",
    "archive:viewer-preferences": "one row per account, JSON of the viewer",
    "archive:upload-finish": "carries the upload's number and its batch's; doing it twice changes nothing",
    "annotation:export-download": "a download", "modeling:export-take": "a download",
    "evaluation:export-download": "a download",
}  # fmt: skip
# What a page asks for before it asks for the key.
ASKED_FIRST = {"evaluation:design": {"do": "rater"}}


def keyless(name: str, key: Any, own: Any) -> dict[str, str]:
    """What `form_of` sends, without the key."""
    return {k: value for k, value in form_of(name, key, own).items() if k != FIELD} | ASKED_FIRST.get(
        name, {}
    )


def test_every_page_post_without_a_key_is_refused_or_says_why(
    site: Site, other_site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(test_matrix, "form_of", keyless)
    hospital, known = Hospital(site, other_site), addresses()
    without = set()
    for row in matrix.read():
        room = row.name.partition(":")[0].partition("_")[0]
        if row.method != "POST" or room in ROOMS_WITHOUT or is_refused(row):
            continue
        person = next(
            who
            for who, cell in zip(matrix.PEOPLE, row.cells, strict=True)
            if cell.split()[0] not in ("401", "403", "404", "405")
        )
        own = hospital.ours.own.get(row.kind, "")
        address = address_of(row.name, known[row.name], own, hospital.ours.own["cell"])
        status, body = hospital.ask(person, row.name, "POST", address, own)
        if status != 400 or FIELD not in body:
            without.add(row.name)
    asked = "these pages take a POST without a key: say why, or @once: "
    assert without <= WITHOUT_KEY.keys(), asked + ", ".join(sorted(without - WITHOUT_KEY.keys()))
    assert sorted(WITHOUT_KEY.keys() - without) == [], "these ask for a key: no reason is needed"
