"""A parsing child: `python -m mammo.archive.parse_child`, JSON lines in and out, one file at a time.

It has limited memory and CPU, knows no Django and no database, and may be killed at any moment: whatever a
hostile or damaged file does to a decoder ends here. First line in: `{"secret": hex}`, answered by `{"ready": true}`;
then requests
`{"task": "import"|"release"|"preview"|"identify", "path", "target", "site", "label", "judged"}`; one answer line each.
With `is_viewing_copy` a preview is of this platform's own copy, which may be larger than a compressed file that comes.
"""

import json
import math
import os
import resource
import signal
import sys
from pathlib import Path
from typing import Any, TextIO

from mammo.archive.dicom.acceptance import Accepted, examine
from mammo.archive.dicom.file_identity import patient_and_study
from mammo.archive.dicom.judged import Judged
from mammo.archive.dicom.limits import LIMITS, VIEWING_COPY_LIMITS
from mammo.archive.dicom.preview import write_preview
from mammo.archive.dicom.profile import profile
from mammo.archive.dicom.refusal import REJECTED, Refusal
from mammo.archive.dicom.release import write_release
from mammo.archive.dicom.viewing_copy import write_viewing_copy
from mammo.archive.pseudonyms import Pseudonyms, identity


def main() -> None:
    """Serve requests until standard input closes."""
    answers = _private_output()
    resource.setrlimit(resource.RLIMIT_AS, (LIMITS.memory_bytes, LIMITS.memory_bytes))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a core file would hold a patient's data
    pseudonyms = Pseudonyms(bytes.fromhex(json.loads(sys.stdin.readline())["secret"]))
    answers.write('{"ready": true}\n')
    answers.flush()
    for line in sys.stdin:
        request = json.loads(line)
        _start_clock(_length(request))
        answer = answer_request(request, pseudonyms)
        signal.setitimer(signal.ITIMER_REAL, 0)
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


def _private_output() -> TextIO:
    """Keep standard output for answers alone: decoders written in C print to it."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    silent = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silent, 1)
    os.dup2(silent, 2)
    return answers


def _length(request: dict[str, Any]) -> int:
    try:
        return Path(request["path"]).stat().st_size
    except OSError:  # told where the file is read
        return 0


def _start_clock(file_bytes: int) -> None:
    """The kernel ends the process when a file takes too long, also inside a decoder."""
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.setitimer(signal.ITIMER_REAL, LIMITS.seconds)
    used = resource.getrusage(resource.RUSAGE_SELF)
    soft = math.ceil(used.ru_utime + used.ru_stime) + LIMITS.cpu_seconds(file_bytes)
    resource.setrlimit(resource.RLIMIT_CPU, (soft, resource.RLIM_INFINITY))


def answer_request(request: dict[str, Any], pseudonyms: Pseudonyms) -> dict[str, Any]:
    """Examine one file and write its viewing copy or its release to `target`."""
    try:
        if request["task"] == "preview":
            limits = VIEWING_COPY_LIMITS if request.get("is_viewing_copy") else LIMITS
            shown = write_preview(Path(request["path"]), Path(request["target"]), limits)
            return {"outcome": "previewed", **shown}
        if request["task"] == "identify":
            number, study = patient_and_study(Path(request["path"]))
            named = identity(number, study)
            patient = pseudonyms.number_hash(request["site"], named)
            return {"outcome": "identified", "patient": patient, "study": pseudonyms.uid_hash(study)}
        judged = Judged.from_json(request.get("judged"))
        found = examine(Path(request["path"]), request.get("label"), judged)
        if request["task"] == "release":
            write_release(Path(request["target"]), found, pseudonyms, request["site"])
            return {"outcome": "released"}
        return _imported(found, Path(request["target"]), pseudonyms)
    except Refusal as refusal:
        answer = {"outcome": refusal.outcome, "reason": refusal.reason, "found": refusal.found}
        if refusal.identity:
            answer["patient"] = pseudonyms.number_hash(request["site"], refusal.identity)
        return answer
    except MemoryError:
        return {
            "outcome": REJECTED,
            "reason": "reading it needs more memory than one file may take",
            "found": {},
        }
    except OSError as error:
        # The disk, not the file: the import stops as a whole.
        return {"outcome": "failed", "errno": error.errno, "reason": os.strerror(error.errno or 0)}
    except Exception as error:  # a child must answer; the class says what to look for, never a value
        return {"outcome": REJECTED, "reason": f"cannot be read ({type(error).__name__})", "found": {}}


def _imported(found: Accepted, target: Path, pseudonyms: Pseudonyms) -> dict[str, Any]:
    header, prepared = found.header, found.prepared
    write_viewing_copy(
        target,
        prepared.image,
        bits_stored=prepared.bits_stored,
        laterality=found.side.side,
        view=found.view.view,
        uids={
            "study": pseudonyms.remap_uid(header.study_uid),
            "series": pseudonyms.remap_uid(header.series_uid or header.study_uid),
            "sop": pseudonyms.remap_uid(header.sop_uid),
        },
        windows=prepared.windows,
        voi_function=prepared.voi_function,
    )
    prepared.thumbnail().save(target.with_suffix(".png"), "PNG")
    first = prepared.windows[0]
    implant = ["has_implant"] if header.implant == "YES" else []
    return {
        "outcome": "imported",
        "header": header.as_dict(),
        "image": {
            "laterality": found.side.side,
            "laterality_source": found.side.source,
            "view": found.view.view,
            "view_modifiers": found.view.modifiers,
            "is_extra": found.view.is_extra,
            "rows": int(prepared.image.shape[0]),
            "columns": int(prepared.image.shape[1]),
            "bits_stored": prepared.bits_stored,
            "window_center": first.center,
            "window_width": first.width,
            "voi_function": prepared.voi_function,
            "voi_baked": prepared.voi_baked,
            "presets": [{"wc": w.center, "ww": w.width, "label": w.label} for w in prepared.windows],
            "flags": sorted({*found.side.flags, *prepared.flags, *implant}),
            "procedure_version": profile().version,
            "training_fit": prepared.fit.as_dict(),
        },
    }


if __name__ == "__main__":
    main()
