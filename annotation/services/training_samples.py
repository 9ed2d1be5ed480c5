"""Picked answers as training samples: the one record that every export format and snapshot is made of."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import Prefetch, QuerySet
from django.utils.translation import gettext as _

from annotation.models import Campaign, Correction, Flag, FlagKind, Pick, Question, Return
from annotation.services.picks import choice_of
from annotation.services.splits import side_of_question
from annotation.services.study_context import facts_of
from annotation.text_safety import WarningKind, kinds_of, warnings_in
from mammo.archive.models import Patient, Split
from mammo.archive.pseudonyms import installation
from mammo.core.encryption import ErasedText
from mammo.core.errors import UserError

# While one of these flags is open, the question is in no training set.
BARRING = (FlagKind.IDENTIFYING, FlagKind.CONSENT, FlagKind.WRONG_STUDY)


@dataclass(frozen=True)
class TrainingSample:
    """A question, its picked answer, and the other corrected answers as rejected ones.

    Attributes:
        turns: texts that alternate patient and answer and end with the patient.
        rejected: distinct texts; none equal to the answer, with or without its small edit, nor to one that another
            senior of the round chose where nobody decided between them.
        others: the corrections with these texts and those that are kept from the pairs, in the order of their
            proposals.
        picks: all picks of the round that settled the question, the one that counts among them, oldest first.
    """

    question: Question
    pick: Pick
    split: str
    turns: tuple[str, ...]
    answer: str
    rejected: tuple[str, ...]
    others: tuple[Correction, ...]
    picks: tuple[Pick, ...]

    @property
    def is_split(self) -> bool:
        """Whether seniors chose different answers and no third one decided."""
        return not self.pick.is_adjudication and len(set(map(choice_of, self.picks))) > 1

    @property
    def rejects_simulated(self) -> bool:
        """Whether a rejected answer is simulated."""
        return any(row.is_simulated and row.text in self.rejected for row in self.others)

    @property
    def is_simulated(self) -> bool:
        """Whether case, correction or pick is simulated; the rejected answers apart."""
        correction = self.pick.correction
        return (
            self.question.is_simulated
            or self.pick.is_simulated
            or (correction is not None and correction.is_simulated)
        )

    @property
    def patient_key(self) -> str:
        """Id of the patient; of the question itself when it belongs to none (it then stands alone)."""
        return str(self.question.patient_id or self.question.pk)


def any_simulated(samples: Iterable[TrainingSample], *, pairs: bool) -> bool:
    """Whether a set of these samples holds anything simulated; `pairs`: rejected answers are written too."""
    return any(sample.is_simulated or (pairs and sample.rejects_simulated) for sample in samples)


def training_samples(campaign: Campaign, split: Split) -> list[TrainingSample]:
    """The campaign's picked answers in the order of its questions.

    Left out are patients who withdrew, questions with an open flag of BARRING, and answers in which names or
    numbers of a person stand; `left_out` counts these.

    Raises:
        UserError: nothing is picked yet, everything picked is left out, or a patient has no side in the split.
    """
    sides = dict(split.members.values_list("patient", "side"))
    samples = list(_samples(campaign, split, sides))
    if not samples:
        raise _nothing_picked(campaign)
    return samples


def left_out(campaign: Campaign) -> Counter[str]:
    """How many picked questions no training set holds, by the name of the reason (a question may have several)."""
    found: Counter[str] = Counter()
    kinds = dict(FlagKind.choices)
    for question in _picked(campaign):
        found.update(f"flag “{kinds[kind]}”" for kind in _barring_flags(question))
        if not isinstance(question.turns, ErasedText) and _names_somebody(question, deciding_pick(question)):
            found["names or numbers of a person in the answer"] += 1
    return found


def _picked(campaign: Campaign) -> QuerySet[Question]:
    """Picked questions of patients who did not withdraw."""
    rows = Question.objects.filter(campaign=campaign, stage=Question.Stage.PICKED, is_practice=False)
    return (
        rows.exclude(patient__erased_at__isnull=False)
        .select_related("patient", "study", "campaign__site")
        .prefetch_related(Prefetch("returns", Return.objects.defer("reason").order_by("round", "created_at")))
        .order_by("position")
    )


def _barring_flags(question: Question) -> list[str]:
    rows = Flag.objects.filter(question=question, kind__in=BARRING, settled_at__isnull=True)
    return sorted(set(rows.values_list("kind", flat=True)))


def _names_somebody(question: Question, pick: Pick) -> bool:
    """Whether names or numbers stand in the picked answer; read again where its senior changed or wrote it."""
    if pick.correction is not None and not pick.edited:
        return WarningKind.IDENTITY in pick.correction.warnings
    return WarningKind.IDENTITY in kinds_of(warnings_in(str(pick.text), facts_of(question)))


def require_a_pick(campaign: Campaign) -> None:
    """Refuse a campaign in which no question is picked, without reading its texts.

    Raises:
        UserError: nothing is picked yet.
    """
    flagged = Flag.objects.filter(kind__in=BARRING, settled_at__isnull=True, question__campaign=campaign)
    if not _picked(campaign).exclude(pk__in=flagged.values("question")).exists():
        raise _nothing_picked(campaign)


def _nothing_picked(campaign: Campaign) -> UserError:
    return UserError(
        _("campaign “%(name)s”: no answer is picked yet that may go into a training set (see the flags)")
        % {"name": campaign.name}
    )


def patients_of(campaign: Campaign) -> list[Patient]:
    """Patients whose questions have a picked answer."""
    picked = Question.objects.filter(campaign=campaign, stage=Question.Stage.PICKED)
    return list(Patient.objects.filter(pk__in=picked.values("patient"), erased_at__isnull=True))


def _samples(campaign: Campaign, split: Split, sides: dict[UUID, str]) -> Iterator[TrainingSample]:
    flags = Flag.objects.filter(kind__in=BARRING, settled_at__isnull=True, question__campaign=campaign)
    for question in _picked(campaign).exclude(pk__in=flags.values("question")):
        # Her key may be destroyed before the row says so.
        if isinstance(question.turns, ErasedText):
            continue
        picks = standing_picks_of(question)
        if not _names_somebody(question, _deciding(picks)):
            yield _sample(question, picks, split, sides)


def _sample(question: Question, picks: list[Pick], split: Split, sides: dict[UUID, str]) -> TrainingSample:
    pick = _deciding(picks)
    others = tuple(
        row
        for row in Correction.objects.candidates(question)
        .select_related("proposal")
        .order_by("proposal__index", "pk")
        if row.pk != pick.correction_id and WarningKind.IDENTITY not in row.warnings
    )
    answer = str(pick.text)
    if question.patient_id is None:
        side = side_of_question(split, question.pk)
    elif question.patient_id in sides:
        side = sides[question.patient_id]
    else:
        raise UserError(
            _("split “%(split)s”: patient %(patient)s has no side in it; make a new split that holds her")
            % {"split": split.name, "patient": question.patient}
        )
    kept = _kept_from_pairs(pick, picks)
    rejected = tuple(dict.fromkeys(str(row.text) for row in others if row.text not in kept))
    return TrainingSample(
        question=question,
        pick=pick,
        split=side,
        turns=tuple(question.turns),
        answer=answer,
        rejected=rejected,
        others=others,
        picks=tuple(picks),
    )


def _kept_from_pairs(pick: Pick, picks: Sequence[Pick]) -> set[str]:
    """Texts that are rejected in no pair: those of the deciding pick, and of all others that nobody decided against."""
    standing = [pick] if pick.is_adjudication else [pick, *picks]
    corrected = {str(row.correction.text) for row in standing if row.correction is not None}
    return corrected | {str(row.text) for row in standing}


def standing_picks_of(question: Question) -> list[Pick]:
    """The picks of a question's present round, oldest first."""
    rows = Pick.objects.standing().filter(question=question, round=question.round)
    rows = rows.select_related("correction__proposal__question__patient", "by_user")
    return list(rows.order_by("created_at", "pk"))


