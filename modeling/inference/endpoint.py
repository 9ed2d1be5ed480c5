"""Answers of a chat endpoint that speaks the OpenAI protocol (vLLM, SGLang, Ollama, Zhipu, OpenAI)."""

from __future__ import annotations

import logging
import os
import re
import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields
from typing import Any, Literal
from urllib.parse import urlsplit

import openai

from modeling.data.exchange import BadRequestError
from modeling.inference.budget import Budget
from modeling.inference.systems import (
    LATENCY,
    OVER_BUDGET,
    REFUSED,
    UNAVAILABLE,
    Answer,
    Draw,
    Progress,
    Question,
    SystemUnavailableError,
    no_answer,
    sha256_of,
)

log = logging.getLogger(__name__)
_LOCAL_HOSTS = frozenset({"localhost", "127.0.0.1", "::1"})
# Forms that some server's tokenizer reads as control tokens even inside a message.
_CONTROL = re.compile(
    r"<\|[^|<>\n]{1,40}\|>|<\|?/?[a-z_]{1,20}\|?>|\[/?(?:[gs]?MASK|INST|SYS|TOOL_CALLS)\]|<</?SYS>>",
    re.IGNORECASE,
)


# Bad request, too large, unprocessable: said of what was asked (a filter of contents, a limit of length), not of the
# server or the key.
OF_ONE_QUESTION = frozenset({400, 413, 422})
# No other variable of this process is read as a key and sent along.
KEY_VARIABLE = re.compile(r"[A-Z][A-Z0-9_]{0,90}_API_KEY")


@dataclass(frozen=True)
class RefusedQuestion:
    """The endpoint does not answer this question, by its status."""

    status: int


@dataclass(frozen=True)
class Capabilities:
    """What an endpoint can do; Ollama and llama.cpp ignore n, Zhipu documents no seed."""

    supports_n: bool = False  # several choices in one request
    supports_seed: bool = True
    image_mode: Literal["none", "data_url"] = "none"
    max_concurrency: int = 1  # requests under way at once


@dataclass(frozen=True)
class EndpointSpec:
    """Where an endpoint is and what may be sent to it."""

    base_url: str
    model: str
    api_key_env: str | None = None  # name of the environment variable that holds the key
    remote_allowed: bool = False  # an administrator has approved sending de-identified text off this machine
    timeout_seconds: float = 120.0
    max_retries: int = 5  # after 408, 409, 429, 5xx and lost connections, with growing pauses
    capabilities: Capabilities = Capabilities()
    # A question it refuses gets an empty answer, and the others are asked; once it answers no more, what it has
    # answered stands.
    pass_over_refused: bool = False
    budget: Mapping[str, Any] | None = None  # {"requests", "tokens"} that may be spent; null: without limit

    @classmethod
    def from_mapping(cls, spec: Mapping[str, Any]) -> EndpointSpec:
        """Raises BadRequestError naming the field that is missing, unknown or not allowed."""
        values = {name: value for name, value in spec.items() if name not in ("kind", "parameters")}
        _refuse_unknown(cls, values, "spec")
        for name in ("base_url", "model"):
            if not isinstance(values.get(name), str) or not values[name]:
                raise BadRequestError(f"spec.{name}: an endpoint needs {name}")
        given = dict(values.pop("capabilities", None) or {})
        _refuse_unknown(Capabilities, given, "spec.capabilities")
        made = cls(**values, capabilities=Capabilities(**given))
        if made.capabilities.image_mode not in ("none", "data_url"):
            raise BadRequestError(
                f"spec.capabilities.image_mode: {made.capabilities.image_mode!r}, not none or data_url"
            )
        if made.api_key_env is not None and not KEY_VARIABLE.fullmatch(str(made.api_key_env)):
            raise BadRequestError(
                "spec.api_key_env: name a variable in capitals that ends in _API_KEY; no other secret is sent"
            )
        host = urlsplit(made.base_url).hostname
        if host not in _LOCAL_HOSTS and not made.remote_allowed:
            raise BadRequestError(
                f"spec.base_url: {host} is another machine; patients' text leaves this one only when an "
                "administrator has set remote_allowed to true for this system"
            )
        return made


