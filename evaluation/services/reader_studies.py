"""Reader studies: made, given cases and readers, frozen with stored orders and the model's pinned output."""

import hashlib
import json
import secrets
from collections.abc import Iterable, Mapping
from typing import Any, TypedDict, Unpack
from uuid import UUID

from django.db import transaction
from django.db.models import Max
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from evaluation.models import (
    Protocol,
    Reader,
    ReaderStudy,
    ReaderStudyCase,
    ReaderStudyEvent,
    ReadingSlot,
)
from evaluation.services.access import require_designer
from evaluation.services.cohorts import case_obstacles, refuse_outside
from evaluation.services.leakage import training_side
from evaluation.services.planned_contrast import reading_contrast_obstacles
from evaluation.services.protocols import require_protocol_unchanged
from evaluation.services.proven_studies import malignant_breasts
from evaluation.services.shown_studies import fixed_today, hold_pictures, require_all_shown
from evaluation.services.trials import SEED_LIMIT
from evaluation.slot_design import keyed_random
from mammo.accounts import audit
from mammo.accounts.models import Role, User
from mammo.archive.models import Study
from mammo.archive.reporting_doctors import hashes_of, is_reported_by
from mammo.archive.services import earlier_study
from mammo.core.choices import Laterality
from mammo.core.errors import UserError, WrongStateError
from mammo.core.versions import save_versioned
from modeling.models import Checkpoint, Prediction

ALONE, ASSISTED = "alone", "with_ai"
# Days between two readings of the same case by the same person; less is no washout.
LEAST_WASHOUT = 28
SCALES = {"birads": ("1", "2", "3", "4A", "4B", "4C", "5"), "forced_3_4": ("3", "4A", "4B", "4C")}


class ReaderStudySettings(TypedDict, total=False):
    """Settings of a reader study; those that are not given are as the model has them."""

    design: str
    unit: str
    reader_sees: str
    model_sees: str
    show_earlier: bool
    scale: str
    washout_days: int
    prevalence_statement: str
    instructions: str


def create_reader_study(
    name: str,
    *,
    protocol: Protocol,
    by_user: User,
    checkpoint: Checkpoint,
    seed: int | None = None,
    **settings: Unpack[ReaderStudySettings],
) -> ReaderStudy:
    """Make a draft with the conditions alone and with the model's output, at the protocol's site.

    Raises:
        NotAllowedError: not a researcher of the site.
        UserError: a field has a value that can't be used, such as a washout of less than four weeks.
    """
    site = protocol.site
    require_designer(site, by_user)
    if not name.strip() or ReaderStudy.objects.filter(site=site, name=name.strip()).exists():
        raise UserError(_("name: empty, or a reader study of this name exists at this site"))
    # What is given of one holds for the other too, unless a design says both.
    if "reader_sees" in settings:
        settings.setdefault("model_sees", settings["reader_sees"])
    elif "model_sees" in settings:
        settings["reader_sees"] = settings["model_sees"]
    _check_settings(settings)
    if "prevalence_statement" in settings:
        settings["prevalence_statement"] = settings["prevalence_statement"].strip()
    study = ReaderStudy(
        site=site,
        protocol=protocol,
        name=name.strip(),
        checkpoint=checkpoint,
        seed=secrets.randbelow(SEED_LIMIT) if seed is None else seed,
        by_user=by_user,
        is_simulated=site.is_simulated,
        **settings,
    )
    seen = {"reader_sees": study.reader_sees}
    study.conditions = [
        {"key": ALONE, "name": "alone", "assisted": False, **seen},
        {"key": ASSISTED, "name": "with UMiCon", "assisted": True, **seen, "model_sees": study.model_sees},
    ]
    with transaction.atomic():
        study.save(force_insert=True)
        audit.record("evaluation.reader_study_created", by_user=by_user, on=study, site=site)
    return study


def _check_settings(settings: ReaderStudySettings) -> None:
    """Raises UserError, which names the setting, where it has a value that no reader study can have."""
    given: Mapping[str, Any] = settings
    for field, known in (
        ("design", ReaderStudy.Design.values),
        ("unit", ReaderStudy.Unit.values),
        ("reader_sees", ReaderStudy.Sees.values),
        ("model_sees", ReaderStudy.Sees.values),
        ("scale", list(SCALES)),
    ):
        if field in given and given[field] not in known:
            raise UserError(
                _("%(field)s: %(value)r is unknown; known: %(known)s")
                % {"field": field, "value": given[field], "known": ", ".join(known)}
            )
    is_crossover = given.get("design", ReaderStudy.Design.CROSSOVER) == ReaderStudy.Design.CROSSOVER
    if is_crossover and given.get("washout_days", LEAST_WASHOUT) < LEAST_WASHOUT:
        raise UserError(_("washout_days: at least %(least)s between two readings") % {"least": LEAST_WASHOUT})


