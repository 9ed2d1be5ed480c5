"""Fetching studies from a PACS as jobs: one asks what there is, those behind it bring a few studies each.

What they bring goes into the encrypted inbox, from where the import takes it like everything that is received.
"""

from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Any, cast

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from mammo.accounts import audit
from mammo.accounts.models import Site, User
from mammo.archive import inbox
from mammo.archive.models import Image, ImportBatch, PacsFetch, PacsService
from mammo.archive.pacs_query import Query
from mammo.archive.pseudonyms import installation
from mammo.archive.received_job import import_soon
from mammo.core.errors import NotAllowedError, UserError, WrongStateError
from mammo.jobs.attempt_files import AttemptFiles
from mammo.jobs.kinds import SECRETS
from mammo.jobs.models import ENDED, Job
from mammo.jobs.services import submit

JOB_KIND = "archive.fetch_studies"
MODULE = "mammo.archive.fetch_child"
# A job lays its files, decrypted, into its own folder: few at a time.
STUDIES_PER_JOB = 8


def add_pacs_service(
    name: str,
    *,
    site: Site,
    url: str,
    user_name: str = "",
    password: str = "",
    certificates: str = "",
    by_user: User | None,
) -> PacsService:
    """Let data managers of a site ask this DICOMweb service; an administrator's act.

    Raises:
        UserError: the name is taken, the address is none, or the file of certificates is missing.
    """
    if not name.strip() or PacsService.objects.filter(site=site, name=name).exists():
        raise UserError(_("name %(name)r: give one that no PACS of the site has or had") % {"name": name})
    if not url.startswith(("http://", "https://")):
        raise UserError(
            _("%(url)r: give the address of a DICOMweb service, such as https://pacs/dicom-web")
            % {"url": url}
        )
    if certificates and not Path(certificates).is_file():
        raise UserError(_("%(certificates)s: no such file") % {"certificates": certificates})
    with transaction.atomic():
        service = PacsService.objects.create(
            site=site,
            name=name,
            url=url.rstrip("/"),
            user_name=user_name,
            password=password,
            certificates=certificates,
            by_user=by_user,
        )
        audit.record("archive.pacs_added", by_user=by_user, on=service, site=site, url=service.url)
    return service


def remove_pacs_service(name: str, *, site: Site, by_user: User | None) -> PacsService:
    """Ask this service no more; its password is forgotten.

    Raises:
        UserError: the site has no such service.
    """
    with transaction.atomic():
        service = (
            PacsService.objects.select_for_update(of=("self",))
            .select_related("site")
            .filter(site=site, name=name, removed_at=None)
            .first()
        )
        if service is None:
            raise UserError(_("no PACS %(name)r at this site") % {"name": name})
        service.removed_at, service.password = timezone.now(), ""
        service.save(update_fields=["removed_at", "password"])
        audit.record("archive.pacs_removed", by_user=by_user, on=service, site=site)
    return service


def begin_fetch(service: PacsService, query: Query, *, by_user: User) -> PacsFetch:
    """Ask a PACS for studies and import what it has; runs as jobs.

    Raises:
        NotAllowedError: the account is no data manager of the site.
        UserError: nothing restricts the query.
    """
    if service.removed_at is not None or not by_user.has_role("data_manager", site=service.site):
        raise NotAllowedError(_("only a data manager of the site fetches from its PACS"))
    if query.is_empty:
        raise UserError(_("say what to fetch: days, a hospital number, an accession number or a study"))
    if query.first and query.last and query.last < query.first:
        raise UserError(_("last day: give one that is not before the first"))
    with transaction.atomic():
        fetch = PacsFetch.objects.create(service=service, by_user=by_user, query=cast("Any", query.as_dict()))
        audit.record("archive.fetch_begun", by_user=by_user, on=fetch, site=service.site, pacs=service.name)
        _submit(fetch, by_user)
    return fetch


def go_on(fetch: PacsFetch, *, by_user: User) -> PacsFetch:
    """Go on where a fetch ended that failed or was cancelled.

    Raises:
        NotAllowedError: the account is no data manager of the site.
        WrongStateError: it is finished, or at work.
    """
    if not by_user.has_role("data_manager", site=fetch.service.site):
        raise NotAllowedError(_("only a data manager of the site fetches from its PACS"))
    with transaction.atomic():
        row = _locked(fetch.pk)
        if row.finished_at is not None or (row.job is not None and row.job.state not in ENDED):
            raise WrongStateError(_("this fetch is finished or at work"))
        _submit(row, by_user)
    return row


