"""What superusers may look at; scores and readings are changed nowhere."""

from evaluation.models import (
    Answer,
    Arm,
    Aspect,
    AuthorGuess,
    DataExport,
    FormRemark,
    PracticeItem,
    PracticeScore,
    Protocol,
    Reader,
    ReaderStudy,
    ReaderStudyCase,
    ReaderStudyEvent,
    Reading,
    ReadingSlot,
    Score,
    Slot,
    Trial,
    TrialEvent,
    TrialQuestion,
    TrialRater,
)
from mammo.core.admin_site import register_read_only

register_read_only(
    Protocol, Trial, Aspect, Arm, TrialQuestion, Answer, TrialRater, Slot, Score, TrialEvent,
    FormRemark, AuthorGuess, PracticeItem, PracticeScore,
    ReaderStudy, ReaderStudyCase, Reader, ReadingSlot, Reading, ReaderStudyEvent, DataExport,
)  # fmt: skip
