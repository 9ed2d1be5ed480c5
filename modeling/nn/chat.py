"""Dialogues as token ids, for any tokenizer that carries a chat template.

The template's own text is tokenised with its control tokens; everything that a person or a model wrote is
tokenised apart, as plain text. A question that contains `<|assistant|>` therefore stays a question: control
ids appear only where the template puts them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from jinja2.exceptions import TemplateError

IGNORED_LABEL = -100
# What `visual_token.ensure_visual_token` adds where a tokenizer has none of the others.
ADDED_VISUAL_TOKEN = "<|visual_vector|>"  # noqa: S105  (a control token, no password)
# Reserved tokens that no text model uses, in order of preference. Taking one of them leaves the size of the
# embedding alone, so a tuned model keeps sharing weights with its base.
VISUAL_TOKENS = (
    "<|begin_of_image|>",
    "<|image_pad|>",
    "<|reserved_special_token_0|>",
    "<|image|>",
    "<image>",
    ADDED_VISUAL_TOKEN,
)
_SENTINEL = re.compile("\ue000(\\d+)\ue001")


@dataclass(frozen=True)
class EncodedDialogue:
    """Token ids of one dialogue with its answer; labels are IGNORED_LABEL outside the answer."""

    input_ids: list[int]
    labels: list[int]


class ChatEncoder:
    """Turns dialogues into token ids with the tokenizer's own chat template.

    Args:
        tokenizer: a transformers tokenizer with a chat template.
        visual_token: the reserved token that marks the place of one visual vector; chosen among VISUAL_TOKENS
            when it is not named. A tokenizer that has none serves text only.
    """

    def __init__(self, tokenizer: Any, visual_token: str | None = None) -> None:
        if not getattr(tokenizer, "chat_template", None):
            raise ValueError("the tokenizer has no chat template: add chat_template.jinja to its folder")
        self.tokenizer = tokenizer
        self._added: dict[str, int] = dict(tokenizer.get_added_vocab())
        control = control_tokens(tokenizer)
        self._control_pattern = _pattern(control)
        self.control_ids = frozenset(control.values())
        self.visual_token_id = self._find_visual_token(visual_token)
        self.closing_id = self._find_closing_id()
        self.pad_id = int(tokenizer.pad_token_id if tokenizer.pad_token_id is not None else self.closing_id)
        self._system_role = self._template_takes_system()

    @property
    def stop_ids(self) -> list[int]:
        """Ids that end an answer: the token that closes a turn and the tokenizer's own end of text."""
        ends = {self.closing_id}
        if self.tokenizer.eos_token_id is not None:
            ends.add(int(self.tokenizer.eos_token_id))
        return sorted(ends)

    def require_visual_token(self) -> int:
        """The id that marks the place of a visual vector. Raises ValueError for a tokenizer that has none."""
        if self.visual_token_id is None:
            raise ValueError(f"the tokenizer has no token for an image: it needs one of {VISUAL_TOKENS}")
        return self.visual_token_id

    def prompt(
        self, turns: Sequence[str], *, context: str = "", visual_tags: Sequence[str] = (), per_tag: int = 1
    ) -> list[int]:
        """Ids of a dialogue up to the point where the model answers.

        Args:
            turns: user and assistant texts alternating, beginning and ending with the user.
            context: what the model is told about the patient; a system turn where the template has one.
            visual_tags: one text tag per group of visual vectors ("[L-CC]"), set before the first question.
            per_tag: placeholders after each tag.
        """
        messages = self._messages(turns, context, visual_tags, per_tag)
        return self._assemble(self._render([role for role, _ in messages], answering=True), messages)

    def example(
        self,
        turns: Sequence[str],
        answer: str,
        *,
        context: str = "",
        visual_tags: Sequence[str] = (),
        per_tag: int = 1,
    ) -> EncodedDialogue:
        """Ids and labels for training: the loss falls on the answer and on the token that closes it."""
        messages = self._messages(turns, context, visual_tags, per_tag)
        roles = [role for role, _ in messages]
        asked, answered = self._render(roles, answering=True), self._render([*roles, "assistant"])
        end = f"\ue000{len(roles)}\ue001"
        # A template that writes something else before a finished answer than before one to come (a
        # "thinking" block, say) is followed as it stands at answering.
        opening = answered[len(asked) :].split(end)[0] if answered.startswith(asked) else ""
        prompt = self._assemble(asked, messages)
        response = [*self._encode_template(opening), *self.encode_plain(answer), self.closing_id]
        return EncodedDialogue([*prompt, *response], [IGNORED_LABEL] * len(prompt) + response)

    def encode_plain(self, text: str) -> list[int]:
        """Ids of a text in which nothing is a control token, whatever it spells.

        Raises ValueError when the tokenizer would make a control token of it all the same.
        """
        ids = [token for piece in self._break_control(text) for token in self._encode_template(piece)]
        if self.control_ids.intersection(ids):
            raise ValueError("the tokenizer turns plain text into a control token; the text is refused")
        return ids

    def decode(self, ids: Sequence[int]) -> str:
        """The text of generated ids, without control tokens or surrounding space."""
        return str(self.tokenizer.decode(list(ids), skip_special_tokens=True)).strip()

    # -- parts ---------------------------------------------------------------------------------------------

    def _messages(
        self, turns: Sequence[str], context: str, visual_tags: Sequence[str], per_tag: int
    ) -> list[tuple[str, list[int]]]:
        if not turns or len(turns) % 2 == 0:
            raise ValueError("turns must begin and end with the user: an odd number of texts is needed")
        visual: list[int] = []
        for tag in visual_tags:
            visual += [*self.encode_plain(tag), *[self.require_visual_token()] * per_tag]
        contents = [self.encode_plain(text) for text in turns]
        contents[0] = [*visual, *contents[0]]
        messages = [("user" if i % 2 == 0 else "assistant", ids) for i, ids in enumerate(contents)]
        if context and self._system_role:
            return [("system", self.encode_plain(context)), *messages]
        if context:
            messages[0] = ("user", [*self.encode_plain(context + "\n\n"), *messages[0][1]])
        return messages

    def _render(self, roles: Sequence[str], answering: bool = False) -> str:
        marked = [{"role": role, "content": f"\ue000{i}\ue001"} for i, role in enumerate(roles)]
        return str(
            self.tokenizer.apply_chat_template(marked, tokenize=False, add_generation_prompt=answering)
        )

    def _assemble(self, rendered: str, messages: Sequence[tuple[str, list[int]]]) -> list[int]:
        ids: list[int] = []
        seen: list[int] = []
        for i, piece in enumerate(_SENTINEL.split(rendered)):
            if i % 2 == 0:
                ids += self._encode_template(piece)
            else:
                seen.append(int(piece))
                ids += messages[int(piece)][1]
        if seen != list(range(len(messages))):
            raise ValueError("the chat template drops or repeats turns of this dialogue")
        return ids

    def _encode_template(self, text: str) -> list[int]:
        return list(self.tokenizer.encode(text, add_special_tokens=False)) if text else []

    def _break_control(self, text: str) -> list[str]:
        """The text cut inside every control token that it spells, so that no piece spells one."""
        pieces: list[str] = []
        start = 0
        while (found := self._control_pattern.search(text, start)) is not None:
            pieces.append(text[start : found.start() + 1])
            start = found.start() + 1
        return [*pieces, text[start:]]

    def _find_visual_token(self, wanted: str | None) -> int | None:
        if wanted is not None and wanted not in self._added:
            raise ValueError(f"visual_token {wanted!r} is not among the tokenizer's added tokens")
        for token in (wanted,) if wanted is not None else VISUAL_TOKENS:
            if token in self._added:
                return self._added[token]
        return None

    def _find_closing_id(self) -> int:
        """The first control token after an answer: `<|user|>` for GLM-4, the end of turn for others."""
        rendered = self._render(["user", "assistant", "user"])
        after = _SENTINEL.split(rendered)[4]
        for token in self._encode_template(after):
            if token in self.control_ids:
                return token
        if self.tokenizer.eos_token_id is None:
            raise ValueError("the chat template names no token that ends an answer")
        return int(self.tokenizer.eos_token_id)

    def _template_takes_system(self) -> bool:
        try:
            return len(_SENTINEL.findall(self._render(["system", "user"]))) == 2
        except (TemplateError, ValueError):
            return False


