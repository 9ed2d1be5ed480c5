"""`python -m modeling.inference.consult REQUEST.json ANSWER.jsonl`: one answer that can be read while it is written.

Every piece of text is appended to the request's `stream` file in the working folder as soon as it is there; when the
`stop` file appears the answer ends where it is. The whole answer goes into the answer file as always. Where the dialogue
is longer than the model's positions, its oldest rounds are left out; how many is told as the parameter
`rounds_left_out`.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TextIO

from modeling.data.exchange import (
    EXIT_BAD_REQUEST,
    EXIT_SUCCESS,
    AnswerWriter,
    BadRequestError,
    complain,
    complain_of_system,
    is_full,
    read_request,
    report_progress,
)
from modeling.inference.answer import WrittenAnswer, to_row
from modeling.inference.systems import Draw, read_questions

# Stands at the end of a text whose last sign is not whole yet.
_UNFINISHED = "\ufffd"


class Stream:
    """Appends what is new of an answer to a file, and says whether to stop."""

    def __init__(self, lines: TextIO, stop: Path, longest: int) -> None:
        self.lines, self.stop, self.longest = lines, stop, longest
        self.written = ""
        self.stopped = False

    def take(self, text: str, tokens: int) -> bool:
        """The answer so far; True when it is to end here."""
        whole = text.rstrip(_UNFINISHED)
        if len(whole) > len(self.written) and whole.startswith(self.written):
            self.lines.write(json.dumps({"text": whole[len(self.written) :]}, ensure_ascii=False) + "\n")
            self.lines.flush()
            self.written = whole
        report_progress(tokens, self.longest, "writing")
        self.stopped = self.stopped or self.stop.exists()
        return self.stopped


def main(arguments: Sequence[str]) -> int:
    """Exit code 0 with the answer file whole, 2 for a bad request."""
    if len(arguments) != 2:
        print("use: python -m modeling.inference.consult REQUEST.json ANSWER.jsonl", file=sys.stderr)  # noqa: T201
        return EXIT_BAD_REQUEST
    os.environ["HF_HUB_OFFLINE"] = "1"
    try:
        request = read_request(arguments[0], required=("spec", "turns", "stream", "stop"))
        (question,) = read_questions(
            [{"id": "turn", "turns": request["turns"], "images": request.get("images") or []}]
        )
        report_progress(0, 1, "loading")
        from modeling.inference.mammovlm_system import MammoVLMSystem
        from modeling.nn.generation import Sampling

        sampling = Sampling(**request.get("parameters", {}))
        system = MammoVLMSystem(request["spec"]["path"], sampling)
        question, left_out = system.without_oldest_rounds(question)
        folder = Path(arguments[0]).parent
        with (folder / request["stream"]).open("a", encoding="utf-8") as lines:
            stream = Stream(lines, folder / request["stop"], sampling.max_new_tokens)
            (answer,) = system.write(
                [Draw(question, 0, int(request.get("seed", 0)))], lambda rows: None, on_text=stream.take
            )
        row = to_row("consultation", system, WrittenAnswer("turn", 0, answer, 1, True))
        if left_out:
            row["parameters"] = {**row["parameters"], "rounds_left_out": left_out}
        if stream.stopped:
            row |= {"finish_reason": "stopped", "text": stream.written}
        with AnswerWriter(arguments[1]) as writer:
            writer.write(row)
    except BadRequestError as error:
        return complain(str(error), EXIT_BAD_REQUEST)
    except OSError as error:
        if not is_full(error):
            raise  # the log gets the whole of what nobody foresaw
        return complain_of_system(error, arguments[1])
    return EXIT_SUCCESS


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
