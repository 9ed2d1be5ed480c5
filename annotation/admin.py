"""What superusers may look at; judgements and texts are changed nowhere."""

from annotation.models import (
    Campaign,
    CampaignMember,
    Correction,
    Draft,
    InstructionVersion,
    Lease,
    Pick,
    Proposal,
    Question,
    Return,
    ShownOrder,
    TrainingExport,
)
from mammo.core.admin_site import register_read_only

register_read_only(
    Campaign, CampaignMember, InstructionVersion, Question, Proposal, ShownOrder, Correction, Pick, Return,
    Draft, Lease, TrainingExport,
)  # fmt: skip
