"""Whatever leaves the site as a file leaves an event: every address, asked by somebody who may, file by file."""

import ast
import time
import uuid
from pathlib import Path
from typing import Any

import pytest
from allauth.account.internal.flows.login import AUTHENTICATION_METHODS_SESSION_KEY
from django.conf import settings
from django.core.cache import cache
from django.db import transaction
from django.test import Client

from annotation.models import TrainingExport
from evaluation.models import DataExport
from mammo.accounts.models import AuditEvent, Site, User
from modeling.data.snapshot import weights_sha256
from modeling.models import Checkpoint, CheckpointExport
from tests.access import matrix
from tests.access.addresses import address_of, addresses, form_of, kind_of
from tests.mammo.pages.walk import Keys, furnished

pytestmark = [pytest.mark.django_db, pytest.mark.slow, pytest.mark.usefixtures("no_browsers_loop")]
ROOT = Path(settings.BASE_DIR)
ROOMS = ("platform/mammo", "annotation", "modeling", "evaluation")
# The functions that answer with a file, and an address of the walk that leads there.
ANSWER_FILES = {
    "annotation/api_viewsets.py download": "api:exports-download",
    "annotation/views/research.py _csv_file": "annotation:own-hours",
    "annotation/views/research.py download_export": "annotation:export-download",
    "evaluation/api.py table_file": "api:trials-table-file",
    "evaluation/views/exports.py download": "evaluation:export-download",
    "evaluation/views/results.py _figure": "evaluation:result-figure",
    "evaluation/views/tables.py _file": "evaluation:any-table",
    "evaluation/views/trials.py table": "evaluation:table",
    "modeling/views/exports.py take": "modeling:export-take",
    "platform/mammo/archive/viewing.py viewing_copy_response": "",  # inline: the picture within a page
    "platform/mammo/archive/views/cohorts.py baseline_csv": "archive:cohort-baseline",
    "platform/mammo/archive/views/overview.py figure_svg": "archive:overview-figure",
    "platform/mammo/archive/views/overview.py table_csv": "archive:overview-table",
    "platform/mammo/archive/views/tables.py unmatched": "archive:import-unmatched",
}
ELSEWHERE = {"annotation:campaign-quality", "mfa_download_recovery_codes"}
ASKING = ("rita", "dana", "stan", "june", "sena", "adam")
# Tables of a trial are there once it is locked.
LOCKED = {"evaluation:table": "locked_trial", "api:trials-table-file": "locked_trial"}
# A page whose table can be taken as a file links to it so.
AS_FILE = "as=csv"


def answering_files() -> set[str]:
    """File and function of every place in the code that makes an answer to be kept as a file."""
    found = set()
    for room in ROOMS:
        for path in sorted((ROOT / room).rglob("*.py")):
            for function in ast.walk(ast.parse(path.read_text("utf-8"))):
                if isinstance(function, ast.FunctionDef) and _makes_a_file(function):
                    found.add(f"{path.relative_to(ROOT)} {function.name}")
    return found


def _makes_a_file(function: ast.FunctionDef) -> bool:
    inner = list(ast.walk(function))
    named = any(isinstance(each, ast.keyword) and each.arg == "as_attachment" for each in inner)
    headed = any(isinstance(each, ast.Constant) and each.value == "Content-Disposition" for each in inner)
    return named or headed


def test_every_function_that_answers_with_a_file_is_known_here() -> None:
    assert answering_files() == set(ANSWER_FILES)


def make_ready(keys: Keys, people: dict[str, User]) -> None:
    """What was exported lies on the disk, and was approved for who asks."""
    folder = Path(settings.MAMMO_HOME) / "files"
    folder.mkdir(parents=True)
    (folder / "a.json").write_text("{}", "utf-8")
    TrainingExport.objects.filter(pk=keys["export"]).update(folder=str(folder))
    Checkpoint.objects.filter(pk=keys["checkpoint"]).update(folder=str(folder), sha256=weights_sha256(folder))
    CheckpointExport.objects.filter(pk=keys["release"]).update(
        state="approved", decided_by=people["adam"], asked_by=people["rita"]
    )
    DataExport.objects.filter(pk=keys["data_export"]).update(
        state="approved", decided_by=people["adam"], asked_by=people["rita"], trial=keys["locked_trial"]
    )


def signed_in(person: User) -> Client:
    """A browser in which this person signed in a moment ago."""
    client = Client(raise_request_exception=False)
    client.force_login(person)
    session = client.session
    session[AUTHENTICATION_METHODS_SESSION_KEY] = [{"method": "password", "at": time.time()}]
    session.save()
    return client


def who_may(row: matrix.Row) -> list[str]:
    """Who gets further than a refusal by the table (409: in the state that the table furnishes), at most two."""
    cells = dict(zip(matrix.PEOPLE, row.cells, strict=True))
    found = [name for name in ASKING if cells[name].split()[0] in ("200", "400", "409")]
    return [*found[:2], *(["tess"] if row.name.startswith("mfa_") else [])]


def ask(client: Client, row: matrix.Row, address: str, key: Any, own: Keys) -> tuple[bool, list[str], bool]:
    """Whether the answer is a file, the events that it left, and whether it is a page that links to its table as a file.

    What it changed is undone.
    """
    cache.clear()
    with transaction.atomic():
        last = AuditEvent.objects.order_by("-sequence").values_list("sequence", flat=True).first() or 0
        if row.method == "GET":
            answer = client.get(address)
        elif address.startswith("/api/"):
            headers = {"Idempotency-Key": str(uuid.uuid4())}
            answer = client.post(address, {}, content_type="application/json", headers=headers)
        else:
            answer = client.post(address, form_of(row.name, key, own))
        is_file = answer.headers.get("Content-Disposition", "").startswith("attachment")
        body = b"".join(answer) if answer.streaming else answer.content  # read to its end, which closes it
        left: list[str] = []
        if is_file:  # an answer that is none may have broken the transaction
            left = list(AuditEvent.objects.filter(sequence__gt=last).values_list("action", flat=True))
        transaction.set_rollback(True)
        return is_file and answer.status_code == 200, left, not is_file and AS_FILE.encode() in body


def test_whatever_leaves_as_a_file_is_in_the_trail(site: Site) -> None:
    people, own = furnished(site)
    make_ready(own, people)
    browsers = {name: signed_in(person) for name, person in people.items()}
    known, files, silent = addresses(), set(), []
    for row in matrix.read():
        if row.name not in known or row.method not in ("GET", "POST"):
            continue
        kind = kind_of(row.name, known[row.name])
        key = own.get(LOCKED.get(row.name, kind), uuid.uuid4())
        address = address_of(row.name, known[row.name], key, own["cell"])
        for person in who_may(row):
            asked = [address]
            for each in asked:
                is_file, events, links_to_file = ask(browsers[person], row, each, key, own)
                files |= {row.name} if is_file else set()
                if is_file and not events:
                    silent.append(f"{person} {row.method} {each} ({row.name})")
                if links_to_file and row.method == "GET" and each == address:
                    asked.append(f"{address}?{AS_FILE}")
    assert silent == []
    assert files == {*ANSWER_FILES.values(), *ELSEWHERE} - {""}
