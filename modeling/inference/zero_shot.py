"""Zero-shot malignancy (Tables 9 and 10): a chance of malignancy per study, and the name of the method it came by.

- yes_no: the share of "yes" in the chances of "yes" and "no" as the first token of the answer; for models whose token
  chances are at hand.
- stated: the number that the system writes when it is asked for one; for any system that writes.
- similarity: softmax over the similarities of the images with a benign and a malignant sentence; for dual encoders.
- column: the column `malignancy` of a file of answers.

A system that has none of them is refused, by name: an endpoint's or a person's text gives no token chances.
"""

from __future__ import annotations

import csv
import json
import os
import re
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor

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
from modeling.data.snapshot import file_sha256
from modeling.inference.answer import Spending, build_system
from modeling.inference.images import study_array
from modeling.inference.judging_questions import ASK_NUMBER, ASK_YES_NO, PARAMETERS, SYSTEM_KEY
from modeling.inference.systems import (
    AnsweringSystem,
    Draw,
    ImageFile,
    Question,
    draw_seed,
    read_questions,
    sha256_of,
)
from modeling.nn.language import ModelFolderError, weights_sha256
from modeling.nn.provenance import machine

METHODS = ("yes_no", "stated", "similarity", "column")
OF_THE_APPROVAL = ("remote_allowed", "budget")
YES = {"zh": ("是", " 是"), "en": ("yes", "Yes", " yes", " Yes")}
NO = {"zh": ("否", " 否", "不"), "en": ("no", "No", " no", " No")}
SENTENCES = (
    "no suspicious finding, benign mammogram",
    "suspicious finding, malignant mass or calcifications",
)
_NUMBER = re.compile(r"(?<![\d.])(100(?:\.0+)?|\d{1,2}(?:\.\d+)?)(?![\d.])\s*(%|％|per ?cent|/\s*100)?")


class UndefinedError(BadRequestError):
    """A system has no chance of malignancy by the method asked for; the text says which it has."""


class Judge(Protocol):
    """Gives a chance of malignancy."""

    method: str
    # SHA-256 of its weights or file, or what else fixes the version of an endpoint's system.
    revision: str

    def chances(self, studies: Mapping[str, tuple[ImageFile, ...]]) -> dict[str, float | None]:
        """Study -> chance in 0..1; None where the system gave none."""
        ...


def yes_share(log_probability: Tensor, encode: Any, language: str) -> float:
    """The share of yes from next-token log-probabilities (V,); `encode` gives a text's token ids.

    A word counts by its first token; a token that begins both words counts for neither.
    """
    yes = {encode(word)[0] for word in YES[language] if encode(word)}
    no = {encode(word)[0] for word in NO[language] if encode(word)}
    yes, no = yes - no, no - yes
    if not yes or not no:
        raise UndefinedError(
            "yes_no: the tokenizer does not tell yes from no by their first token; use stated"
        )
    above = log_probability[sorted(yes)].logsumexp(0)
    below = log_probability[sorted(no)].logsumexp(0)
    return float((above - below).sigmoid())


def stated_number(text: str) -> float | None:
    """The one chance (0..1) that an answer states; None for no number or several different ones."""
    found = {float(match.group(1)) for match in _NUMBER.finditer(text)}
    return found.pop() / 100 if len(found) == 1 else None


class YesNo:
    """Token chances of MammoVLM, of a text model's or of a vision-language model's first token."""

    method = "yes_no"

    def __init__(self, system: Any, language: str) -> None:
        if not hasattr(system, "next_token_log_probability"):
            raise UndefinedError(f"yes_no: a {type(system).__name__} shows no token chances; use stated")
        self.system, self.language, self.revision = system, language, str(system.revision)

    def chances(self, studies: Mapping[str, tuple[ImageFile, ...]]) -> dict[str, float | None]:
        found: dict[str, float | None] = {}
        for study, images in studies.items():
            question = Question(study, (ASK_YES_NO[self.language],), self.language, images)
            log_probability, encode = self.system.next_token_log_probability(Draw(question, 0, 0))
            found[study] = yes_share(log_probability, encode, self.language)
        return found