def deciding_pick(question: Question) -> Pick:
    """The pick that counts: the adjudicator's; else the answer most seniors chose, the first such pick.

    An answer that a senior wrote stands alone: it shares its votes with no other one.
    """
    return _deciding(standing_picks_of(question))


def _deciding(picks: list[Pick]) -> Pick:
    if len(picks) == 1:
        return picks[0]
    votes = Counter(map(choice_of, picks))
    return max(picks, key=lambda pick: (pick.is_adjudication, votes[choice_of(pick)]))


def lineage_of(sample: TrainingSample, editions: Mapping[int, str]) -> dict[str, Any]:
    """Where a sample comes from: proposal, correction, pick, and who made them (by account id).

    Args:
        editions: names of the guideline's editions by their numbers (`editions_of`).
    """
    pick, correction = sample.pick, sample.pick.correction
    found: dict[str, Any] = {
        "id": str(sample.question.pk),
        "split": sample.split,
        "source": sample.question.source,
        "consent_hash": _consent_hash(sample.question),
        "study": str(sample.question.study_id) if sample.question.study_id else None,
        "pick": str(pick.pk),
        "picked_by": str(pick.by_user_id),
        "edited_by_senior": pick.edited,
        "written_by_senior": correction is None,
        "adjudicated": pick.is_adjudication,
        "reason_codes": pick.reason_codes,
        "ranking": pick.ranking,
        "picks": [_lineage_of_pick(row) for row in sample.picks],
        "instruction_version": pick.instruction_version,
        "rejected": _lineage_of_rejected(sample),
        "returns": [_lineage_of_return(row, editions) for row in sample.question.returns.all()],
        "simulated": sample.is_simulated,
    }
    if correction is not None:
        proposal = correction.proposal
        found |= {
            "correction": str(correction.pk),
            "corrected_by": str(correction.by_user_id),
            "no_change": correction.no_change,
            "error_tags": correction.error_tags,
            "citations": correction.citations,
            "guideline_version": correction.guideline_version,
            "guideline_edition": editions.get(correction.guideline_version),
            "correction_instruction_version": correction.instruction_version,
            "warnings": correction.warnings,
            "edit_distance": correction.edit_distance,
            "proposal": str(proposal.pk),
            "system": proposal.system,
            "system_kind": proposal.system_kind,
            "revision": proposal.revision,
            "parameters": proposal.parameters,
            "seed": proposal.seed,
            "prompt_sha256": proposal.prompt_sha256,
            "proposer_context": proposal.context,
        }
    return found


