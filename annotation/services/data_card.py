"""The card that lies beside a training set: what is in it, how it came about, who decided."""

from collections import Counter
from collections.abc import Mapping, Sequence

from annotation.models import Campaign
from annotation.services.training_samples import TrainingSample, left_out
from mammo.archive.models import Split


def data_card(
    campaign: Campaign,
    samples: Sequence[TrainingSample],
    *,
    split: Split,
    format_name: str,
    content_hash: str,
) -> str:
    """The card as Markdown; it names no person and holds no patient's text."""
    corrections = [sample.pick.correction for sample in samples if sample.pick.correction is not None]
    counts = _counts(samples)
    juniors = len({row.by_user_id for row in corrections})
    seniors = len({sample.pick.by_user_id for sample in samples})
    unchanged = sum(row.no_change for row in corrections)
    systems = Counter(f"{row.proposal.system} ({row.proposal.revision[:12]})" for row in corrections)
    contexts = Counter(row.proposal.get_context_display() for row in corrections)
    languages = Counter(sample.question.get_language_display() for sample in samples)
    lines = [
        f"# Training set: {campaign.name}",
        "",
        "Patients' questions about their mammograms, answers proposed by a language model, corrected by",
        "junior and picked by senior radiologists. Pseudonymised, not anonymous: use under protocol only.",
        "",
    ]
    if any(sample.is_simulated for sample in samples):
        lines += ["**Holds simulated cases or judgements: not for any clinical claim.**", ""]
    lines += [
        f"- Format: {format_name}; content hash (SHA-256 over `name sha256` of the files): `{content_hash}`",
        f"- Split by patient: {split.name}, rule {split.rule}, seed {split.seed}",
        *(f"- {name.capitalize()}: {count}" for name, count in counts.items()),
        f"- Languages: {_listed(languages)}",
        f"- Proposed by: {_listed(systems)}",
        f"- The proposer saw: {_listed(contexts)}",
        f"- Corrected by {juniors} junior, picked by {seniors} senior radiologists",
        f"- Picked answers that the junior left unchanged: {unchanged}",
        f"- Picked but left out of this set: {_listed(left_out(campaign))}",
        "- Licence: none is granted by this file; the hospital's data agreement applies",
        "- Lineage of each sample: lineage.jsonl, in the order of the questions",
        "",
    ]
    return "\n".join(lines)


def _counts(samples: Sequence[TrainingSample]) -> dict[str, int]:
    sides = Counter(sample.split for sample in samples)
    return {
        "samples": len(samples),
        **{side: sides[side] for side in ("train", "validation", "test")},
        "pairs": sum(len(sample.rejected) for sample in samples),
        "answers written by a senior": sum(sample.pick.correction_id is None for sample in samples),
        "answers edited by a senior": sum(sample.pick.edited for sample in samples),
        "answers decided by a third senior": sum(sample.pick.is_adjudication for sample in samples),
    }


def _listed(counted: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in sorted(counted.items())) or "none"
