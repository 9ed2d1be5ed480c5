"""How many of the facts that answers state the labels of the study support (PAPER.md section 1)."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from annotation.models import Campaign, Pick, Proposal, Question, StatedFacts
from annotation.services.training_samples import deciding_pick
from annotation.statistics.pick_rates import standing_picks
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
    """The same for the answers that were picked in the end: what a model trained on them learns to assert."""
    decided = _decided(campaign)
    facts = StatedFacts.objects.filter(pick__question__campaign=campaign)
    rows = facts.values_list("pick", "said", *_labels())
    said = {row[0]: row[1:] for row in rows if row[0] in decided}
    return _support(said.values(), len(decided) - len(said))


def _decided(campaign: Campaign) -> set[UUID]:
    """Of each settled question about a study the pick that counts. Texts are read only where seniors differ unsettled."""
    rows = standing_picks(campaign).filter(question__study__isnull=False).order_by("created_at", "pk")
    picks: dict[UUID, list[tuple[UUID, UUID | None, bool]]] = defaultdict(list)
    for question, pk, correction, is_adjudication in rows.values_list(
        "question", "pk", "correction", "is_adjudication"
    ):
        picks[question].append((pk, correction, is_adjudication))
    decided: set[UUID] = set()
    differing = []
    for question, made in picks.items():
        upheld = [pick for pick, _correction, is_adjudication in made if is_adjudication]
        if upheld or len({correction or pick for pick, correction, _is in made}) == 1:
            decided.add(upheld[0] if upheld else made[0][0])
        else:
            differing.append(question)
    for question in differing:
        decided.add(deciding_pick(Question.objects.get(pk=question)).pk)
    return decided


def support_in(picks: Sequence[Pick]) -> Support:
    """The same for these picked answers about studies alone, as a training set holds them."""
    facts = StatedFacts.objects.filter(pick__in=[pick.pk for pick in picks])
    return _support(facts.values_list("said", *_labels()), len(picks) - facts.count())


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
