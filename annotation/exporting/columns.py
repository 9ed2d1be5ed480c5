"""The columns of every kind of file, said once: Parquet's schema and the features of the data card are made of them.

A loader guesses the columns from a file's first rows, and of `images: []` it guesses a list of nothing.
"""

from typing import Any

# A shape is the name of a plain type, a list of one shape, or a mapping of names to shapes.
Shape = str | list[Any] | dict[str, Any]
Columns = dict[str, Shape]

_MESSAGE: Shape = {"role": "string", "content": "string"}
_PARTS: Shape = {"role": "string", "content": [{"type": "string", "text": "string"}]}
_LEARNED: Shape = {"role": "string", "content": "string", "loss": "bool"}
_PATHS: Shape = ["string"]
_PACKED: Shape = [{"bytes": "binary", "path": "string"}]


def columns_of(format_name: str, kind: str, *, pictured: bool, packed: bool = False) -> Columns:
    """The columns of a file's rows, in their order.

    Args:
        kind: sft or dpo.
        pictured: whether any row of the whole set has pictures.
        packed: pictures lie in the rows.
    """
    if format_name == "llamafactory":
        ranked = {"chosen": _MESSAGE, "rejected": _MESSAGE} if kind == "dpo" else {}
        return {"messages": [_MESSAGE], **ranked, "images": _PATHS}
    if format_name == "swift":
        extra: Columns = {"rejected_response": "string"} if kind == "dpo" else {}
        return {"messages": [_LEARNED], "images": _PATHS, **extra}
    names = ("prompt", "chosen", "rejected") if kind == "dpo" else ("prompt", "completion")
    said: Columns = {name: [_PARTS if pictured else _MESSAGE] for name in names}
    return {**said, "images": _PACKED if packed else _PATHS} if pictured else said


def as_features(shape: Shape) -> str:
    """The shape as an argument of datasets' Features, in Python."""
    if isinstance(shape, str):
        return f'Value("{shape}")'
    if isinstance(shape, list):
        return f"[{as_features(shape[0])}]"
    return "{" + ", ".join(f'"{name}": {as_features(inner)}' for name, inner in shape.items()) + "}"


def as_arrow(pyarrow: Any, shape: Shape) -> Any:
    """The shape as a type of pyarrow, whose module is handed over: it is an extra."""
    if isinstance(shape, str):
        return {"string": pyarrow.string, "bool": pyarrow.bool_, "binary": pyarrow.binary}[shape]()
    if isinstance(shape, list):
        return pyarrow.list_(as_arrow(pyarrow, shape[0]))
    return pyarrow.struct([(name, as_arrow(pyarrow, inner)) for name, inner in shape.items()])