def _consent_hash(question: Question) -> str:
    """Keyed hash of the consent's reference, which may be a number of the patient's; empty where there is none."""
    return installation().text_hash(question.consent_reference) if question.consent_reference else ""


def _lineage_of_pick(row: Pick) -> dict[str, Any]:
    """What one senior of the round chose (None: an answer of their own), and how they ranked the answers."""
    return {
        "pick": str(row.pk),
        "picked_by": str(row.by_user_id),
        "correction": str(row.correction_id) if row.correction_id else None,
        "adjudication": row.is_adjudication,
        "edited": row.edited,
        "ranking": row.ranking,
    }


def _lineage_of_rejected(sample: TrainingSample) -> list[dict[str, Any]]:
    """Of each rejected text, in the order of the pairs, where it comes from; others that read the same by their ids."""
    found: list[dict[str, Any]] = []
    for text in sample.rejected:
        first, *same = [row for row in sample.others if row.text == text]
        found.append(
            {
                "correction": str(first.pk),
                "proposal": str(first.proposal_id),
                "corrected_by": str(first.by_user_id),
                "same_text": [str(row.pk) for row in same],
            }
        )
    return found


def _lineage_of_return(row: Return, editions: Mapping[int, str]) -> dict[str, Any]:
    """Who sent the question back, and what they were shown (None: it was not kept then); never the reason's words."""
    shown = row.guideline_version
    return {
        "return": str(row.pk),
        "round": row.round,
        "returned_by": str(row.by_user_id),
        "reason_codes": row.reason_codes,
        "instruction_version": row.instruction_version,
        "guideline_version": shown,
        "guideline_edition": editions.get(shown) if shown is not None else None,
    }