def locked_reader_study(study: ReaderStudy, *states: str) -> ReaderStudy:
    """The row, locked for this transaction, if it stands in one of `states`.

    Raises:
        WrongStateError: it is in another state.
    """
    rows = ReaderStudy.objects.select_for_update(of=("self",)).select_related(
        "site", "protocol", "checkpoint__run__snapshot"
    )
    row = rows.get(pk=study.pk)
    if row.state not in states:
        wanted = ", ".join(str(ReaderStudy.State(state).label) for state in states)
        raise WrongStateError(
            _("%(name)s: it is “%(state)s”; this can be done while it is “%(wanted)s”.")
            % {"name": row.name, "state": row.get_state_display(), "wanted": wanted}
        )
    return row


def add_cases(study: ReaderStudy, studies: Iterable[Study], *, by_user: User) -> int:
    """Add studies with a known truth: each proven breast is a case, or the patient as a whole.

    Returns:
        how many cases joined.

    Raises:
        WrongStateError: it is no draft.
        UserError: a study is of another site, outside of the protocol's cohort, has no proven breast, or its patient
            trained the checkpoint.
    """
    require_designer(study.site, by_user)
    with transaction.atomic():
        row = locked_reader_study(study, ReaderStudy.State.DRAFT)
        trained = training_side(row.checkpoint).patients if row.checkpoint is not None else set()
        position = int(row.cases.aggregate(last=Max("position"))["last"] or 0)
        made, chosen = [], list(studies)
        refuse_outside(row.protocol, chosen)
        for mammogram in chosen:
            truth = malignant_breasts(mammogram)
            if mammogram.site_id != row.site_id or not truth:
                raise UserError(
                    _("study %(name)s: of another site, or without pathology") % {"name": mammogram.pk}
                )
            if mammogram.patient_id in trained:
                raise UserError(
                    _("study %(name)s: its patient is on the training side of the checkpoint")
                    % {"name": mammogram.pk}
                )
            earlier = earlier_study(mammogram) if row.show_earlier else None
            units = {"": any(truth.values())} if row.unit == ReaderStudy.Unit.PATIENT else truth
            for side, is_malignant in sorted(units.items()):
                if row.cases.filter(study=mammogram, laterality=side).exists():
                    continue
                position += 1
                made.append(
                    ReaderStudyCase(
                        reader_study=row,
                        study=mammogram,
                        laterality=side,
                        truth=is_malignant,
                        position=position,
                        earlier=earlier,
                    )
                )
        ReaderStudyCase.objects.bulk_create(made)
        audit.record("evaluation.cases_added", by_user=by_user, on=row, site=row.site, count=len(made))
    return len(made)


def add_reader(study: ReaderStudy, user: User, *, by_user: User, group: str = "") -> Reader:
    """Let a junior or senior read.

    Raises:
        WrongStateError: it is no draft.
        UserError: the account reads no mammograms at this site, or is a reader already.
    """
    require_designer(study.site, by_user)
    is_senior = user.has_role(Role.SENIOR, site=study.site)
    if not is_senior and not user.has_role(Role.JUNIOR, site=study.site):
        raise UserError(_("%(user)s: reads no mammograms at this site") % {"user": user.username})
    with transaction.atomic():
        row = locked_reader_study(study, ReaderStudy.State.DRAFT)
        if row.readers.filter(user=user).exists():
            raise UserError(_("%(user)s: is a reader already") % {"user": user.username})
        reader = Reader.objects.create(
            reader_study=row,
            user=user,
            group=group or ("senior" if is_senior else "junior"),
            is_simulated=user.is_simulated,
        )
        audit.record("evaluation.reader_added", by_user=by_user, on=row, site=row.site, reader=str(user.pk))
    return reader


def reader_study_obstacles(study: ReaderStudy) -> list[str]:
    """What keeps a draft from being frozen, one sentence each."""
    found = []
    truths = set(study.cases.values_list("truth", flat=True))
    if study.protocol.frozen_at is None:
        found.append(_("The protocol is not frozen."))
    found += [*reading_contrast_obstacles(study), *case_obstacles(study)]
    if truths != {True, False}:
        found.append(_("There have to be malignant and other cases."))
    if not study.readers.exists():
        found.append(_("There are no readers."))
    if study.checkpoint is None:
        found.append(_("No checkpoint is pinned."))
    else:
        missing = sum(not output_of(case, study) for case in study.cases.select_related("study"))
        if missing:
            found.append(
                ngettext(
                    "The checkpoint says nothing about %(count)s case.",
                    "The checkpoint says nothing about %(count)s cases.",
                    missing,
                )
                % {"count": missing}
            )
    return found


