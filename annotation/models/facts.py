"""What an answer states of density and BI-RADS, read once, so that a page needs to read no answer again."""

from django.db import models

from annotation.models.judgements import Pick
from annotation.models.questions import AboutQuestion, Proposal, Question
from mammo.core.encryption import EncryptedJSONField
from mammo.core.models import TimedModel


class StatedFacts(AboutQuestion, TimedModel):
    """Facts in the text of one proposal or one pick; compared with the study's labels as they stand when asked.

    Derived from the text: rows may be thrown away and are made again.
    """

    question = models.ForeignKey(Question, on_delete=models.CASCADE, related_name="+")
    proposal = models.OneToOneField(
        Proposal, null=True, on_delete=models.CASCADE, related_name="stated_facts"
    )
    pick = models.OneToOneField(Pick, null=True, on_delete=models.CASCADE, related_name="stated_facts")
    said = EncryptedJSONField(help_text='{"density", "left", "right", "overall"}: those that the text states')

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(proposal__isnull=False) ^ models.Q(pick__isnull=False),
                name="stated_facts_of_one_text",
            )
        ]

    def __str__(self) -> str:
        return f"facts stated in {self.proposal_id or self.pick_id}"
