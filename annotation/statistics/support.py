"""How many of the facts that answers state the labels of the study support (PAPER.md section 1)."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from annotation.models import Campaign, Pick, Proposal, StatedFacts
from mammo.core.encryption import ErasedText

LABELS = ("density", "birads_left", "birads_right", "birads_overall")


@dataclass(frozen=True)
class Support:
    """Facts that answers state and the labels of the study can confirm or refute.

    Attributes:
        unread: answers about a study that were not read yet (the reaper reads them by and by).
    """

    stated: int
    supported: int
    unread: int = 0

    @property
    def share(self) -> float | None:
        """Supported of stated; None where nothing was stated."""
        return self.supported / self.stated if self.stated else None


def support_of_proposals(campaign: Campaign) -> Support:
    """Facts in the proposals (density, BI-RADS by side) that the labels of the study support."""
    rows = Proposal.objects.filter(question__campaign=campaign, question__study__isnull=False)
    facts = StatedFacts.objects.filter(proposal__question__campaign=campaign)
    return _support(facts.values_list("said", *_labels()), rows.filter(stated_facts__isnull=True).count())


def support_of_picks(campaign: Campaign) -> Support:
    """The same for the picked answers that stand: what a model trained on them learns to assert."""
    rows = Pick.objects.standing().filter(
        question__campaign=campaign, question__stage="picked", question__study__isnull=False
    )
    facts = StatedFacts.objects.filter(pick__in=rows)
    return _support(facts.values_list("said", *_labels()), rows.filter(stated_facts__isnull=True).count())


def _labels() -> list[str]:
    return [f"question__study__{name}" for name in LABELS]


def _support(rows: Iterable[tuple[Mapping[str, str], str, str, str, str]], unread: int) -> Support:
    stated = supported = 0
    for said, density, left, right, overall in rows:
        if isinstance(said, ErasedText):
            continue
        facts = [(said.get("density"), density)]
        sides = [(said.get("left"), left), (said.get("right"), right)]
        facts += sides if any(value for value, _known in sides) else [(said.get("overall"), overall)]
        for value, known in facts:
            if value and known:
                stated += 1
                supported += _agrees(value, known)
    return Support(stated, supported, unread)


def _agrees(said: str, known: str) -> bool:
    return said == known or (said[:1] == known[:1] == "4" and "4" in (said, known))
