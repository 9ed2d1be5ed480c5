"""Freeze a training set: viewing copies and rows in, a snapshot folder out.

python -m modeling.data.build REQUEST.json ANSWER.jsonl

REQUEST: {"name", "output": folder, "image": {"height", "width"}, "simulated": bool,
          "studies": [row of studies.jsonl, with "report_waits" where a report stays out; each view has "path" in
          place of "index", may have the archive's "fit" (where the breast is), and, where the copy does not
          carry one, a "window": {"center", "width", "function"}],
          "sft": [row of sft.jsonl]}
ANSWER: one row {"kind": "snapshot", "path", "content_hash", "counts"}.
"""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

from modeling.data.exchange import (
    EXIT_BAD_REQUEST,
    EXIT_STOPPED,
    EXIT_SUCCESS,
    AnswerWriter,
    BadRequestError,
    complain,
    complain_of_system,
    read_request,
    report_progress,
)
from modeling.data.preprocessing import Crop, ViewError, Window, load_view, refitted
from modeling.data.snapshot import LATERALITIES, MANIFEST_FILE, Images, SnapshotError, write_snapshot

REQUIRED = ("name", "output", "image", "studies")
STUDY_FIELDS = ("study", "patient", "split", "density", "age", "birads", "report", "language", "pathology")


@dataclass(frozen=True)
class Source:
    """Where one image of the snapshot comes from."""

    study: str
    path: str
    laterality: str
    window: Mapping[str, Any] | None
    crop: Crop | None = None


class Stopped(Exception):  # noqa: N818  (not an error: the build was asked to stop)
    """The build was asked to stop; nothing is left behind."""


def build(request: Mapping[str, Any]) -> dict[str, Any]:
    """Write the snapshot a request describes; returns the answer row.

    Raises BadRequestError naming the study and the field or file at fault, FileExistsError.
    """
    height, width = (_side(request["image"], key) for key in ("height", "width"))
    rows, sources = _index_views(request["studies"], height, width)
    folder = Path(request["output"])
    if not sources:
        raise BadRequestError("studies: no view in the request; a snapshot needs images")
    digest = write_snapshot(
        folder,
        name=str(request["name"]),
        images=_decoded(sources, height, width),
        image_size=(height, width),
        studies=rows,
        sft=request.get("sft") or (),
        simulated=bool(request.get("simulated", False)),
        reports_waiting=sum(bool(study.get("report_waits")) for study in request["studies"]),
    )
    counts = json.loads((folder / MANIFEST_FILE).read_text("utf-8"))["counts"]
    return {"kind": "snapshot", "path": str(folder), "content_hash": digest, "counts": counts}


def _index_views(studies: Any, height: int, width: int) -> tuple[list[dict[str, Any]], list[Source]]:
    """Rows with view indices, and for each index where its image comes from."""
    rows: list[dict[str, Any]] = []
    sources: list[Source] = []
    for number, study in enumerate(studies, start=1):
        if not isinstance(study, dict) or "study" not in study:
            raise BadRequestError(f"studies[{number}]: not an object with a field 'study'")
        views = []
        for view in study.get("views", ()):
            if not view.get("path") or view.get("laterality") not in LATERALITIES:
                raise BadRequestError(
                    f"study {study['study']}: a view needs path, laterality (L or R) and view"
                )
            row = {"index": len(sources), "laterality": view["laterality"], "view": view.get("view")}
            crop = None
            if view.get("fit"):
                try:
                    crop = Crop.from_dict(view["fit"])
                except ViewError as error:
                    raise BadRequestError(f"study {study['study']}: {error}") from error
                row["fit"] = refitted(view["fit"], height=height, width=width)
            views.append(row)
            sources.append(
                Source(
                    str(study["study"]), str(view["path"]), str(view["laterality"]), view.get("window"), crop
                )
            )
        rows.append({**{key: study[key] for key in STUDY_FIELDS if key in study}, "views": views})
    return rows, sources


def _decoded(sources: list[Source], height: int, width: int) -> Iterator[Images]:
    for done, source in enumerate(sources, start=1):
        try:
            window = None if source.window is None else Window.from_dict(source.window)
            yield load_view(
                source.path,
                height=height,
                width=width,
                laterality=source.laterality,
                window=window,
                crop=source.crop,
            )
        except ViewError as error:
            raise BadRequestError(f"study {source.study}: {error}") from error
        if done % 20 == 0 or done == len(sources):
            report_progress(done, len(sources), "images")


def _side(image: Mapping[str, Any], key: str) -> int:
    value = image.get(key)
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise BadRequestError(f"image.{key}: {value!r} is not a whole number of at least 1")
    return value


def _stop(number: int, frame: FrameType | None) -> None:
    raise Stopped


def main(arguments: list[str]) -> int:
    """Serve one request; returns the exit code."""
    if len(arguments) != 3:
        return complain("usage: python -m modeling.data.build REQUEST.json ANSWER.jsonl", EXIT_BAD_REQUEST)
    signal.signal(signal.SIGTERM, _stop)
    try:
        request = read_request(arguments[1], required=REQUIRED)
        with AnswerWriter(arguments[2]) as answer:
            answer.write(build(request))
    except (BadRequestError, SnapshotError, FileExistsError) as error:
        return complain(str(error), EXIT_BAD_REQUEST)
    except OSError as error:
        return complain_of_system(error, arguments[2])
    except Stopped:
        return complain("stopped on request; nothing was written", EXIT_STOPPED)
    return EXIT_SUCCESS


if __name__ == "__main__":
    sys.exit(main(sys.argv))
