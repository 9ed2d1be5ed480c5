"""Which files of a repository are taken: configuration, tokenizer, processor and weights; never a program."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from modeling.data.exchange import BadRequestError

TEXTS = (
    "config.json",
    "generation_config.json",
    "open_clip_config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "tokenizer.model",
    "spiece.model",
    "sentencepiece.bpe.model",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.json",
    "vocab.txt",
    "merges.txt",
    "chat_template.json",
    "chat_template.jinja",
    "preprocessor_config.json",
    "video_preprocessor_config.json",
    "processor_config.json",
    "LICENSE*",
    "NOTICE*",
)
INDEX, PICKLED_INDEX = "model.safetensors.index.json", "pytorch_model.bin.index.json"
# The first that is there holds the whole model; what lies beside it is another edition of the same.
WHOLE = ("model.safetensors", "open_clip_model.safetensors")
PICKLED_WHOLE = ("pytorch_model.bin", "open_clip_pytorch_model.bin")
PICKLED = (".bin", ".pt", ".pth", ".ckpt", ".tar")
# What a trainer leaves beside its weights.
NO_WEIGHTS = ("training_args.bin", "optimizer.*", "scheduler.*", "rng_state*", "scaler.*")


class RefusedError(BadRequestError):
    """These files are not taken, however often one asks; nothing of them is kept."""


@dataclass(frozen=True)
class Weights:
    """The weight files to take; pickled ones are converted."""

    names: tuple[str, ...]
    pickled: bool = False


def texts(names: Iterable[str]) -> list[str]:
    """The small files to take: of the repository's own folder, on the list, and no code."""
    return sorted(
        name for name in names if any(fnmatchcase(name, pattern) for pattern in TEXTS) and "/" not in name
        and not name.endswith((".py", ".sh"))
    )  # fmt: skip


def index_file(names: Iterable[str], file: str = "") -> str | None:
    """The index of weights in several parts, if there is one; of pickled ones only where there are no others."""
    found = set(names)
    if file:
        return None
    if INDEX in found:
        return INDEX
    return PICKLED_INDEX if PICKLED_INDEX in found and not _safetensors(found) else None


def weight_files(names: Iterable[str], *, index: Mapping[str, Any] | None, file: str = "") -> Weights:
    """The files that hold the model, safetensors where there are any.

    Args:
        names: every file of the repository.
        index: content of `index_file`, where there is one.
        file: the one pickled file that was asked for.

    Raises:
        RefusedError: there are none, or it can't be told which.
    """
    found = set(names)
    if file:
        if file not in found or not file.endswith(PICKLED) or ".." in file.split("/"):
            raise RefusedError(
                f"--file {file}: no such pickled file; there are: {_listed(_pickles(found, deep=True))}"
            )
        return Weights((file,), pickled=True)
    if index is not None:
        return _parts(found, index)
    if safe := _safetensors(found):
        whole = next((name for name in WHOLE if name in safe), None)
        return Weights((whole,) if whole else tuple(safe))
    if whole := next((name for name in PICKLED_WHOLE if name in found), None):
        return Weights((whole,), pickled=True)
    pickles = _pickles(found)
    if len(pickles) == 1:
        return Weights((pickles[0],), pickled=True)
    if choice := pickles or _pickles(found, deep=True):
        raise RefusedError(f"several pickled files, name one with --file: {_listed(choice)}")
    raise RefusedError("no weights in safetensors or pickled by torch; name another repository")


def converted_names(weights: Weights) -> list[str]:
    """Names of the safetensors that pickled files become."""
    count = len(weights.names)
    if count > 1:
        return [f"model-{place:05d}-of-{count:05d}.safetensors" for place in range(1, count + 1)]
    return [WHOLE[PICKLED_WHOLE.index(weights.names[0])] if weights.names[0] in PICKLED_WHOLE else WHOLE[0]]


def _parts(found: set[str], index: Mapping[str, Any]) -> Weights:
    table = index.get("weight_map")
    parts = sorted({str(name) for name in table.values()}) if isinstance(table, dict) else []
    if not parts:
        raise RefusedError("the index of its weights names no part; name another revision")
    pickled = not parts[0].endswith(".safetensors")
    for name in parts:
        if name not in found or "/" in name:
            raise RefusedError(
                f"{name}: named by the index of its weights, but not there; name another revision"
            )
        if not name.endswith(PICKLED if pickled else ".safetensors"):
            raise RefusedError(
                f"{name}: named by the index of its weights, but no weights; name another revision"
            )
    return Weights(tuple(parts), pickled=pickled)


def _safetensors(found: set[str]) -> list[str]:
    return sorted(name for name in found if name.endswith(".safetensors") and "/" not in name)


def _pickles(found: set[str], *, deep: bool = False) -> list[str]:
    return sorted(
        name for name in found if name.endswith(PICKLED) and (deep or "/" not in name)
        and not any(fnmatchcase(name.rsplit("/", 1)[-1], pattern) for pattern in NO_WEIGHTS)
    )  # fmt: skip


def _listed(names: list[str]) -> str:
    return ", ".join(names[:8]) + (f" and {len(names) - 8} more" if len(names) > 8 else "") or "none"