def output_of(case: ReaderStudyCase, study: ReaderStudy) -> dict[str, Any]:
    """What the pinned checkpoint said about a case: the chance of malignancy of each breast; empty for nothing."""
    method = "image" if study.model_sees == ReaderStudy.Sees.IMAGES else "fused"
    rows = Prediction.objects.filter(
        checkpoint=study.checkpoint, kind="malignancy", study=case.study, unit_kind="breast", method=method
    )
    if case.laterality:
        rows = rows.filter(laterality=case.laterality)
    values = {row.laterality: round(row.value, 4) for row in rows}
    return {"method": method, "malignancy": values} if values else {}


def freeze_reader_study(study: ReaderStudy, *, by_user: User) -> ReaderStudy:
    """Pin the model's output, draw every reader's order, and seal the design by its hash.

    Crossover: half of each reader's cases come with the model's output first and the other half alone first, the halves
    changing between readers; the second period holds the other condition after the washout. Sequential: every case
    alone, then at once with the output.

    Raises:
        WrongStateError: it is no draft, or something is missing.
    """
    require_designer(study.site, by_user)
    with transaction.atomic():
        row = locked_reader_study(study, ReaderStudy.State.DRAFT)
        found = reader_study_obstacles(row)
        if found:
            raise WrongStateError(f"{row.name}: {' '.join(found)}")
        require_protocol_unchanged(row.protocol, row.name)
        cases = list(row.cases.select_related("study", "earlier", "reader_study").order_by("position"))
        shows_report = row.reader_sees == ReaderStudy.Sees.REPORT
        hold_pictures(study for case in cases for study in (case.study, case.shown_earlier))
        for case in cases:
            case.output = output_of(case, row)
            case.shown = fixed_today(case.study, case.shown_earlier, shows_report=shows_report)
        ReaderStudyCase.objects.bulk_update(cases, ["output", "shown"])
        for place, reader in enumerate(row.readers.select_related("user").order_by("created_at", "pk")):
            _deal(row, reader, cases, place)
        digest = reader_study_hash(row)
        _move(row, ReaderStudy.State.FROZEN, "frozen", by_user, digest, "", frozen_at=timezone.now())
    study.refresh_from_db()
    return study


def reported_cases(study: ReaderStudy, user: User) -> set[UUID]:
    """Cases that are left out of a reader's slots because this person reported a study they show: the case's own, or
    the earlier one that the design hangs beside it."""
    hashes = hashes_of(user, study.site)
    rows = study.cases.select_related("reader_study", "study", "earlier")
    return {case.pk for case in rows if is_reported_by(hashes, case.study, case.shown_earlier)}


def _deal(study: ReaderStudy, reader: Reader, cases: list[ReaderStudyCase], place: int) -> None:
    rng = keyed_random(study.seed, "reading", str(study.pk), str(reader.user_id))
    hidden = reported_cases(study, reader.user)
    own = [case for case in cases if case.pk not in hidden]
    if study.design == ReaderStudy.Design.SEQUENTIAL:
        reader.condition_order = [ALONE, ASSISTED]
        order = rng.sample(own, len(own))
        planned = [(case, condition, 1) for case in order for condition in (ALONE, ASSISTED)]
    else:
        reader.condition_order = [ASSISTED, ALONE] if place % 2 else [ALONE, ASSISTED]
        # Halves by chance within malignant and other cases, so that conditions and truth are balanced in each period.
        first_assisted: set[UUID] = set()
        for truth in (True, False):
            stratum = [case.pk for case in own if case.truth == truth]
            half = sorted(stratum, key=lambda pk: keyed_random(study.seed, "half", str(pk)).random())
            middle = (len(half) + place % 2) // 2
            first_assisted |= set(half[middle:] if place % 2 else half[:middle])
        planned = []
        for period in (1, 2):
            for case in rng.sample(own, len(own)):
                assisted = (case.pk in first_assisted) == (period == 1)
                planned.append((case, ASSISTED if assisted else ALONE, period))
    reader.save(update_fields=["condition_order"])
    ReadingSlot.objects.bulk_create(
        [
            ReadingSlot(reader=reader, case=case, condition=condition, position=position, session=period)
            for position, (case, condition, period) in enumerate(planned, start=1)
        ]
    )


