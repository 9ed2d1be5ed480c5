"""A table of questions brought in on a page: read, shown, and taken in only when a person confirms it."""

from dataclasses import asdict, dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from django.core.files.uploadedfile import UploadedFile
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from annotation.models import Campaign, Question, QuestionUpload
from annotation.question_table import (
    LONGEST_POOL,
    SUFFIXES,
    QuestionRow,
    RowProblem,
    WrongRowsError,
    language_of,
    read_question_table,
)
from annotation.services.access import require_table_keeper
from annotation.services.questions import Foreseen, ImportResult, foresee, import_questions
from mammo.accounts import audit
from mammo.accounts.models import User
from mammo.core import raw_files
from mammo.core.errors import NotAllowedError, UserError, WrongStateError

# A table that nobody confirmed holds patients' words before cleaning: it goes by itself.
KEPT_FOR = timedelta(days=3)
LARGEST_TABLE = 20_000_000
MOST_ROWS = 20_000
# Looked through by a page: what it asks of a row takes some milliseconds.
MOST_FORESEEN = 500
# Of the rows as they were read, so many are shown.
MOST_SHOWN = 20


def read_upload(campaign: Campaign, file: "UploadedFile[bytes]", *, by_user: User) -> QuestionUpload:
    """Read a table and keep it, encrypted, until it is confirmed or thrown away; nothing is taken in yet.

    Raises:
        NotAllowedError: neither researcher nor data manager of the site.
        UserError: the file is no table of questions; names column or row, and the mend.
    """
    require_table_keeper(campaign.site, by_user)
    name = Path(file.name or "questions").name
    suffix = Path(name).suffix.lower()
    if suffix not in SUFFIXES:
        raise UserError(
            _("%(name)s: tables of questions end in %(known)s") % {"name": name, "known": ", ".join(SUFFIXES)}
        )
    if (file.size or 0) > LARGEST_TABLE:
        raise UserError(_("%(name)s: larger than 20 MB; divide the table") % {"name": name})
    rows, wrong = _rows_of(file, name, suffix)
    if len(rows) + len(wrong) > MOST_ROWS:
        raise UserError(
            _("%(name)s: more than %(most)s rows; divide the table") % {"name": name, "most": MOST_ROWS}
        )
    if wrong:
        raise WrongRowsError(wrong + _not_taken(campaign, rows, wrong, name))
    upload = QuestionUpload(campaign=campaign, by_user=by_user, name=name[:200])
    upload.rows = [_as_json(row) for row in rows]
    with transaction.atomic():
        upload.save(force_insert=True)
        audit.record(
            "annotation.table_read", by_user=by_user, on=campaign, site=campaign.site, rows=len(rows)
        )
    return upload


def _rows_of(
    file: "UploadedFile[bytes]", name: str, suffix: str
) -> tuple[list[QuestionRow], list[RowProblem]]:
    """The rows that can be read, and what is wrong with the others."""
    with raw_files.laid_out() as folder:
        path = folder / f"table{suffix}"
        with path.open("wb") as target:
            for chunk in file.chunks():
                target.write(chunk)
        try:
            return read_question_table(path), []
        except WrongRowsError as wrong:
            told = [RowProblem(one.row, one.said.replace(str(path), name)) for one in wrong.problems]
            return wrong.rows, told
        except UserError as error:
            raise UserError(str(error).replace(str(path), name)) from None


def _not_taken(
    campaign: Campaign, rows: list[QuestionRow], wrong: list[RowProblem], name: str
) -> list[RowProblem]:
    """What the import would refuse of a table whose other rows are wrong: one reading names them all."""
    named = {one.row for one in wrong}
    seen = foresee(campaign, [row for row in rows if row.number not in named])
    return [
        RowProblem(
            item.row,
            _("%(name)s, row %(row)s: %(reason)s") % {"name": name, "row": item.row, "reason": item.reason},
        )
        for item in seen.problems
    ]


def foresee_upload(upload: QuestionUpload) -> Foreseen:
    """What taking a table in would make of its rows now; of a long one the first MOST_FORESEEN, a second or so."""
    return foresee(upload.campaign, [QuestionRow.from_json(values) for values in upload.rows[:MOST_FORESEEN]])


@dataclass(frozen=True)
class Preview:
    """What a kept table holds and what taking it in would make of it now, for a page and a program alike.

    Attributes:
        rows: the first MOST_SHOWN as they were read, before cleaning.
        count: rows in all; several_rounds of them hold more than one turn.
        looked_through: how many of them, the first ones, `foreseen` tells of.
    """

    rows: list[dict[str, Any]]
    count: int
    several_rounds: int
    has_pools: bool
    looked_through: int
    foreseen: Foreseen


def preview_upload(upload: QuestionUpload, *, by_user: User) -> Preview:
    """Look through a kept table; nothing is taken in. Its words before cleaning are shown: an audit event.

    Raises:
        NotAllowedError: the account neither brought the table in nor is data manager of the site.
    """
    received = open_upload(upload, by_user=by_user)
    foreseen = foresee_upload(upload)
    return Preview(
        rows=received[:MOST_SHOWN],
        count=len(received),
        several_rounds=sum(len(values["turns"]) > 1 for values in received),
        has_pools=any(values.get("pool") for values in received),
        looked_through=len(foreseen.result.items),
        foreseen=foreseen,
    )


def _as_json(row: QuestionRow) -> dict[str, Any]:
    values = asdict(row)
    values["turns"] = list(row.turns)
    values["asked_on"] = row.asked_on.isoformat() if row.asked_on else ""
    return values


