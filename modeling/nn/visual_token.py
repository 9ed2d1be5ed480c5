"""A place for visual vectors in the vocabulary of a language model that reserves none (Qwen2, Mixtral)."""

from __future__ import annotations

from typing import Any

from tokenizers import AddedToken

from modeling.nn.chat import ADDED_VISUAL_TOKEN, VISUAL_TOKENS


def ensure_visual_token(tokenizer: Any, language_model: Any) -> None:
    """Add the special token `ADDED_VISUAL_TOKEN` where the tokenizer has none of `VISUAL_TOKENS`.

    It takes a spare row of the embedding where there is one; else the embedding (and the output layer) grows by one.
    Seed torch before the call. Both are changed in place and saved with the tuned model.
    """
    if not set(VISUAL_TOKENS).isdisjoint(tokenizer.get_added_vocab()):
        return
    tokenizer.add_tokens(
        [AddedToken(ADDED_VISUAL_TOKEN, special=True, normalized=False)], special_tokens=True
    )
    if len(tokenizer) > language_model.get_input_embeddings().num_embeddings:
        language_model.resize_token_embeddings(len(tokenizer), mean_resizing=False)
