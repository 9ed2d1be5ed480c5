"""Studies as rows, without files, for what counts and lists them."""

import uuid
from datetime import date
from typing import Any

from django.test import Client
from django.test.utils import CaptureQueriesContext

from mammo.accounts.models import Role, Site, User
from mammo.accounts.services import create_account
from mammo.archive.models import (
    Image,
    Patient,
    Report,
    Study,
)
from mammo.archive.pseudonyms import installation
from mammo.core.keys import key_store

VIEWS = (("L", "CC"), ("R", "CC"), ("L", "MLO"), ("R", "MLO"))
PASSWORD = "correct horse battery"


def account(name: str, role: Role, *sites: Site) -> User:
    return create_account(
        name, password=PASSWORD, display_name=name.title(), roles={role: list(sites)}, by_user=None
    )


def add_study(
    site: Site, number: str, *, on: date = date(2019, 3, 11), views: Any = VIEWS, **values: Any
) -> Study:
    """A study of the patient with this hospital number, on this true day."""
    names = installation()
    patient, _ = Patient.objects.get_or_create(
        site=site,
        number_hash=names.number_hash(site.code, number),
        defaults={
            "pseudonym": names.pseudonym(site.code, number), "key_id": key_store().create(),
            "roster": {"numbers": ["A-1", number]},
        },
    )  # fmt: skip
    accession = values.pop("accession", "")
    study = Study.objects.create(
        site=site, patient=patient, study_uid=f"2.25.{uuid.uuid4().int}", study_uid_hash=uuid.uuid4().hex,
        date=names.shifted(on, site.code, number),
        accession_hash=names.accession_hash(site.code, accession) if accession else "", **values,
    )  # fmt: skip
    for laterality, view in views:
        Image.objects.create(
            study=study, laterality=laterality, view=view, sop_uid=uuid.uuid4().hex, sop_uid_hash=uuid.uuid4().hex,
            sha256=uuid.uuid4().hex, original="o", viewing_copy="v", viewing_copy_sha256="", rows=1, columns=1,
            window_center=1, window_width=1, laterality_source="table", procedure_version="1",
        )  # fmt: skip
    return study


def add_report(study: Study, confidence: float = 1.0) -> Report:
    return Report.objects.create(
        study=study, language="zh", original="李秀英，左乳BI-RADS 3类。", cleaned="[姓名]，左乳BI-RADS 3类。",
        blanked="[姓名]，左乳BI-RADS __类。", blanked_strict="[姓名]，左乳BI-RADS __类。",
        reading={"confidence": confidence}, sha256=uuid.uuid4().hex,
    )  # fmt: skip


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def is_locked_last(queries: CaptureQueriesContext) -> bool:
    """Whether an import touched the trail, which others wait for, only when all its items were written."""
    asked = [query["sql"] for query in queries]
    items = [at for at, sql in enumerate(asked) if sql.startswith('INSERT INTO "archive_importitem"')]
    heads = [at for at, sql in enumerate(asked) if "accounts_audithead" in sql]
    return len(items) > 1 and heads[0] > items[-1]