def open_upload(upload: QuestionUpload, *, by_user: User) -> list[dict[str, Any]]:
    """The rows as they were read, before cleaning; looking at them is an audit event.

    Raises:
        NotAllowedError: the account neither brought the table in nor is data manager of the site.
    """
    _require_may_open(upload, by_user)
    with transaction.atomic():
        audit.record(
            "annotation.table_seen",
            by_user=by_user,
            on=upload,
            site=upload.campaign.site,
            rows=len(upload.rows),
        )
    return list(upload.rows)


def confirm_upload(upload: QuestionUpload, *, by_user: User) -> ImportResult:
    """Take in what was read, once; the kept table is gone afterwards.

    Raises:
        NotAllowedError: the account neither brought the table in nor is data manager of the site.
        WrongStateError: somebody took it in or threw it away before.
        As `import_questions`.
    """
    _require_may_open(upload, by_user)
    with transaction.atomic():
        locked = QuestionUpload.objects.select_for_update(of=("self",)).select_related("campaign__site")
        row = locked.filter(pk=upload.pk).first()
        if row is None:
            raise WrongStateError(_("This table was taken in or thrown away already."))
        rows = [QuestionRow.from_json(values) for values in row.rows]
        result = import_questions(row.campaign, rows, by_user=by_user, table_name=row.name)
        row.delete()
    return result


def discard_upload(upload: QuestionUpload, *, by_user: User) -> None:
    """Throw a read table away; nothing was taken in.

    Raises:
        NotAllowedError: the account neither brought the table in nor is data manager of the site.
        WrongStateError: somebody took it in or threw it away before.
    """
    _require_may_open(upload, by_user)
    with transaction.atomic():
        row = QuestionUpload.objects.select_for_update(of=("self",)).filter(pk=upload.pk).first()
        if row is None:
            raise WrongStateError(_("This table was taken in or thrown away already."))
        audit.record(
            "annotation.table_discarded",
            by_user=by_user,
            on=row,
            site=upload.campaign.site,
            campaign=str(upload.campaign_id),
            rows=len(row.rows),
        )
        row.delete()


def _require_may_open(upload: QuestionUpload, by_user: User) -> None:
    if not QuestionUpload.objects.visible_to(by_user).filter(pk=upload.pk).exists():
        raise NotAllowedError(
            _("Only who brought this table in, or a data manager of the site, may do this.")
        )


def forget_unconfirmed() -> int:
    """Throw away tables that were read longer than `KEPT_FOR` ago and never confirmed; returns how many."""
    old = QuestionUpload.objects.filter(created_at__lt=timezone.now() - KEPT_FOR)
    thrown = 0
    for pk in list(old.values_list("pk", flat=True)):
        with transaction.atomic():
            # One that is being confirmed at this moment is locked, and is passed over.
            rows = QuestionUpload.objects.select_for_update(skip_locked=True, of=("self",))
            row = rows.select_related("campaign__site").defer("rows").filter(pk=pk).first()
            if row is None:
                continue
            row.delete()
            audit.record(
                "annotation.table_lapsed",
                by_user=None,
                on=row.campaign,
                site=row.campaign.site,
                upload=str(pk),
            )
            thrown += 1
    return thrown


def typed_question(campaign: Campaign, *, by_user: User, **values: Any) -> Question:
    """As `add_typed_question`, for one question that must be new.

    Raises:
        WrongStateError: the campaign holds it already.
    """
    with transaction.atomic():
        result = add_typed_question(campaign, by_user=by_user, **values)
        if result.counts["duplicate"]:
            raise WrongStateError(_("The campaign holds this question already."))
        # The campaign's row is locked by the import: nobody else has added one since.
        return (
            Question.objects.filter(campaign=campaign)
            .select_related("campaign__site", "patient")
            .latest("position")
        )


def add_typed_question(
    campaign: Campaign,
    *,
    by_user: User,
    text: str,
    source: str,
    language: str = "",
    consent: str = "",
    patient: str = "",
    accession: str = "",
    pool: str = "",
    asked_on: date | None = None,
) -> ImportResult:
    """One question typed on a page; the same checks and cleaning as for a table.

    Args:
        patient: hospital number, accession: its study; both may be empty.
        pool: the people it waits for; empty: all.
        asked_on: the day on which it was asked, where that is known.

    Raises:
        UserError: the question is empty, or the archive does not know patient or study.
    """
    require_table_keeper(campaign.site, by_user)
    turns = tuple(part.strip() for part in text.replace("\r\n", "\n").split("\n---\n") if part.strip())
    if not turns:
        raise UserError(_("text: empty; write the question"))
    if len(turns) % 2 == 0:
        raise UserError(_("text: the rounds alternate patient and answer and end with the patient"))
    if not source.strip():
        raise UserError(_("source: empty; say where the question was asked"))
    row = QuestionRow(
        number=1,
        patient=patient.strip(),
        accession=accession.strip(),
        language=language or language_of(" ".join(turns[::2])),
        turns=turns,
        source=source.strip()[:60],
        consent=consent.strip()[:120],
        pool=pool.strip()[:LONGEST_POOL],
        asked_on=asked_on,
    )
    result = import_questions(campaign, [row], by_user=by_user, table_name="typed")
    refused = next((item for item in result.items if item.outcome == "rejected"), None)
    if refused is not None:
        raise UserError(refused.reason)
    return result