class EndpointSystem:
    """A model behind an endpoint; every answer is asked for apart unless the endpoint supports n."""

    can_redraw = True
    seconds_are = LATENCY

    def __init__(self, spec: EndpointSpec, parameters: Mapping[str, Any]) -> None:
        self.spec = spec
        self.parameters = {
            "temperature": float(parameters.get("temperature", 0.9)),
            "top_p": float(parameters.get("top_p", 0.95)),
            "max_tokens": int(parameters.get("max_new_tokens", 512)),
        }
        self.budget = Budget.from_mapping(spec.budget)
        self._sent = threading.local()
        self._has_answered = False
        self._broken_by: SystemUnavailableError | None = None
        # The weights are not ours to hash: the address and the model's name are what is known.
        self.revision = sha256_of({"base_url": spec.base_url, "model": spec.model})
        self.client = openai.OpenAI(
            base_url=spec.base_url,
            api_key=_key(spec),
            timeout=spec.timeout_seconds,
            max_retries=spec.max_retries,
            # What was approved is this host: a redirect, or a proxy that the environment names, is another one.
            http_client=openai.DefaultHttpxClient(
                follow_redirects=False, trust_env=False, event_hooks={"request": [self._count]}
            ),
        )

    @property
    def spent(self) -> dict[str, int]:
        """Requests (tries after a failure included) and tokens so far."""
        return self.budget.used

    def _count(self, request: Any) -> None:
        """One more request of the call that this thread makes."""
        self._sent.requests = getattr(self._sent, "requests", 0) + 1

    def write(self, draws: Sequence[Draw], progress: Progress) -> list[Answer]:
        """Answers in the order of the draws.

        Raises:
            SystemUnavailableError: the endpoint gives none; with `pass_over_refused` only while it has given none yet.
        """
        groups = (
            _by_question(draws) if self.spec.capabilities.supports_n else [[i] for i in range(len(draws))]
        )
        answers: dict[int, Answer] = {}
        if not self._has_answered:
            self._broken_by = None
        with ThreadPoolExecutor(max_workers=max(1, self.spec.capabilities.max_concurrency)) as pool:
            try:
                for places, written in pool.map(lambda g: (g, self._kept([draws[i] for i in g])), groups):
                    answers.update(zip(places, written, strict=True))
                    progress(len(answers))
            except BaseException:
                # A stop, too: who waits for the budget at this moment sends nothing more.
                stopped = SystemUnavailableError(f"endpoint {self.spec.base_url}: nothing more is sent")
                self._broken_by = self._broken_by or stopped
                pool.shutdown(wait=False, cancel_futures=True)
                raise
        return [answers[i] for i in range(len(draws))]

    def _kept(self, draws: Sequence[Draw]) -> list[Answer]:
        """As `_group`; where the endpoint answers no more, empty answers, so that those it gave are not lost."""
        if self._broken_by is None:
            try:
                answers = self._group(draws)
            except SystemUnavailableError as error:
                self._broken_by = self._broken_by or error
                if not (self.spec.pass_over_refused and self._has_answered):
                    raise
                log.warning("%s; nothing more is sent, what was answered is kept", error)
            else:
                self._has_answered |= any(answer.text for answer in answers)
                return answers
        return [
            no_answer(UNAVAILABLE, sha256_of(self._messages(draw.question)), draw.seed, self.parameters)
            for draw in draws
        ]

    def _group(self, draws: Sequence[Draw]) -> list[Answer]:
        """All draws of one question; a server that ignores n is asked again for what is missing."""
        answers: list[Answer] = []
        while len(answers) < len(draws):
            answers += self._request(draws[len(answers)], len(draws) - len(answers))
        return answers

    def _request(self, draw: Draw, n: int) -> list[Answer]:
        messages = self._messages(draw.question)
        body: dict[str, Any] = {"model": self.spec.model, "messages": messages, **self.parameters}
        if n > 1:
            body["n"] = n
        seed = draw.seed if self.spec.capabilities.supports_seed else None
        if seed is not None:
            body["seed"] = seed
        started = time.monotonic()
        reply = self._within_budget(body, draw.question, n)
        seconds = time.monotonic() - started
        if reply is None:
            return [
                no_answer(OVER_BUDGET, sha256_of(messages), seed, {**self.parameters, "n": n})
                for _ in range(n)
            ]
        if isinstance(reply, RefusedQuestion):
            parameters = {**self.parameters, "n": n, "refused": reply.status}
            return [no_answer(REFUSED, sha256_of(messages), seed, parameters) for _ in range(n)]
        choices = list(reply.choices or [])[:n]
        if not choices:
            raise SystemUnavailableError(
                f"endpoint {self.spec.base_url}: no answer to question {draw.question.id}"
            )
        usage = getattr(reply, "usage", None)
        used = int(getattr(usage, "completion_tokens", 0) or 0)
        sent = len(draw.question.images) if self.spec.capabilities.image_mode != "none" else 0
        return [
            Answer(
                text=(choice.message.content or "").strip(),
                raw=choice.message.content or "",
                seed=seed,
                finish_reason=str(choice.finish_reason),
                prompt_sha256=sha256_of(messages),
                seconds=seconds / len(choices),
                tokens=used // len(choices),
                images=sent,
                parameters={**self.parameters, "n": n, "choice": place},
            )
            for place, choice in enumerate(choices)
        ]

    def _within_budget(self, body: dict[str, Any], question: Question, n: int) -> Any:
        """The reply, or None when the budget does not cover this call: nothing is sent then."""
        prompt = _characters(body["messages"])
        most = prompt + n * int(self.parameters["max_tokens"])
        tries = self.budget.reserve(1 + self.spec.max_retries, most)
        if not tries:
            if self.spec.pass_over_refused:
                return None
            raise SystemUnavailableError(
                f"endpoint {self.spec.base_url}, question {question.id}: the budget of its approval is spent; "
                "ask for an approval with a larger one"
            )
        self._sent.requests, reply = 0, None
        try:
            if self._broken_by is not None:  # while this call waited for its budget
                raise self._broken_by
            reply = self._call(body, question, retries=tries - 1)
        except SystemUnavailableError as error:
            self._broken_by = self._broken_by or error  # before those that wait are let go on
            raise
        finally:
            self.budget.settle((tries, most), (self._sent.requests, _tokens(reply, prompt)))
        return reply

    def _call(self, body: dict[str, Any], question: Question, *, retries: int) -> Any:
        where = f"endpoint {self.spec.base_url}, question {question.id}"
        try:
            return self.client.with_options(max_retries=retries).chat.completions.create(**body)
        except openai.AuthenticationError as error:
            raise SystemUnavailableError(
                f"{where}: the key is refused; check the environment variable {self.spec.api_key_env}"
            ) from error
        except openai.RateLimitError as error:
            raise SystemUnavailableError(
                f"{where}: still too many requests (429) after {retries} retries; lower "
                "capabilities.max_concurrency or run again later"
            ) from error
        except openai.APITimeoutError as error:
            raise SystemUnavailableError(
                f"{where}: no answer within {self.spec.timeout_seconds:g} s; raise timeout_seconds "
                "or look at the server"
            ) from error
        except openai.APIConnectionError as error:
            raise SystemUnavailableError(f"{where}: no connection; is the server running?") from error
        except openai.APIStatusError as error:
            if self.spec.pass_over_refused and error.status_code in OF_ONE_QUESTION:
                return RefusedQuestion(error.status_code)
            raise SystemUnavailableError(f"{where}: refused with status {error.status_code}") from error

    def _messages(self, question: Question) -> list[dict[str, Any]]:
        messages: list[dict[str, Any]] = []
        if question.context:
            messages.append({"role": "system", "content": disarm(question.context)})
        for i, turn in enumerate(question.turns):
            messages.append({"role": "assistant" if i % 2 else "user", "content": disarm(turn)})
        if question.images and self.spec.capabilities.image_mode == "data_url":
            first = next(message for message in messages if message["role"] == "user")
            first["content"] = [*_image_parts(question), {"type": "text", "text": first["content"]}]
        return messages


