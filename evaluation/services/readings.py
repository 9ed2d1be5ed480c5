"""Readings: one case at a time in the stored order, the washout enforced, changed by new rows until the lock."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Max
from django.utils import timezone
from django.utils.translation import gettext as _

from evaluation.models import (
    Reader,
    ReaderStudy,
    ReaderStudyCase,
    ReaderStudyEvent,
    Reading,
    ReadingSlot,
)
from evaluation.services.access import require_designer
from evaluation.services.reader_studies import ASSISTED, SCALES, SIDES, locked_reader_study
from evaluation.services.shown_studies import require_all_shown
from mammo.accounts import audit
from mammo.accounts.models import Role, User
from mammo.core.choices import Birads, Laterality
from mammo.core.errors import NotAllowedError, StaleVersionError, UserError, WrongStateError

LONGEST_SECONDS = 3600.0
ORDER = {category: place for place, category in enumerate(Birads.values)}


@dataclass(frozen=True)
class Assessment:
    """What a reader says about a case.

    Attributes:
        side: L, R or N (no finding); finding: of Reading.Finding.
        point: view, and across and down as shares of the image; None where there is no finding.
        category: BI-RADS of the study's scale; likelihood: of malignancy, 0 to 100.
    """

    category: str
    likelihood: int
    side: str = "N"
    finding: str = Reading.Finding.NONE
    point: Mapping[str, Any] | None = None


def next_reading(reader: Reader) -> ReadingSlot | None:
    """The first slot of the reader's sequence without a final reading; passed over are those of patients who withdrew,
    and of cases of which a picture was taken out."""
    return reader.slots.unread().order_by("position").first()


def opens_at(slot: ReadingSlot) -> datetime | None:
    """When a slot may be opened: after the washout since this reader last read this case; None at once."""
    study = slot.reader.reader_study
    if study.design != ReaderStudy.Design.CROSSOVER:
        return None
    # The whole first period has to lie behind, so that a period is never half in the washout.
    before = Reading.objects.filter(slot__reader=slot.reader, slot__session__lt=slot.session)
    last = before.aggregate(last=Max("created_at"))["last"]
    return last + timedelta(days=study.washout_days) if last is not None else None


def reading_of(user: User, pk: UUID, *, now: datetime | None = None) -> ReadingSlot | None:
    """The slot, if this reader may open it now; None is the same for all others.

    It is its turn and its day has come; or it was read before, and the case has not come under the other condition yet
    (in a crossover: the period is not over).

    Raises:
        WrongStateError: its report or an image of it is not the frozen one.
    """
    rows = ReadingSlot.objects.of(user).not_erased().pictured().filter(pk=pk)
    consented = rows.filter(reader__consented_at__isnull=False)
    slot: ReadingSlot | None = consented.select_related(
        "reader__reader_study__site", "reader__user", "case__study"
    ).first()
    if slot is None or not _is_open(slot, now or timezone.now()):
        return None
    require_all_shown([slot.case], reports=True)
    return slot


def _is_open(slot: ReadingSlot, now: datetime) -> bool:
    following = next_reading(slot.reader)
    if following is not None and slot.position > following.position:
        return False
    if slot.readings.exists():
        return not _is_over(slot, following) and not _met_again(slot, following)
    opens = opens_at(slot)
    return opens is None or opens <= now


def _is_over(slot: ReadingSlot, following: ReadingSlot | None) -> bool:
    """Whether the washout after the slot's period runs: a case looked at again with the output would undo it."""
    if slot.reader.reader_study.design != ReaderStudy.Design.CROSSOVER:
        return False
    return following is not None and following.session > slot.session


def _met_again(slot: ReadingSlot, following: ReadingSlot | None) -> bool:
    """Whether the reader has come to the same case under the other condition: what was read before it stands."""
    later = slot.reader.slots.filter(case=slot.case_id, position__gt=slot.position)
    if following is not None:
        later = later.filter(position__lte=following.position)
    return later.exists()


