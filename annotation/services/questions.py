"""Questions: brought in from a table, matched to patients and studies by keyed hash, cleaned of identity."""

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.db.models import Max
from django.utils import timezone
from django.utils.translation import gettext as _

from annotation.field_names import field_name
from annotation.models import Campaign, Question
from annotation.question_table import QuestionRow
from annotation.services.question_cleaning import cleaned_turns, names_somebody
from mammo.accounts import audit
from mammo.accounts.models import Site, User
from mammo.archive.models import ImportBatch, ImportItem, Patient, Study
from mammo.archive.patients import patient_of_number
from mammo.archive.pseudonyms import Pseudonyms, installation
from mammo.core.errors import NotAllowedError, UserError, WrongStateError

Outcome = ImportItem.Outcome


@dataclass(frozen=True)
class ItemOutcome:
    """What became of one row of the table."""

    row: int
    outcome: str
    reason: str = ""


@dataclass(frozen=True)
class ImportResult:
    """What became of a table: one outcome per row, and how many of each."""

    items: list[ItemOutcome]

    @property
    def counts(self) -> dict[str, int]:
        """Rows by outcome; every outcome is named."""
        found = Counter(item.outcome for item in self.items)
        return {outcome: found[outcome] for outcome in Outcome.values}


@dataclass(frozen=True)
class Foreseen:
    """What an import would make of a table now; nothing is stored.

    Attributes:
        with_study: questions that would be taken in with a study of the archive.
    """

    result: ImportResult
    with_study: int

    @property
    def problems(self) -> list[ItemOutcome]:
        """The rows that would be rejected, with the field and the mend."""
        return [item for item in self.result.items if item.outcome == Outcome.REJECTED]


def foresee(campaign: Campaign, rows: Sequence[QuestionRow]) -> Foreseen:
    """Look through a table as `import_questions` does: studies, consent and source texts, questions held already."""
    adding = _Adding(campaign, None)
    seen = [adding.foresee(row) for row in rows]
    return Foreseen(
        ImportResult([item for item, _study in seen]), sum(has_study for _item, has_study in seen)
    )


def import_questions(
    campaign: Campaign,
    rows: Sequence[QuestionRow],
    *,
    by_user: User | None,
    table_name: str,
    about: tuple[Patient | None, Study | None] | None = None,
    hers: str = "",
) -> ImportResult:
    """Add the questions of a table; one that the campaign holds already is a duplicate: this can be repeated.

    A row whose patient or accession number the archive does not know, whose consent or source names a person, or
    whose language is none of the campaign's, is rejected by itself (with the reason), the others come in.

    Args:
        rows: as `read_question_table` gives them.
        by_user: a researcher or data manager of the site; None is the operator at the command line.
        table_name: kept, encrypted, with each row's outcome.
        about: patient and study where they are known already; else each row's numbers are looked up.
        hers: what tells apart who asks without patient and study: the same words of another one are no duplicate.

    Raises:
        NotAllowedError: the account holds neither role at the site.
        WrongStateError: the campaign is closed.
    """
    site = campaign.site
    if by_user is not None and not by_user.has_role("researcher", "data_manager", "admin", site=site):
        raise NotAllowedError(_("Only a researcher or data manager of this site may do this."))
    with transaction.atomic():
        campaign = Campaign.objects.select_for_update(of=("self",)).select_related("site").get(pk=campaign.pk)
        if campaign.state == Campaign.State.CLOSED:
            raise WrongStateError(_("The campaign “%(name)s” is closed.") % {"name": campaign.name})
        adding = _Adding(campaign, by_user, about, hers)
        items = [adding.add(row) for row in rows]
        result = ImportResult(items)
        _keep_outcomes(campaign, by_user, table_name, result)
        audit.record(
            "annotation.questions_imported", by_user=by_user, on=campaign, site=site, counts=result.counts
        )
    return result