class Stated:
    """The number that a system writes."""

    method = "stated"

    def __init__(self, system: AnsweringSystem, language: str) -> None:
        self.system, self.language, self.revision = system, language, str(system.revision)

    def chances(self, studies: Mapping[str, tuple[ImageFile, ...]]) -> dict[str, float | None]:
        draws = [
            Draw(
                Question(s, (ASK_NUMBER[self.language],), self.language, images),
                0,
                draw_seed(0, "stated", s, 0, 0),
            )
            for s, images in studies.items()
        ]
        answers = self.system.write(draws, lambda rows: None)
        return {draw.question.id: stated_number(a.text) for draw, a in zip(draws, answers, strict=True)}


class Similarity:
    """A dual encoder: which of two sentences the images are closer to."""

    method = "similarity"

    def __init__(self, folder: Path) -> None:
        from modeling.nn.mammo_clip import load_mammo_clip

        self.revision = weights_sha256(folder)
        try:
            model, tokenizer = load_mammo_clip(folder)
        except ModelFolderError as error:
            raise UndefinedError(str(error)) from error
        self.place = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.model = model.to(self.place)
        tokens = tokenizer(list(SENTENCES), padding=True, return_tensors="pt")
        self.tokens = tokens["input_ids"].to(self.place), tokens["attention_mask"].to(self.place)

    @torch.inference_mode()
    def chances(self, studies: Mapping[str, tuple[ImageFile, ...]]) -> dict[str, float | None]:
        found: dict[str, float | None] = {}
        for study, images in studies.items():
            array = study_array(
                images, size=self.model.image.image_size, flip_right=False,
                border=self.model.border, keep_aspect=self.model.keep_aspect,
            )  # fmt: skip
            pixels = torch.from_numpy(array).to(self.place)
            each = self.model.similarities(pixels, *self.tokens).softmax(-1)[:, 1]  # (views,)
            found[study] = float(each.max())
        return found


class Column:
    """The column `malignancy` (0..1) of a CSV or JSON-lines file with the column `study`."""

    method = "column"

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self.revision = file_sha256(path)
            text = path.read_text("utf-8-sig")
            lines = text.splitlines()
            rows: list[dict[str, Any]] = (
                list(csv.DictReader(lines))
                if path.suffix == ".csv"
                else [json.loads(line) for line in lines if line]
            )
        except (OSError, ValueError, RecursionError) as error:
            raise UndefinedError(f"{path}: can't be read ({error})") from error
        if not any("malignancy" in row and "study" in row for row in rows if isinstance(row, dict)):
            raise UndefinedError(
                f"{path}: no columns study and malignancy, so it gives no chance of malignancy"
            )
        self.rows: dict[str, float | None] = {}
        for number, row in enumerate(rows, start=1):
            self._take(number, row)

    def _take(self, number: int, row: Any) -> None:
        """One row; a file of answers names a study again with each question about it, and none with one about none."""
        if isinstance(row, dict) and not row.get("study") and row.get("malignancy") in (None, ""):
            return
        if not isinstance(row, dict) or "malignancy" not in row or not row.get("study"):
            raise UndefinedError(
                f"{self.path}: row {number} lacks study or malignancy; give both in each row"
            )
        study, value = str(row["study"]), self._value(row)
        known = self.rows.get(study)
        if value is not None and known is not None and value != known:
            raise UndefinedError(
                f"{self.path}: row {number} gives study {study} another chance of malignancy than a row before"
            )
        self.rows[study] = known if value is None else value

    def _value(self, row: Mapping[str, Any]) -> float | None:
        given = row["malignancy"]
        if given in (None, ""):
            return None
        try:
            value = float(given)
        except ValueError:
            value = -1.0
        if not 0 <= value <= 1:
            raise UndefinedError(
                f"{self.path}: malignancy of study {row['study']} is {given!r}, expected 0 to 1"
            )
        return value

    def chances(self, studies: Mapping[str, tuple[ImageFile, ...]]) -> dict[str, float | None]:
        return {study: self.rows.get(study) for study in studies}