def is_assisted(slot: ReadingSlot) -> bool:
    """Whether the model's output is shown."""
    return slot.condition == ASSISTED


def standing_reading(slot: ReadingSlot) -> Reading | None:
    """The final reading that no later one replaced."""
    return slot.readings.filter(phase="final", replaced_by__isnull=True).order_by("-revision").first()


def consent_to_read(reader: Reader, *, by_user: User) -> None:
    """Record that the reader agreed to the conditions.

    Raises:
        NotAllowedError: another person's consent.
        WrongStateError: the study is not open.
    """
    if by_user != reader.user:
        raise NotAllowedError(_("Only the rater gives this consent."))
    with transaction.atomic():
        row = locked_reader_study(reader.reader_study, ReaderStudy.State.READING)
        if reader.consented_at is None:
            reader.consented_at = timezone.now()
            reader.save(update_fields=["consented_at"])
            audit.record("evaluation.reader_consented", by_user=by_user, on=reader, site=row.site)


def record_reading(
    slot: ReadingSlot,
    given: Assessment,
    *,
    by_user: User,
    seconds: float = 0.0,
    expected_revision: int | None = None,
    now: datetime | None = None,
) -> Reading:
    """Store a reading; again on the same slot is a new row that replaces the one before.

    Args:
        expected_revision: of the reading that the reader had before them (0: none); None does not ask.

    Raises:
        NotAllowedError: another reader's slot, or one whose turn or day has not come.
        WrongStateError: the study is not open.
        StaleVersionError: the case was read anew meanwhile; carries the reading that stands.
        UserError: a value that the study's scale does not know, or a lesion outside of the case's breast.
    """
    with transaction.atomic():
        if slot.reader.user_id != by_user.pk:
            raise NotAllowedError(_("This form is not yours."))
        study = locked_reader_study(slot.reader.reader_study, ReaderStudy.State.READING)
        row = reading_of(by_user, slot.pk, now=now)
        if row is None:
            raise NotAllowedError(_("This form is not yours."))
        _check(given, study)
        _check_breast(given, row.case)
        before = standing_reading(row)
        _refuse_stale(before, expected_revision)
        made = Reading.objects.create(
            slot=row,
            by_user=by_user,
            revision=1 if before is None else before.revision + 1,
            replaces=before,
            phase="final",
            side=given.side,
            finding=given.finding,
            point=dict(given.point) if given.point else None,
            category=given.category,
            likelihood=given.likelihood,
            decision=ORDER[given.category] >= ORDER[study.operating_point],
            shown_output=row.case.output if is_assisted(row) else {},
            seconds=min(seconds, LONGEST_SECONDS) if math.isfinite(seconds) and seconds > 0 else 0.0,
            is_simulated=row.reader.is_simulated or by_user.is_simulated or study.is_simulated,
        )
        audit.record("evaluation.read", by_user=by_user, on=row, site=study.site, revision=made.revision)
    return made


def _refuse_stale(before: Reading | None, expected_revision: int | None) -> None:
    revision = before.revision if before is not None else 0
    if expected_revision is not None and revision != expected_revision:
        raise StaleVersionError(
            _("This case was read anew since you opened it: compare the readings and save again."),
            current=before,
            current_version=revision,
        )


def _check(given: Assessment, study: ReaderStudy) -> None:
    known = SCALES[study.scale]
    if given.category not in known:
        raise UserError(_("category: give one of %(known)s") % {"known": ", ".join(known)})
    if isinstance(given.likelihood, bool) or not 0 <= given.likelihood <= 100:
        raise UserError(_("likelihood: give a whole number from 0 to 100"))
    if given.side not in SIDES or given.finding not in Reading.Finding.values:
        raise UserError(_("side, finding: choose one of the list"))
    if (given.finding == Reading.Finding.NONE) != (given.side == "N"):
        raise UserError(_("side, finding: a finding has a side, and no finding has none"))
    if given.finding != Reading.Finding.NONE and not _is_point(given.point):
        raise UserError(_("point: click on the lesion in one view"))