class _Adding:
    """One import under way: the installation's keys, the next position, and what the campaign holds."""

    def __init__(
        self,
        campaign: Campaign,
        by_user: User | None,
        about: tuple[Patient | None, Study | None] | None = None,
        hers: str = "",
    ) -> None:
        self.campaign, self.by_user, self.about, self.hers = campaign, by_user, about, hers
        self.keys: Pseudonyms = installation()
        held = Question.objects.filter(campaign=campaign)
        self.position = int(held.aggregate(last=Max("position"))["last"] or 0)
        self.hashes = set(held.values_list("turns_hash", flat=True))
        # What the archive knows by each pair of numbers, or why a row with them is refused.
        self.known: dict[tuple[str, str], tuple[Patient | None, Study | None] | str] = {}

    def add(self, row: QuestionRow) -> ItemOutcome:
        """Add one row, or say why not."""
        try:
            patient, study = self.about or matched(self.campaign.site, row.patient, row.accession)
        except UserError as error:
            return ItemOutcome(row.number, Outcome.REJECTED, str(error))
        turns_hash = self._hash_of(row, patient, study)
        refused = self._refused(row, patient, turns_hash)
        if refused is not None:
            return refused
        self.position += 1
        question = Question(
            campaign=self.campaign,
            patient=patient,
            study=study,
            position=self.position,
            language=row.language,
            source=row.source,
            consent_reference=row.consent,
            asked_on=row.asked_on,
            pool=row.pool,
            wording_received=received(row.turns),
            turns_hash=turns_hash,
            is_simulated=bool(patient.is_simulated if patient else self.campaign.is_simulated),
        )
        question.turns = cleaned_turns(row.turns, patient=patient, numbers=(row.patient, row.accession))
        question.save(force_insert=True)
        return ItemOutcome(row.number, Outcome.IMPORTED)

    def foresee(self, row: QuestionRow) -> tuple[ItemOutcome, bool]:
        """What `add` would make of a row, and whether it would come with a study."""
        numbers = (row.patient, row.accession)
        if numbers not in self.known:
            try:
                self.known[numbers] = found(self.campaign.site, *numbers)
            except UserError as error:
                self.known[numbers] = str(error)
        known = self.known[numbers]
        if isinstance(known, str):
            return ItemOutcome(row.number, Outcome.REJECTED, known), False
        patient, study = known
        # Whom the archive does not know yet is told apart by her number.
        turns_hash = self._hash_of(row, patient, study, unknown=row.patient)
        refused = self._refused(row, patient, turns_hash)
        return refused or ItemOutcome(row.number, Outcome.IMPORTED), refused is None and study is not None

    def _hash_of(
        self, row: QuestionRow, patient: Patient | None, study: Study | None, unknown: str = ""
    ) -> str:
        about: list[Any] = [
            str(study.pk) if study else "",
            str(patient.pk) if patient else unknown,
            list(row.turns),
        ]
        if study is None and patient is None and self.hers:
            about.append(self.hers)
        return self.keys.text_hash(json.dumps(about, ensure_ascii=False))

    def _refused(self, row: QuestionRow, patient: Patient | None, turns_hash: str) -> ItemOutcome | None:
        """Why a row is not taken in; else its question is held from now on."""
        named = self._names_somebody(row, patient) if self.about is None else ""
        if named:
            return ItemOutcome(row.number, Outcome.REJECTED, named)
        if turns_hash in self.hashes:
            return ItemOutcome(row.number, Outcome.DUPLICATE, _("the campaign holds this question already"))
        if not takes_language(self.campaign, row.language):
            return ItemOutcome(row.number, Outcome.REJECTED, other_language(self.campaign, row.language))
        self.hashes.add(turns_hash)
        return None

    @staticmethod
    def _names_somebody(row: QuestionRow, patient: Patient | None) -> str:
        """Why a row is refused whose plain columns, which leave with training sets, name a person; else empty."""
        for name in ("consent", "source"):
            numbers = (row.patient, row.accession)
            if names_somebody(getattr(row, name), patient=patient, numbers=numbers):
                return _(
                    "%(name)s: names a person, or holds a number of hers; write one that names nobody"
                ) % {"name": field_name(name)}
        return ""


def takes_language(campaign: Campaign, language: str) -> bool:
    """Whether a campaign takes questions of this language; `mix`, a finding and no choice, wherever it takes Chinese."""
    return language in campaign.languages or (language == "mix" and "zh" in campaign.languages)


def other_language(campaign: Campaign, language: str) -> str:
    """Why a question of a language that the campaign does not take is refused."""
    return _("language: %(language)s is none of this campaign's (%(known)s)") % {
        "language": language,
        "known": ", ".join(campaign.languages),
    }


def received(turns: Sequence[str]) -> str:
    """How the wording before cleaning is kept: the turns as a JSON list."""
    return json.dumps(list(turns), ensure_ascii=False)


def matched(site: Site, patient_number: str, accession: str) -> tuple[Patient | None, Study | None]:
    """The patient and study of a hospital number and an accession number; empty numbers name nobody.

    A number that the archive does not know is a patient without images, unless an accession number stands with it.

    Raises:
        UserError: the archive does not know them, they withdrew, or several studies have the number.
    """
    patient, study = found(site, patient_number, accession)
    if patient is None and patient_number:
        # She comes with a question alone: a study under this number may follow.
        return patient_of_number(site, patient_number, is_simulated=site.is_simulated), None
    return patient, study


def found(site: Site, patient_number: str, accession: str) -> tuple[Patient | None, Study | None]:
    """As `matched`, of whom the archive knows now: nobody is added.

    Raises:
        UserError: as `matched`.
    """
    if not patient_number and not accession:
        return None, None
    keys, patient = installation(), None
    if patient_number:
        number_hash = keys.number_hash(site.code, patient_number)
        patient = Patient.objects.filter(site=site, number_hash=number_hash).first()
        if patient is None and accession:
            raise UserError(_("patient: no patient of this number is in the archive; import her study first"))
        if patient is None:
            return None, None
        if patient.erased_at is not None:
            raise UserError(_("patient: this patient withdrew; her questions are not taken in"))
    if not accession:
        return patient, None
    studies = Study.objects.filter(
        site=site, accession_hash=keys.accession_hash(site.code, accession)
    ).select_related("patient")
    rows = list(studies.filter(patient=patient) if patient else studies)
    if len(rows) != 1:
        raise UserError(
            _("accession: no study of this number is in the archive; import it first")
            if not rows
            else _("accession: several studies have this number; add the patient's number")
        )
    return rows[0].patient, rows[0]


def _keep_outcomes(campaign: Campaign, by_user: User | None, table_name: str, result: ImportResult) -> None:
    batch = ImportBatch.objects.create(
        site=campaign.site,
        by_user=by_user,
        kind="questions",
        finished_at=timezone.now(),
        counts=result.counts,
        is_simulated=campaign.is_simulated,
    )
    ImportItem.objects.bulk_create(_items(batch, table_name, result.items))


def _items(batch: ImportBatch, table_name: str, items: Iterable[ItemOutcome]) -> list[ImportItem]:
    return [
        ImportItem(
            batch=batch,
            source=f"{table_name}, row {item.row}",
            outcome=item.outcome,
            reason=item.reason[:500],
        )
        for item in items
    ]
