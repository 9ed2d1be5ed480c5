"""The report side of UMiCon: a BERT-class encoder and its vocabulary (section 3.2, MacBERT-base)."""

from __future__ import annotations

import itertools
import re
from collections import Counter, defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal, Self

import torch
from safetensors import SafetensorError
from torch import Tensor, nn
from transformers import BertConfig, BertModel, BertTokenizer, PreTrainedTokenizerBase

from modeling.data.model_folders import weights_folder
from modeling.nn.experts import EncoderError

LEAST_PATIENTS = 3
SPECIAL_TOKENS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")


class TextEncoder(nn.Module):
    """BERT and a linear map of its report state to the shared vector space."""

    def __init__(self, bert: BertModel, *, vector_size: int, pooling: Literal["cls", "mean"] = "cls") -> None:
        super().__init__()
        self.bert = bert
        self.pooling = pooling
        self.projection = nn.Linear(bert.config.hidden_size, vector_size)

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """(B, T) token ids and mask -> (B, C)."""
        states = self.bert(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state  # (B, T, E)
        if self.pooling == "cls":
            report = states[:, 0]
        else:
            weights = attention_mask[..., None].to(states.dtype)
            report = (states * weights).sum(1) / weights.sum(1).clamp(min=1)
        return self.projection(report)

    def spec(self) -> dict[str, Any]:
        """What `from_spec` needs to build this module without weights."""
        return {
            "bert": self.bert.config.to_dict(),
            "vector_size": self.projection.out_features,
            "pooling": self.pooling,
        }

    @classmethod
    def from_spec(cls, spec: dict[str, Any]) -> Self:
        """An untrained encoder of the same architecture."""
        bert = BertModel(BertConfig.from_dict(spec["bert"]), add_pooling_layer=False)
        return cls(bert, vector_size=spec["vector_size"], pooling=spec["pooling"])

    @classmethod
    def from_folder(cls, folder: Path | str, *, vector_size: int, pooling: Literal["cls", "mean"]) -> Self:
        """A pretrained BERT (for example chinese-macbert-base) from a local folder of safetensors,
        or from the one that was fetched of its hub name.

        Raises:
            EncoderError: a file or some of its weights are missing; it names them and where they belong.
        """
        path = weights_folder(folder)
        _require(path, ("config.json",), "the configuration of a BERT")
        _require(path, ("model.safetensors", "model.safetensors.index.json"), "the weights of a BERT")
        try:
            loaded: Any = BertModel.from_pretrained(
                str(path), add_pooling_layer=False, local_files_only=True, use_safetensors=True,
                output_loading_info=True,
            )  # fmt: skip
        except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as error:
            reason = str(error).strip().splitlines()[0]
            raise EncoderError(
                f"{path}: this text encoder can't be loaded ({reason}); copy its files again"
            ) from error
        bert, info = loaded
        if info["missing_keys"]:  # transformers would fill them with random numbers and go on
            name = sorted(info["missing_keys"])[0]
            raise EncoderError(
                f"{path}: its weights lack {len(info['missing_keys'])} parts that config.json asks for ({name}, for "
                "one); copy config.json and model.safetensors again from one source"
            )
        return cls(bert, vector_size=vector_size, pooling=pooling)

    @classmethod
    def small(
        cls,
        *,
        vocabulary: int,
        layers: int,
        hidden_size: int,
        heads: int,
        length: int,
        vector_size: int,
        pooling: Literal["cls", "mean"],
    ) -> Self:
        """A random BERT of a given size, for corpora trained from scratch."""
        config = BertConfig(
            vocab_size=vocabulary,
            hidden_size=hidden_size,
            num_hidden_layers=layers,
            num_attention_heads=heads,
            intermediate_size=2 * hidden_size,
            max_position_embeddings=length,
            pad_token_id=0,
        )
        return cls(BertModel(config, add_pooling_layer=False), vector_size=vector_size, pooling=pooling)


def corpus_tokenizer(
    texts: Iterable[str], *, length: int, words: int = 4000, patients: Iterable[str] | None = None
) -> BertTokenizer:
    """A BERT tokenizer whose vocabulary is the corpus: every character, and its most frequent Latin words.

    Equal texts in any order give an equal vocabulary.

    Args:
        texts: the corpus.
        length: most tokens of a text.
        words: most Latin words.
        patients: whose text each is. A word of fewer than LEAST_PATIENTS may be a name that cleaning left; the
            vocabulary leaves the house with the weights, so such a word is read letter by letter.
    """
    characters: Counter[str] = Counter()
    latin: Counter[str] = Counter()
    holders: defaultdict[str, set[str]] = defaultdict(set)
    whose: Iterable[str | None] = itertools.repeat(None) if patients is None else patients
    for text, patient in zip(texts, whose, strict=patients is not None):
        lowered = text.lower()
        characters.update(character for character in lowered if not character.isspace())
        found = re.findall(r"[a-z]{2,}", lowered)
        latin.update(found)
        if patient is not None:
            for word in found:
                holders[word].add(patient)
    if patients is not None:
        latin = Counter({word: n for word, n in latin.items() if len(holders[word]) >= LEAST_PATIENTS})
    frequent = sorted(word for word, _ in sorted(latin.items(), key=lambda item: (-item[1], item[0]))[:words])
    pieces = sorted(f"##{c}" for c in characters if c.isascii() and c.isalnum())
    names = [*SPECIAL_TOKENS, *sorted(characters), *pieces, *frequent]
    return BertTokenizer(vocab={name: place for place, name in enumerate(names)}, model_max_length=length)


def load_tokenizer(folder: Path | str) -> BertTokenizer:
    """The tokenizer saved beside a checkpoint or delivered with a pretrained encoder.

    Raises:
        EncoderError: its vocabulary is missing.
    """
    path = weights_folder(folder)
    _require(path, ("vocab.txt", "tokenizer.json"), "the vocabulary of a BERT")
    return BertTokenizer.from_pretrained(str(path), local_files_only=True)


def _require(folder: Path, names: tuple[str, ...], what: str) -> None:
    if not any((folder / name).is_file() for name in names):
        raise EncoderError(
            f"{folder}: no {' or '.join(names)}; put {what} there "
            "(`manage.py fetch_weights macbert` brings all files of one)"
        )


def encode_reports(
    tokenizer: PreTrainedTokenizerBase, reports: list[str], *, length: int
) -> tuple[Tensor, Tensor]:
    """Texts -> token ids and attention mask, both (B, T) with T <= length.

    A special token's name inside a report is read as ordinary characters.
    """
    plain = [re.sub(r"\[(PAD|UNK|CLS|SEP|MASK)\]", r"( \1 )", report) for report in reports]
    batch = tokenizer(plain, padding=True, truncation=True, max_length=length, return_tensors="pt")
    return batch["input_ids"].to(torch.long), batch["attention_mask"].to(torch.long)