def _check_breast(given: Assessment, case: ReaderStudyCase) -> None:
    """Refuse a lesion of another breast than the case's: it would count as a decision about this one.

    Raises:
        UserError: side or click are of the other breast, or of two breasts.
    """
    if given.finding == Reading.Finding.NONE or given.point is None:
        return
    sides = {given.side, str(given.point["view"])[:1]}
    if case.laterality and sides != {case.laterality}:
        breast = dict(Laterality.choices)[case.laterality]
        raise UserError(
            _(
                "side, point: this case is one breast (%(breast)s); what lies in the other breast is no finding of it"
            )
            % {"breast": breast}
        )
    if len(sides) > 1:
        raise UserError(
            _("side, point: the click lies in the other breast than the side; change one of them")
        )


def _is_point(point: Mapping[str, Any] | None) -> bool:
    if not point or not isinstance(point.get("view"), str):
        return False
    places = [point.get(name) for name in ("across", "down")]
    return all(isinstance(place, int | float) and 0 <= place <= 1 for place in places)


def withdraw_reader(reader: Reader, reason: str, *, by_user: User) -> None:
    """Take a reader out of a running study; what they read stays on the record.

    Raises:
        NotAllowedError: neither the reader nor a researcher.
        WrongStateError: the study is not being read.
        UserError: no reason was given.
    """
    if by_user != reader.user:
        require_designer(reader.reader_study.site, by_user)
    if not reason.strip():
        raise UserError(_("reason: say why, for the record"))
    with transaction.atomic():
        row = locked_reader_study(reader.reader_study, ReaderStudy.State.FROZEN, ReaderStudy.State.READING)
        reader.refresh_from_db(fields=["withdrawn_at"])
        if reader.withdrawn_at is not None:
            raise WrongStateError(_("This reader withdrew already."))
        reader.withdrawn_at = timezone.now()
        reader.save(update_fields=["withdrawn_at"])
        ReaderStudyEvent.objects.create(
            reader_study=row,
            kind="withdrawn",
            by_user=by_user,
            reason=reason.strip(),
            sha256=row.design_sha256,
            is_simulated=row.is_simulated,
        )
        audit.record(
            "evaluation.reader_withdrawn", by_user=by_user, on=reader, site=row.site, reason=reason.strip()
        )


def reading_progress(study: ReaderStudy) -> list[dict[str, Any]]:
    """Per reader: cases read and all, by period; no reading."""
    found = []
    for reader in study.readers.select_related("user").order_by("created_at"):
        total = reader.slots.counted().count()
        left = reader.slots.unread().count()
        group = dict(Role.choices).get(reader.group, reader.group)
        found.append({"reader": reader, "group": group, "done": total - left, "total": total})
    return found


def left_pictures_of_cases(study: ReaderStudy) -> list[str]:
    """Which cases of a frozen study have lost a picture, as a note; nothing where none has."""
    left = study.cases.filter(picture_left_at__isnull=False).order_by("position")
    positions = ", ".join(map(str, left.values_list("position", flat=True)))
    said = _(
        "A picture with text on it was taken out of cases %(positions)s: what was not read before is passed over."
    )
    return [said % {"positions": positions}] if positions else []


def readings_waiting(user: User) -> int:
    """Cases that wait for this account in open reader studies and may be read today."""
    count = 0
    for reader in Reader.objects.filter(
        user=user, withdrawn_at__isnull=True, reader_study__state=ReaderStudy.State.READING
    ).select_related("reader_study"):
        following = next_reading(reader)
        opens = opens_at(following) if following is not None else None
        if following is not None and (opens is None or opens <= timezone.now()):
            count += reader.slots.unread().filter(session=following.session).count()
    return count