def reader_study_hash(study: ReaderStudy) -> str:
    """SHA-256 over the canonical JSON of the design, the truth and the pinned output."""
    plain = (
        *("name", "conditions", "scale", "operating_point", "washout_days", "seed", "design", "unit"),
        *("reader_sees", "model_sees", "prevalence_statement", "instructions"),
    )
    slots = ReadingSlot.objects.filter(reader__reader_study=study).order_by("reader", "position")
    cases = list(study.cases.order_by("position", "pk"))
    shown = [[case.position, case.shown] for case in cases if case.shown]
    document = {
        "study": {name: getattr(study, name) for name in plain},
        # Left out where it is not used: hashes from before this setting still hold.
        **({"earlier": _earlier_of(study)} if study.show_earlier else {}),
        # Of cases that were frozen before this was kept nothing is said.
        **({"shown": shown} if shown else {}),
        "checkpoint": study.checkpoint.sha256 if study.checkpoint else None,
        "protocol": study.protocol.frozen_sha256,
        "cases": [
            [case.position, str(case.study_id), case.laterality, case.truth, case.output] for case in cases
        ],
        "readers": [[str(r.user_id), r.group] for r in study.readers.order_by("pk")],
        "slots": [
            [str(s.pk), str(s.reader_id), str(s.case_id), s.condition, s.position, s.session] for s in slots
        ],
    }
    text = json.dumps(document, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def require_study_unchanged(study: ReaderStudy) -> None:
    """Let a reader study pass whose design, truth, pinned output and protocol are those of its freezing.

    Raises:
        WrongStateError: one of them was changed behind the services.
    """
    if reader_study_hash(study) != study.design_sha256:
        raise WrongStateError(
            _("%(name)s: the design no longer has the hash it was frozen with; compare with a backup.")
            % {"name": study.name}
        )
    require_protocol_unchanged(study.protocol, study.name)


def _earlier_of(study: ReaderStudy) -> list[list[Any]]:
    """Which earlier study hangs beside which case."""
    rows = study.cases.exclude(earlier=None).order_by("position", "pk")
    return [[case.position, str(case.earlier_id)] for case in rows]


def open_reading(study: ReaderStudy, *, by_user: User) -> ReaderStudy:
    """Open a frozen reader study to its readers.

    Raises:
        WrongStateError: it is not frozen, its design was altered, or a report or an image of it was.
    """
    return _step(study, ReaderStudy.State.FROZEN, ReaderStudy.State.READING, "opened", by_user, "")


def lock_readings(study: ReaderStudy, *, by_user: User, reason: str = "") -> ReaderStudy:
    """Lock the readings for good.

    Raises:
        WrongStateError: it is not being read, its design was altered, or cases are unread and no reason was given.
    """
    unread = ReadingSlot.objects.filter(
        reader__reader_study=study, reader__withdrawn_at__isnull=True
    ).unread()
    count = unread.count()
    if count and not reason.strip():
        raise WrongStateError(
            ngettext(
                "%(name)s: %(count)s reading is missing; give a reason to lock it all the same.",
                "%(name)s: %(count)s readings are missing; give a reason to lock it all the same.",
                count,
            )
            % {"name": study.name, "count": count}
        )
    return _step(study, ReaderStudy.State.READING, ReaderStudy.State.LOCKED, "locked", by_user, reason)


def _step(study: ReaderStudy, source: str, target: str, kind: str, by_user: User, reason: str) -> ReaderStudy:
    require_designer(study.site, by_user)
    with transaction.atomic():
        row = locked_reader_study(study, source)
        require_study_unchanged(row)
        there = row.cases.filter(study__patient__erased_at__isnull=True)
        require_all_shown(there, reports=True)
        stamps = {"locked_at": timezone.now()} if kind == "locked" else {}
        _move(row, target, kind, by_user, row.design_sha256, reason, **stamps)
    study.refresh_from_db()
    return study


def _move(
    row: ReaderStudy, state: str, kind: str, by_user: User, digest: str, reason: str, **stamps: Any
) -> None:
    changes = {"state": state, "design_sha256": digest, **stamps}
    save_versioned(row, expected_version=row.version, changes=changes)
    ReaderStudyEvent.objects.create(
        reader_study=row,
        kind=kind,
        by_user=by_user,
        reason=reason.strip(),
        sha256=digest,
        is_simulated=row.is_simulated,
    )
    audit.record(
        f"evaluation.reader_study_{kind}", by_user=by_user, on=row, site=row.site, reason=reason.strip()
    )


SIDES = (*Laterality.values, "N")