def control_tokens(tokenizer: Any) -> dict[str, int]:
    """The added tokens of a tokenizer that steer a dialogue, with their ids."""
    special = {str(token) for token in tokenizer.all_special_tokens}
    return {
        text: index
        for text, index in tokenizer.get_added_vocab().items()
        if len(text) > 1 and (text in special or re.fullmatch(r"[<\[].*[>\]]", text, re.DOTALL))
    }


def disarm(tokenizer: Any, text: str) -> str:
    """The text with a space inside every control token that it spells.

    For processors that tokenise a whole rendered dialogue at once, where a person's text can't be kept apart
    from the template's.

    Raises:
        ValueError: the tokenizer would make a control token of the text all the same.
    """
    control = control_tokens(tokenizer)
    pattern = _pattern(control)
    while pattern.search(text):
        text = pattern.sub(lambda found: found.group()[0] + " " + found.group()[1:], text)
    if set(control.values()).intersection(tokenizer.encode(text, add_special_tokens=False)):
        raise ValueError("the tokenizer turns plain text into a control token; the text is refused")
    return text


def _pattern(control: Mapping[str, int]) -> re.Pattern[str]:
    longest_first = sorted(control, key=len, reverse=True)
    return re.compile("|".join(re.escape(text) for text in longest_first) or "(?!)")
