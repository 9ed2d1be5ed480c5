"""The rows of the paper's ablations as settings: Table 3 (mappings) and Table 8 (contrastive parts). No torch.

A row is a chain of stages; each names what it changes in the setting that is run otherwise.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Row:
    """One row of an ablation.

    Attributes:
        label: as the paper writes it.
        unsupervised: what it changes in the unsupervised stage; None when the row leaves that stage out.
        supervised: what it changes in the supervised stage.
        sft: what it changes in the tuning of the language model.
    """

    label: str
    unsupervised: Mapping[str, Any] | None = field(default_factory=dict)
    supervised: Mapping[str, Any] = field(default_factory=dict)
    sft: Mapping[str, Any] = field(default_factory=dict)


# Section 5.4, Table 8: parts are added one after the other; attention stands in for our fusion.
TABLE_8: dict[str, Row] = {
    "base": Row(label="Base (supervised only)", unsupervised=None, supervised={"contrast_weight": 0.0}),
    "unimodal": Row(
        label="+ unimodal contrast",
        unsupervised={"multimodal_weight": 0.0},
        supervised={"contrast_weight": 0.0},
    ),
    "multimodal": Row(label="+ multimodal contrast", supervised={"contrast_weight": 0.0}),
    "umicon": Row(label="+ cross-modal contrast (UMiCon)"),
    "attention": Row(label="UMiCon with cross-attention fusion", supervised={"fusion": "attention"}),
}

# Section 5.1, Table 3: the first four leave the language model as it is and train the map alone.
TABLE_3: dict[str, Row] = {
    "clip": Row(label="CLIP, linear", sft={"mapping": "linear", "only_expert": "clip", "tuning": "none"}),
    "convnext": Row(
        label="ConvNeXt, linear", sft={"mapping": "linear", "only_expert": "convnext", "tuning": "none"}
    ),
    "moe": Row(label="Visual MoE, linear", sft={"mapping": "linear", "tuning": "none"}),
    "moe_umicon": Row(label="Visual MoE, UMiCon", sft={"tuning": "none"}),
    "moe_umicon_sft": Row(label="Visual MoE, UMiCon, SFT"),
}
