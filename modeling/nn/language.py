"""Language models: a tokenizer and tiny GLM made here; GLM-4 9B and others from a local folder."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import (
    AutoModelForCausalLM,
    AutoTokenizer,
    GlmConfig,
    GlmForCausalLM,
    PreTrainedTokenizerFast,
)

from modeling.data.snapshot import sync_folder
from modeling.data.snapshot import weights_sha256 as weights_sha256
from modeling.nn.checkpoint import publish_folder

# GLM-4's added tokens, in its order.
GLM_SPECIAL_TOKENS = (
    "<|endoftext|>", "[MASK]", "[gMASK]", "[sMASK]", "<sop>", "<eop>", "<|system|>", "<|user|>",
    "<|assistant|>", "<|observation|>", "<|begin_of_image|>", "<|end_of_image|>", "<|begin_of_video|>",
    "<|end_of_video|>",
)  # fmt: skip
GLM_CHAT_TEMPLATE = (
    "[gMASK]<sop>{% for message in messages %}<|{{ message['role'] }}|>\n{{ message['content'] }}{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>\n{% endif %}"
)
# The pre-tokenisation of GLM-4 (that of cl100k).
_WORDS = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+"
    r"|\s+(?!\S)|\s+"
)


# Parameters below which a language model is small: it runs on one thread and writes many rows at once.
SMALL_MODEL = 50_000_000


class ModelFolderError(ValueError):
    """A model folder that can't be used; the text names the file and what to do."""


@dataclass(frozen=True)
class TinyGlmSize:
    """The size of a GLM trained from scratch: about a million parameters by default."""

    hidden_size: int = 160  # width of the embeddings
    layers: int = 4
    heads: int = 4
    key_value_heads: int = 2
    intermediate_size: int = 432  # width inside the feed-forward layers
    max_position_embeddings: int = 1024


def train_tokenizer(texts: Iterable[str], vocab_size: int) -> PreTrainedTokenizerFast:
    """A byte-level BPE tokenizer with GLM-4's control tokens and chat template.

    Args:
        texts: what it learns its merges from.
        vocab_size: number of byte-pair tokens; GLM-4's control tokens come on top.
    """
    backend = Tokenizer(models.BPE())
    backend.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(_WORDS), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    backend.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size,
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    backend.train_from_iterator(texts, trainer)
    backend.add_special_tokens(
        [AddedToken(token, special=True, normalized=False) for token in GLM_SPECIAL_TOKENS]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=backend,
        eos_token=GLM_SPECIAL_TOKENS[0],
        pad_token=GLM_SPECIAL_TOKENS[0],
        extra_special_tokens=list(GLM_SPECIAL_TOKENS),
        padding_side="left",
        chat_template=GLM_CHAT_TEMPLATE,
        clean_up_tokenization_spaces=False,
    )


