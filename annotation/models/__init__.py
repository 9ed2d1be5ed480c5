"""Campaigns, questions, proposals, corrections and picks. Judgements are append-only."""

from annotation.models.campaigns import (
    Campaign,
    CampaignMember,
    GuidelineVersion,
    InstructionVersion,
    Phrase,
)
from annotation.models.choices import ErrorTag, FlagKind, NewsKind, ProposerContext, Purpose, SkipReason
from annotation.models.endpoints import EndpointAllowance, EndpointApproval, EndpointUse, Transmission
from annotation.models.exports import TrainingExport
from annotation.models.facts import StatedFacts
from annotation.models.judgements import Correction, Pick, PickEdit, Return
from annotation.models.practice import PracticeItem, PracticeResult
from annotation.models.questions import (
    AboutQuestion,
    Proposal,
    Question,
    QuestionUpload,
    ShownOrder,
    TabletLink,
)
from annotation.models.work import Comment, Draft, Flag, Lease, Notification, Skip

__all__ = [
    "AboutQuestion",
    "Campaign",
    "CampaignMember",
    "Comment",
    "Correction",
    "Draft",
    "EndpointAllowance",
    "EndpointApproval",
    "EndpointUse",
    "ErrorTag",
    "Flag",
    "FlagKind",
    "GuidelineVersion",
    "InstructionVersion",
    "Lease",
    "NewsKind",
    "Notification",
    "Phrase",
    "Pick",
    "PickEdit",
    "PracticeItem",
    "PracticeResult",
    "Proposal",
    "ProposerContext",
    "Purpose",
    "Question",
    "QuestionUpload",
    "Return",
    "ShownOrder",
    "Skip",
    "SkipReason",
    "StatedFacts",
    "TabletLink",
    "TrainingExport",
    "Transmission",
]