def build_request(job: Job) -> dict[str, Any]:
    """What the child asks; the PACS's password and the key of the pseudonyms go over its standard input.

    Raises:
        UserError: the service was removed, or the inbox has no room.
    """
    fetch = _fetch(job)
    service = fetch.service
    if service.removed_at is not None:
        raise UserError(_("%(service)s: was removed by an administrator") % {"service": service.name})
    request = {
        "url": service.url,
        "user": service.user_name,
        "certificates": service.certificates,
    }
    handed = {"password": str(service.password)}
    if fetch.todo is None:
        return {**request, "query": fetch.query, SECRETS: handed}
    inbox.check_room(service.site)
    studies = list(fetch.todo)[:STUDIES_PER_JOB]
    pseudonyms = installation()
    known = Image.objects.filter(
        study__site=service.site, study__study_uid_hash__in=[pseudonyms.uid_hash(study) for study in studies]
    )
    return {
        **request,
        SECRETS: {**handed, "pseudonyms": pseudonyms.secret.hex()},
        "known": list(known.values_list("sop_uid_hash", flat=True)),
        "studies": studies,
        "folder": str(AttemptFiles(job).folder),
    }


def ingest(job: Job, rows: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """Note what there is, or put what was brought into the inbox; then the next job, or the end."""
    fetch = _locked(_fetch(job).pk)
    answered = list(rows)
    if fetch.todo is None:
        fetch.todo = [str(row["study"]) for row in answered]
        fetch.found = len(fetch.todo)
        counts = {"found": fetch.found}
    else:
        counts = _keep(fetch, answered)
        done = {row["done"] for row in answered if "done" in row}
        fetch.todo = [study for study in fetch.todo if study not in done]
    fetch.finished_at = None if fetch.todo else timezone.now()
    fetch.save()
    if fetch.todo:
        _submit(fetch, job.by_user)
    else:
        audit.record(
            "archive.fetch_ended", by_user=job.by_user, on=fetch, site=fetch.service.site,
            found=fetch.found, known=fetch.known, fetched=fetch.fetched, failed=fetch.failed,
        )  # fmt: skip
    return counts


def is_last(job: Job) -> bool:
    """Whether nothing of its fetch is left to do."""
    return not PacsFetch.objects.filter(pk=job.parameters["fetch"], finished_at=None).exists()


def _keep(fetch: PacsFetch, rows: list[dict[str, Any]]) -> dict[str, int]:
    site = fetch.service.site
    fetched = failed = known = 0
    for row in rows:
        if "name" not in row:
            known += int(row.get("known", 0))
            continue
        data = Path(row["path"]).read_bytes() if row["path"] else b""
        inbox.put(
            site,
            data,
            batch_id=fetch.pk,
            origin=ImportBatch.Origin.DICOMWEB,
            name=row["name"],
            by=str(fetch.by_user_id or ""),
            problem=row["problem"],
        )
        fetched, failed = fetched + bool(row["path"]), failed + (not row["path"])
    fetch.known += known
    fetch.fetched += fetched
    fetch.failed += failed
    if fetched or failed:
        transaction.on_commit(partial(import_soon, site, by_user=fetch.by_user))
    return {"known": known, "fetched": fetched, "failed": failed}


def _submit(fetch: PacsFetch, by_user: User | None) -> None:
    site = fetch.service.site
    job = submit(
        JOB_KIND,
        by_user=by_user,
        site=site,
        about=fetch,
        title=gettext_lazy("Fetch from %(pacs)s"),
        title_values={"pacs": fetch.service.name},
        parameters={"fetch": str(fetch.pk)},
        is_simulated=site.is_simulated,
    )
    PacsFetch.objects.filter(pk=fetch.pk).update(job=job)
    fetch.job = job


def _fetch(job: Job) -> PacsFetch:
    return PacsFetch.objects.select_related("service__site", "by_user").get(pk=job.parameters["fetch"])


def _locked(key: Any) -> PacsFetch:
    rows = PacsFetch.objects.select_for_update(of=("self",)).select_related("service__site", "by_user", "job")
    return rows.get(pk=key)
