"""Training records as LLaMA-Factory, TRL, ms-swift and Parquet expect them; one small writer each.

Formats: LLaMA-Factory `data/README.md` (sharegpt), TRL `docs/source/dataset_formats.md`, ms-swift
`docs/source_en/Customization/Custom-dataset.md`.
"""

import importlib
import io
import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from annotation.exporting.columns import as_arrow, columns_of
from mammo.core.errors import UserError

SPLITS = ("train", "validation", "test")
PLACEHOLDER = "<image>"
# Words that a loader counts or replaces: in a patient's text they are only text.
_MARKERS = re.compile(r"<(image|video|audio)>", re.IGNORECASE)


@dataclass(frozen=True)
class Record:
    """One training record before a format gives it its shape.

    Attributes:
        turns: alternate user and assistant and end with the user.
        images: paths relative to the export's folder, in the order of their placeholders.
    """

    id: str
    split: str
    turns: tuple[str, ...]
    answer: str
    rejected: tuple[str, ...]
    images: tuple[str, ...]


Files = dict[str, bytes]
Row = dict[str, Any]


def plain_text(text: str) -> str:
    """The text with the loaders' media markers made harmless (full-width brackets)."""
    return _MARKERS.sub(lambda found: f"＜{found.group(1)}＞", text)


def _lines(rows: Iterable[Mapping[str, Any]]) -> bytes:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()


def _prompt(record: Record) -> list[Row]:
    """Messages up to the last question; the images' placeholders stand before the first one."""
    messages: list[Row] = [
        {"role": "assistant" if index % 2 else "user", "content": plain_text(turn)}
        for index, turn in enumerate(record.turns)
    ]
    messages[0]["content"] = PLACEHOLDER * len(record.images) + messages[0]["content"]
    return messages


def _assistant(text: str) -> Row:
    return {"role": "assistant", "content": plain_text(text)}


def _by_split(records: Sequence[Record]) -> dict[str, list[Record]]:
    return {split: [record for record in records if record.split == split] for split in SPLITS}


def _pairs(records: Sequence[Record]) -> list[tuple[Record, str]]:
    return [(record, rejected) for record in records for rejected in record.rejected]


def llamafactory(records: Sequence[Record], *, preferences: bool) -> Files:
    """`sft_<split>.jsonl`, `dpo_<split>.jsonl` beside it, and the `dataset_info.json` that names them."""
    files: Files = {}
    info: dict[str, Any] = {}
    tags = {
        "role_tag": "role",
        "content_tag": "content",
        "user_tag": "user",
        "assistant_tag": "assistant",
        "system_tag": "system",
    }
    for split, chosen in _by_split(records).items():
        columns = {"messages": "messages", "images": "images"}
        if chosen:
            files[f"sft_{split}.jsonl"] = _lines(_conversation(record) for record in chosen)
            info[f"mammo_sft_{split}"] = {
                "file_name": f"sft_{split}.jsonl",
                "formatting": "sharegpt",
                "columns": columns,
                "tags": tags,
            }
        pairs = _pairs(chosen)
        if preferences and pairs:
            files[f"dpo_{split}.jsonl"] = _lines(_ranked(record, rejected) for record, rejected in pairs)
            info[f"mammo_dpo_{split}"] = {
                "file_name": f"dpo_{split}.jsonl",
                "formatting": "sharegpt",
                "ranking": True,
                "columns": {**columns, "chosen": "chosen", "rejected": "rejected"},
                "tags": tags,
            }
    files["dataset_info.json"] = json.dumps(info, indent=2).encode()
    return files


def _conversation(record: Record) -> Row:
    return {"messages": [*_prompt(record), _assistant(record.answer)], "images": list(record.images)}


def _ranked(record: Record, rejected: str) -> Row:
    return {
        "messages": _prompt(record),
        "chosen": _assistant(record.answer),
        "rejected": _assistant(rejected),
        "images": list(record.images),
    }


def _read_history(record: Record) -> Row:
    """A conversation whose earlier answers, which nobody corrected or picked, are read but not learned.

    The last answer says so too: a loader that guesses the columns from the first rows must meet `loss` there.
    """
    earlier = [
        {**message, "loss": False} if message["role"] == "assistant" else message
        for message in _prompt(record)
    ]
    last = {**_assistant(record.answer), "loss": True}
    return {"messages": [*earlier, last], "images": list(record.images)}