def tiny_glm_config(tokenizer: Any, size: TinyGlmSize) -> GlmConfig:
    """The configuration of a small GLM that fits a tokenizer made by `train_tokenizer`."""

    def token(text: str) -> int:
        return int(tokenizer.convert_tokens_to_ids(text))

    return GlmConfig(
        vocab_size=-(-len(tokenizer) // 64) * 64,
        hidden_size=size.hidden_size,
        intermediate_size=size.intermediate_size,
        num_hidden_layers=size.layers,
        num_attention_heads=size.heads,
        num_key_value_heads=size.key_value_heads,
        head_dim=size.hidden_size // size.heads,
        max_position_embeddings=size.max_position_embeddings,
        tie_word_embeddings=True,
        pad_token_id=token("<|endoftext|>"),
        eos_token_id=[token("<|endoftext|>"), token("<|user|>"), token("<|observation|>")],
    )


def build_tiny_glm(tokenizer: Any, size: TinyGlmSize) -> GlmForCausalLM:
    """A GlmForCausalLM with random weights; seed torch before the call."""
    return GlmForCausalLM(tiny_glm_config(tokenizer, size))


def save_language_model(
    folder: str | Path, model: Any, tokenizer: Any, *, beside: Mapping[str, str] | None = None
) -> str:
    """Write model and tokenizer (or processor) as one folder, whole or not at all; the SHA-256 of the weights.

    `beside` names small text files that belong to them. An earlier folder of the same name is replaced.
    """
    target = Path(folder)
    part = target.with_name(f".{target.name}.{os.getpid()}.part")
    shutil.rmtree(part, ignore_errors=True)
    try:
        model.save_pretrained(str(part))
        tokenizer.save_pretrained(str(part))
        for name, text in (beside or {}).items():
            (part / name).write_text(text, "utf-8")
        sync_folder(part)
        publish_folder(part, target)
    except BaseException:
        shutil.rmtree(part, ignore_errors=True)
        raise
    return weights_sha256(target)


def limit_threads(model: Any) -> None:
    """Run a small model on one thread of the processor.

    Its matrices are too small to share, and threads that wait for each other burn the time of whatever runs
    beside them.
    """
    if not torch.cuda.is_available() and sum(p.numel() for p in model.parameters()) < SMALL_MODEL:
        torch.set_num_threads(1)


def check_model_folder(folder: str | Path) -> Path:
    """The folder, once it is known to hold a whole model that may be loaded.

    Only safetensors are read and no code from the folder is run.

    Raises:
        ModelFolderError: naming the file that is missing or refused, and the mend.
    """
    path = Path(folder)
    if not path.is_dir():
        raise ModelFolderError(
            f"model folder {path} does not exist: put the model's files there (config.json, the tokenizer's "
            'files and *.safetensors; `manage.py fetch_weights` brings them) or name another folder as "path"'
        )
    config = _read_json(path, "config.json")
    if "auto_map" in config:
        raise ModelFolderError(
            f"{path / 'config.json'} asks for code of its own (auto_map), which is never run: use the "
            "edition of this model that transformers loads natively (for GLM-4: glm-4-9b-chat-hf)"
        )
    _check_weights(path)
    if not any((path / name).is_file() for name in ("tokenizer.json", "tokenizer.model", "vocab.json")):
        raise ModelFolderError(
            f"tokenizer.json is missing in {path}: copy the tokenizer's files beside config.json"
        )
    return path


def load_tokenizer(folder: str | Path) -> Any:
    """The tokenizer of a local folder; nothing is fetched and no code of the folder runs."""
    return AutoTokenizer.from_pretrained(str(folder), local_files_only=True, trust_remote_code=False)


def load_language_model(folder: str | Path) -> Any:
    """Any AutoModelForCausalLM from a local folder of safetensors."""
    return load_whole(AutoModelForCausalLM, check_model_folder(folder))


def load_whole(kind: Any, path: Path) -> Any:
    """A model of an auto class or model class from a checked folder, with every weight from its files.

    Raises ModelFolderError when files and architecture do not fit together.
    """
    try:
        model, info = kind.from_pretrained(
            str(path),
            local_files_only=True,
            trust_remote_code=False,
            use_safetensors=True,
            dtype="auto",
            output_loading_info=True,
        )
    except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as error:
        reason = str(error).strip().splitlines()[0]
        raise ModelFolderError(
            f"the model in {path} can't be loaded: {reason}; copy its files again"
        ) from error
    if info["missing_keys"]:
        # transformers would fill them with random numbers and go on.
        name = sorted(info["missing_keys"])[0]
        raise ModelFolderError(
            f"the weights in {path} lack {len(info['missing_keys'])} parts that config.json asks for "
            f"({name}, for one): the files are of different models; copy them again from one source"
        )
    return model


def _read_json(folder: Path, name: str) -> dict[str, Any]:
    file = folder / name
    if not file.is_file():
        raise ModelFolderError(f"{name} is missing in {folder}: copy the model's {name} there")
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise ModelFolderError(f"{file} is not valid JSON ({error}): copy the file again") from error
    if not isinstance(content, dict):
        raise ModelFolderError(f"{file} must hold one JSON object: copy the file again")
    return content


def _check_weights(folder: Path) -> None:
    index = folder / "model.safetensors.index.json"
    if index.is_file():
        shards = sorted(set(dict(_read_json(folder, index.name).get("weight_map", {})).values()))
        missing = [name for name in shards if not (folder / str(name)).is_file()]
        if missing or not shards:
            raise ModelFolderError(
                f"{missing[0] if missing else 'every shard'} is missing in {folder} "
                f"({len(missing)} of {len(shards)} parts named by {index.name}): copy the other parts there"
            )
        return
    if (folder / "model.safetensors").is_file():
        return
    pickled = sorted(file.name for pattern in ("*.bin", "*.pt", "*.pth") for file in folder.glob(pattern))
    hint = (
        f"{pickled[0]} can hold code and is not read; `manage.py fetch_weights NAME --from {folder}` converts it once"
        if pickled
        else "copy the model's weights there"
    )
    raise ModelFolderError(f"model.safetensors is missing in {folder}: {hint}")
