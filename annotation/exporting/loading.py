"""How the files of a training set are loaded, as its data card says it: with their columns named, pictures found."""

from collections.abc import Mapping, Sequence

from annotation.exporting.columns import as_features, columns_of

# Where a format's trainer looks for pictures that rows name relative to the set's folder.
_PICTURES = {
    "llamafactory": "give `dataset_dir` as this folder (`media_dir` follows it; set it too if you set one).",
    "swift": "run `swift` in this folder, or set the variable `ROOT_IMAGE_DIR` to it (ms-swift 3.8 or later).",
    "trl": "run your program in this folder: datasets opens them from there when a row is read.",
    "parquet": "run your program in this folder: datasets opens them from there when a row is read.",
}


def how_to_load(
    format_name: str, files: Mapping[str, Sequence[str]], *, pictured: bool, packed: bool
) -> list[str]:
    """Lines of Markdown: where pictures are, and a program that loads every file when it runs in the set's folder.

    Args:
        files: of each kind (sft, dpo) the sides that have a file.
        pictured: whether any row of the whole set has pictures.
        packed: pictures lie in the rows.
    """
    lines = ["## Loading", ""]
    if pictured and packed:
        lines += ["Pictures lie in the rows.", ""]
    elif pictured:
        lines += ["Pictures are named relative to this folder: " + _PICTURES[format_name], ""]
    return [
        *lines,
        "With datasets, in this folder:" if format_name == "parquet" else _NAMED_COLUMNS,
        "",
        "```python",
        *_program(format_name, files, pictured=pictured, packed=packed),
        "```",
        "",
    ]


_NAMED_COLUMNS = (
    "With datasets, in this folder, name the columns: it would guess them from the first rows, and a side without "
    "pictures says nothing of them."
)


def _program(
    format_name: str, files: Mapping[str, Sequence[str]], *, pictured: bool, packed: bool
) -> list[str]:
    """Parquet says its columns itself; only TRL's rows go on as datasets, so only there pictures are opened."""
    is_parquet = format_name == "parquet"
    opens = pictured and format_name in ("trl", "parquet")
    names = [
        *([] if is_parquet else ["Features", "Value"]),
        *(["Image", "List"] if opens else []),
        "load_dataset",
    ]
    lines = [f"from datasets import {', '.join(sorted(names))}"]
    for kind, sides in files.items():
        if not sides:
            continue
        ending = "parquet" if is_parquet else "jsonl"
        data = ", ".join(f'"{side}": "{kind}_{side}.{ending}"' for side in sides)
        columns = as_features(columns_of(format_name, kind, pictured=pictured, packed=packed))
        lines += [
            "",
            f"{kind} = load_dataset(",
            f'    "{"parquet" if is_parquet else "json"}",',
            f"    data_files={{{data}}},",
            *([] if is_parquet else [f"    features=Features({columns}),"]),
            ")",
            *([f'{kind} = {kind}.cast_column("images", List(Image()))'] if opens else []),
        ]
    return lines