def swift(records: Sequence[Record], *, preferences: bool) -> Files:
    """ms-swift: whole conversations, of which the last answer alone is learned; a preference row adds
    `rejected_response`.
    """
    files: Files = {}
    for split, chosen in _by_split(records).items():
        if chosen:
            files[f"sft_{split}.jsonl"] = _lines(map(_read_history, chosen))
        pairs = _pairs(chosen)
        if preferences and pairs:
            files[f"dpo_{split}.jsonl"] = _lines(
                {**_read_history(record), "rejected_response": plain_text(rejected)}
                for record, rejected in pairs
            )
    return files


def _parts(messages: Iterable[Row], images: int) -> list[Row]:
    """Messages whose content is a list of typed parts, as TRL's multimodal examples have it."""
    found = []
    for index, message in enumerate(messages):
        text = message["content"].removeprefix(PLACEHOLDER * images) if index == 0 else message["content"]
        pictures = [{"type": "image"}] * images if index == 0 else []
        found.append({"role": message["role"], "content": [*pictures, {"type": "text", "text": text}]})
    return found


def _trl_sft(record: Record) -> Row:
    return {
        "prompt": _parts(_prompt(record), len(record.images)),
        "completion": _parts([_assistant(record.answer)], 0),
        "images": list(record.images),
    }


def _trl_dpo(record: Record, rejected: str) -> Row:
    return {
        "prompt": _parts(_prompt(record), len(record.images)),
        "chosen": _parts([_assistant(record.answer)], 0),
        "rejected": _parts([_assistant(rejected)], 0),
        "images": list(record.images),
    }


def _text_only(row: Row) -> Row:
    """The row as TRL's trainers of language models take it: texts, and no column of pictures."""
    found: Row = {}
    for name, messages in row.items():
        if name != "images":
            found[name] = [{"role": m["role"], "content": m["content"][-1]["text"]} for m in messages]
    return found


def trl(records: Sequence[Record], *, preferences: bool) -> Files:
    """TRL: conversational rows of a prompt and its completion, which alone is learned.

    With typed parts and `images` (paths: cast them with datasets' Image) where the set has pictures, as plain texts
    where it has none: a row of pictures is refused by a language model's trainer.
    """
    return {name: _lines(rows) for name, rows in _trl_rows(records, preferences).items()}


def _trl_rows(records: Sequence[Record], preferences: bool) -> dict[str, list[Row]]:
    files: dict[str, list[Row]] = {}
    for split, chosen in _by_split(records).items():
        if chosen:
            files[f"sft_{split}.jsonl"] = [_trl_sft(record) for record in chosen]
        pairs = _pairs(chosen)
        if preferences and pairs:
            files[f"dpo_{split}.jsonl"] = [_trl_dpo(record, rejected) for record, rejected in pairs]
    # One shape for all files of a set: loaders read them as one table.
    if not any(record.images for record in records):
        return {name: [_text_only(row) for row in rows] for name, rows in files.items()}
    return files


def parquet(
    records: Sequence[Record], *, preferences: bool, pictures: Mapping[str, bytes] | None = None
) -> Files:
    """TRL's rows as Parquet files.

    Args:
        pictures: PNG files by name, packed into the rows as datasets' Image feature has them; else by path.

    Raises:
        UserError: pyarrow is not installed.
    """
    try:
        pyarrow = importlib.import_module("pyarrow")
        writer = importlib.import_module("pyarrow.parquet")
    except ImportError:
        raise UserError(
            "format parquet: needs the package pyarrow; "
            "install it with `.venv/bin/pip install -c constraints.txt pyarrow`, or choose another format"
        ) from None
    files: Files = {}
    pictured, packed = any(record.images for record in records), pictures is not None
    for name, rows in _trl_rows(records, preferences).items():
        if pictures is not None:
            for row in rows:
                if "images" in row:
                    row["images"] = [{"bytes": pictures[image], "path": image} for image in row["images"]]
        columns = columns_of("parquet", name.partition("_")[0], pictured=pictured, packed=packed)
        # One schema for the files of all sides, also of one without pictures: they are read as one table.
        schema = pyarrow.schema([(column, as_arrow(pyarrow, shape)) for column, shape in columns.items()])
        target = io.BytesIO()
        writer.write_table(pyarrow.Table.from_pylist(rows, schema=schema), target)
        files[name.replace(".jsonl", ".parquet")] = target.getvalue()
    return files


WRITERS: dict[str, Callable[..., Files]] = {
    "llamafactory": llamafactory,
    "trl": trl,
    "swift": swift,
    "parquet": parquet,
}