def _characters(messages: Sequence[Mapping[str, Any]]) -> int:
    """Characters of the texts that are sent: no tokenizer makes more tokens than that of Chinese or English."""
    parts = [part for message in messages for part in _text_parts(message["content"])]
    return sum(map(len, parts))


def _text_parts(content: Any) -> list[str]:
    if isinstance(content, str):
        return [content]
    return [part["text"] for part in content if part["type"] == "text"]


def _tokens(reply: Any, prompt: int) -> int:
    """Tokens of a call as the server counts them; where it does not, no fewer than there were."""
    if reply is None or isinstance(reply, RefusedQuestion):
        return 0
    total = int(getattr(getattr(reply, "usage", None), "total_tokens", 0) or 0)
    return total or prompt + sum(len(choice.message.content or "") for choice in reply.choices or [])


def disarm(text: str) -> str:
    """The text with a space inside everything that a server's tokenizer could take for a control token.

    The server applies its template itself, so its tokenizer can't be told apart what a patient wrote.
    """
    return _CONTROL.sub(lambda found: found.group()[0] + " " + found.group()[1:], text)


def _image_parts(question: Question) -> list[dict[str, Any]]:
    from modeling.inference.images import png_data_url

    parts: list[dict[str, Any]] = []
    for image in question.images:
        parts.append({"type": "text", "text": f"[{image.laterality}-{image.view}]"})
        parts.append({"type": "image_url", "image_url": {"url": png_data_url(image)}})
    return parts


def _by_question(draws: Sequence[Draw]) -> list[list[int]]:
    groups: dict[str, list[int]] = {}
    for place, draw in enumerate(draws):
        groups.setdefault(draw.question.id, []).append(place)
    return list(groups.values())


def _key(spec: EndpointSpec) -> str:
    if spec.api_key_env is None:
        return "none"  # local servers want some key, any key
    key = os.environ.get(spec.api_key_env)
    if not key:
        raise SystemUnavailableError(
            f"endpoint {spec.base_url}: the environment variable {spec.api_key_env}, which holds the key, is "
            "not set"
        )
    return key


def _refuse_unknown(kind: type[Any], values: Mapping[str, Any], where: str) -> None:
    known = {field.name for field in fields(kind)}
    for name in values:
        if name not in known:
            raise BadRequestError(f"{where}.{name}: unknown; known are {', '.join(sorted(known))}")