def judge_for(spec: Mapping[str, Any], method: str, language: str, parameters: Mapping[str, Any]) -> Judge:
    """The judge that a system's spec and a method make.

    Raises:
        UndefinedError: the system has no chance of malignancy by this method.
    """
    from modeling.data.model_folders import located, model_folder

    if method not in METHODS:
        raise BadRequestError(f"method: {method!r} is not one of {', '.join(METHODS)}")
    kind = spec.get("kind")
    if (kind == "dual_encoder") != (method == "similarity"):
        raise UndefinedError(
            f"{method}: not defined for a system of kind {kind}; similarity is for dual_encoder alone"
        )
    if kind == "dual_encoder":
        return Similarity(model_folder(str(spec.get("path"))))
    if (kind == "file") != (method == "column"):
        raise UndefinedError(
            f"{method}: not defined for a system of kind {kind}; column is for a file of answers alone"
        )
    if kind == "file":
        return Column(located(str(spec.get("path"))))
    system = build_system(spec, {**PARAMETERS, **parameters})
    return YesNo(system, language) if method == "yes_no" else Stated(system, language)


def main(arguments: Sequence[str]) -> int:
    """`python -m modeling.inference.zero_shot REQUEST.json ANSWER.jsonl`: 0, or 2 for a bad request."""
    if len(arguments) != 2:
        print("use: python -m modeling.inference.zero_shot REQUEST.json ANSWER.jsonl", file=sys.stderr)  # noqa: T201
        return EXIT_BAD_REQUEST
    os.environ["HF_HUB_OFFLINE"] = "1"
    try:
        request = read_request(arguments[0], required=("spec", "method", "studies"))
        rows = [{"id": row["study"], "turns": ["-"], "images": row["images"]} for row in request["studies"]]
        studies = {question.id: question.images for question in read_questions(rows)}
        sides = {row["study"]: row["split"] for row in request["studies"]}
        judge = judge_for(
            request["spec"], request["method"], request.get("language", "zh"), request.get("parameters") or {}
        )
        with AnswerWriter(arguments[1]) as writer:
            told = machine() | ({"code": str(request["code"])} if request.get("code") else {})
            writer.write({"kind": "environment", "told": told | {"system": judge.revision}})
            _write(writer, judge, studies, sides, request["spec"])
    except BadRequestError as error:
        return complain(str(error), EXIT_BAD_REQUEST)
    except OSError as error:
        if not is_full(error):
            raise  # the log gets the whole of what nobody foresaw
        return complain_of_system(error, arguments[1])
    return EXIT_SUCCESS


def _write(
    writer: AnswerWriter,
    judge: Judge,
    studies: Mapping[str, tuple[ImageFile, ...]],
    sides: Mapping[str, str],
    spec: Mapping[str, Any],
) -> None:
    began, without, spending = time.monotonic(), 0, Spending()
    spending.watch(SYSTEM_KEY, getattr(judge, "system", None))
    for done, (study, images) in enumerate(studies.items(), start=1):
        try:
            chance = judge.chances({study: images})[study]
        except BadRequestError:
            # What was spent is spent, though no chance comes of it.
            report_progress(done - 1, len(studies), judge.method, **spending.told())
            raise
        report_progress(done, len(studies), judge.method, **spending.told())
        if chance is None:
            without += 1
            continue
        writer.write(
            {"kind": "prediction", "unit_kind": "study", "unit": study, "name": "zero_shot_malignancy",
             "method": judge.method, "split": sides[study], "value": chance}
        )  # fmt: skip
    figures = {
        "method": judge.method,
        "studies": len(studies),
        "without_a_chance": without,
        "seconds_per_study": (time.monotonic() - began) / max(len(studies), 1),
    }
    # An approval opens the way out to the same system, whatever may be spent under it.
    asked = sha256_of({name: value for name, value in spec.items() if name not in OF_THE_APPROVAL})
    # The hash of the weights or of the file; an endpoint's weights are not here, so its spec stands for them.
    digest = asked if spec.get("kind") == "openai" else judge.revision
    figures |= {"spec_sha256": asked}
    writer.write(
        {"kind": "checkpoint", "path": str(spec.get("path") or ""), "sha256": digest, "metrics": figures}
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
