"""The card that lies beside a training set: what is in it, how it came about, who decided."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from annotation.exporting.formats import SPLITS
from annotation.exporting.loading import how_to_load
from annotation.models import Campaign, Proposal
from annotation.services.training_samples import TrainingSample, any_simulated, left_out
from annotation.statistics.support import support_in
from mammo.archive.models import Split
from mammo.archive.splits import exported_name

NOT_STATED = "not stated"
# How a format keeps earlier answers of a conversation from being learned.
_READ_ONLY = {
    "llamafactory": "train with `mask_history: true`, else they are",
    "swift": "they stand with `loss: false`",
}


def data_card(
    campaign: Campaign,
    samples: Sequence[TrainingSample],
    *,
    split: Split,
    format_name: str,
    preferences: bool,
    content_hash: str,
    pictured: bool,
    packed: bool,
    texts_alone: bool = False,
) -> str:
    """The card as Markdown; it names no person and holds no patient's text.

    Args:
        pictured: whether any sample has pictures.
        packed: pictures lie in the rows.
        texts_alone: pictures were left out on request.
    """
    corrections = [sample.pick.correction for sample in samples if sample.pick.correction is not None]
    counts = _counts(samples, preferences)
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
    if any_simulated(samples, pairs=preferences):
        lines += ["**Holds simulated cases or judgements: not for any clinical claim.**", ""]
    lines += [
        f"- Format: {format_name}; content hash (SHA-256 over `name sha256` of the files): `{content_hash}`",
        f"- Split by patient: {exported_name(split)}, rule {split.rule}, seed {split.seed}",
        *(f"- {name.capitalize()}: {count}" for name, count in counts.items()),
        f"- Languages: {_listed(languages)}",
        f"- Proposed by: {_listed(systems)}",
        f"- Licence of the proposing model: {_licences(row.proposal for row in corrections)}",
        f"- The proposer saw: {_listed(contexts)}",
        f"- Corrected by {juniors} junior, picked by {seniors} senior radiologists",
        f"- Picked answers that the junior left unchanged: {unchanged}",
        f"- {_borne_out(samples)}",
        *_earlier_answers(samples, format_name),
        *_split_votes(samples, preferences),
        f"- Picked but left out of this set: {_listed(left_out(campaign))}",
        "- Licence: none is granted by this file; the hospital's data agreement applies",
        *_order_of_pictures(pictured),
        *_left_pictures(samples, texts_alone),
        "- Lineage of each sample: lineage.jsonl, in the order of the rows: those with pictures first, then the others",
        "",
        *how_to_load(format_name, _files(samples, preferences), pictured=pictured, packed=packed),
    ]
    return "\n".join(lines)


def _files(samples: Sequence[TrainingSample], preferences: bool) -> dict[str, list[str]]:
    """Of supervised rows and of pairs the sides that have any, and so a file."""
    supervised = {sample.split for sample in samples}
    paired = {sample.split for sample in samples if sample.rejected} if preferences else set()
    return {
        kind: [side for side in SPLITS if side in sides]
        for kind, sides in (("sft", supervised), ("dpo", paired))
    }


def _licences(proposals: Iterable[Proposal]) -> str:
    """Of each system the licence that stood beside its model when it proposed."""
    named = {(row.system, str(row.parameters.get("licence") or NOT_STATED)) for row in proposals}
    return "; ".join(f"{system}: {licence}" for system, licence in sorted(named)) or "none proposed"


def _counts(samples: Sequence[TrainingSample], preferences: bool) -> dict[str, int]:
    sides = Counter(sample.split for sample in samples)
    return {
        "samples": len(samples),
        **{side: sides[side] for side in SPLITS},
        **({"pairs": sum(len(sample.rejected) for sample in samples)} if preferences else {}),
        "answers written by a senior": sum(sample.pick.correction_id is None for sample in samples),
        "answers edited by a senior": sum(sample.pick.edited for sample in samples),
        "answers decided by a third senior": sum(sample.pick.is_adjudication for sample in samples),
    }


def _earlier_answers(samples: Sequence[TrainingSample], format_name: str) -> list[str]:
    """A line where samples hold answers that were given before the question: nobody corrected them here."""
    count = sum(len(sample.turns) > 1 for sample in samples)
    how = _READ_ONLY.get(format_name, "they are part of the prompt")
    said = f"- Samples with earlier answers, which are to be read and not learned ({how}): {count}"
    return [said] if count else []


def _order_of_pictures(pictured: bool) -> list[str]:
    """Which picture of a row is of which breast and view."""
    said = (
        "- Pictures of a row: right CC, left CC, right MLO, left MLO, in this order; a view that is missing is left out, "
        "so the place alone does not tell which one it is: `images` in lineage.jsonl does (name, laterality, view)"
    )
    return [said] if pictured else []


def _left_pictures(samples: Sequence[TrainingSample], texts_alone: bool) -> list[str]:
    """Of a set of texts alone, how many samples are about pictures that it does not hold."""
    count = sum(sample.question.study_id is not None for sample in samples)
    said = f"- Texts alone: no row has pictures; samples about a study, whose pictures were left out: {count}"
    return [said] if texts_alone else []


def _split_votes(samples: Sequence[TrainingSample], preferences: bool) -> list[str]:
    """A line where seniors chose different answers and nobody decided between them."""
    count = sum(sample.is_split for sample in samples)
    said = f"- Samples whose seniors chose differently, no third deciding (the first of the most chosen counts): {count}"
    paired = "; what another senior chose is rejected in no pair" if preferences else ""
    return [said + paired] if count else []


def _borne_out(samples: Sequence[TrainingSample]) -> str:
    """Of what the answers state about density and BI-RADS, how much the labels support."""
    found = support_in([sample.pick for sample in samples if sample.question.study_id is not None])
    share = f" ({100 * found.share:.1f} %)" if found.share is not None else ""
    unread = f"; {found.unread} answers are still to be read" if found.unread else ""
    return (
        "Facts that answers state about density and BI-RADS, supported by the study's labels: "
        f"{found.supported} of {found.stated}{share}{unread}"
    )


def _listed(counted: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in sorted(counted.items())) or "none"
