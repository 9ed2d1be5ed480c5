"""Whoever joins a split while it is being frozen is in its hash, or is refused."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection, connections, transaction

from mammo.accounts.models import Site, User
from mammo.archive.models import Patient, Split, SplitMembership
from mammo.archive.splits import freeze_split, members_sha256
from mammo.core.keys import key_store

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has one writer at a time"),
]
PATIENCE = 20.0


def test_a_patient_who_joins_while_it_is_frozen_is_in_its_hash(site: Site, rita: User) -> None:
    patient = Patient.objects.create(site=site, number_hash="a", pseudonym="P-A", key_id=key_store().create())
    split = Split.objects.create(site=site, name="s", purpose="p")
    joined = threading.Event()

    def join() -> None:
        try:
            with transaction.atomic():
                SplitMembership.objects.create(split=split, patient=patient, side="test")
                joined.set()
                # As long as this is not committed nobody may freeze it.
                threading.Event().wait(1.0)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(1) as other:
        joining = other.submit(join)
        assert joined.wait(PATIENCE)
        freeze_split(split, by_user=rita)
        joining.result(PATIENCE)
    split.refresh_from_db()
    assert split.members.count() == 1
    assert split.members_sha256 == members_sha256(split)
