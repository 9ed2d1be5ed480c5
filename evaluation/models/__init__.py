"""Protocols, blinded trials, reader studies and exports. A rater's pages query Slot and nothing that names an arm."""

from evaluation.models.exports import DataExport
from evaluation.models.protocols import Protocol
from evaluation.models.reader_studies import (
    Reader,
    ReaderStudy,
    ReaderStudyCase,
    ReaderStudyEvent,
    ReaderStudyQuerySet,
    Reading,
    ReadingSlot,
    ReadingSlotQuerySet,
)
from evaluation.models.scoring import (
    AuthorGuess,
    FormRemark,
    PracticeItem,
    PracticeScore,
    Score,
    ScoreQuerySet,
    Slot,
    SlotQuerySet,
    TrialRater,
)
from evaluation.models.trials import (
    Answer,
    Arm,
    Aspect,
    Trial,
    TrialEvent,
    TrialQuerySet,
    TrialQuestion,
    UnfinishedDialogue,
)

__all__ = [
    "Answer",
    "Arm",
    "Aspect",
    "AuthorGuess",
    "DataExport",
    "FormRemark",
    "PracticeItem",
    "PracticeScore",
    "Protocol",
    "Reader",
    "ReaderStudy",
    "ReaderStudyCase",
    "ReaderStudyEvent",
    "ReaderStudyQuerySet",
    "Reading",
    "ReadingSlot",
    "ReadingSlotQuerySet",
    "Score",
    "ScoreQuerySet",
    "Slot",
    "SlotQuerySet",
    "Trial",
    "TrialEvent",
    "TrialQuerySet",
    "TrialQuestion",
    "TrialRater",
    "UnfinishedDialogue",
]
