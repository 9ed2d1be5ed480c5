"""A parsing child: `python -m mammo.archive.parse_child`, JSON lines in and out, one file at a time.

It has limited memory and CPU, knows no Django and no database, and may be killed at any moment: whatever a
hostile or damaged file does to a decoder ends here. First line in: `{"secret": hex}`; then requests
`{"task": "import"|"release"|"preview", "path", "target", "site", "label", "judged"}`; one answer line for each.
"""

import json
import os
import resource
import signal
import sys
from pathlib import Path
from typing import Any, TextIO

from mammo.archive.dicom.acceptance import Accepted, examine
from mammo.archive.dicom.judged import Judged
from mammo.archive.dicom.limits import LIMITS
from mammo.archive.dicom.preview import write_preview
from mammo.archive.dicom.profile import profile
from mammo.archive.dicom.refusal import REJECTED, Refusal
from mammo.archive.dicom.release import write_release
from mammo.archive.dicom.training_fit import thumbnail, training_fit, windowed
from mammo.archive.dicom.viewing_copy import write_viewing_copy
from mammo.archive.pseudonyms import Pseudonyms


def main() -> None:
    """Serve requests until standard input closes."""
    answers = _private_output()
    resource.setrlimit(resource.RLIMIT_AS, (LIMITS.memory_bytes, LIMITS.memory_bytes))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a core file would hold a patient's data
    pseudonyms = Pseudonyms(bytes.fromhex(json.loads(sys.stdin.readline())["secret"]))
    for line in sys.stdin:
        request = json.loads(line)
        _start_clock()
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


def _start_clock() -> None:
    """The kernel ends the process when a file takes too long, also inside a decoder."""
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.setitimer(signal.ITIMER_REAL, LIMITS.seconds)
    used = resource.getrusage(resource.RUSAGE_SELF)
    soft = int(used.ru_utime + used.ru_stime) + LIMITS.seconds
    resource.setrlimit(resource.RLIMIT_CPU, (soft, resource.RLIM_INFINITY))


def answer_request(request: dict[str, Any], pseudonyms: Pseudonyms) -> dict[str, Any]:
    """Examine one file and write its viewing copy or its release to `target`."""
    try:
        if request["task"] == "preview":
            return {"outcome": "previewed", **write_preview(Path(request["path"]), Path(request["target"]))}
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
    header, normalised = found.header, found.normalised
    write_viewing_copy(
        target,
        normalised.image,
        bits_stored=normalised.bits_stored,
        laterality=found.side.side,
        view=found.view.view,
        uids={
            "study": pseudonyms.remap_uid(header.study_uid),
            "series": pseudonyms.remap_uid(header.series_uid or header.study_uid),
            "sop": pseudonyms.remap_uid(header.sop_uid),
        },
        windows=normalised.windows,
        voi_function=normalised.voi_function,
    )
    first = normalised.windows[0]
    greys = windowed(
        normalised.image, center=first.center, width=first.width, function=normalised.voi_function
    )
    thumbnail(greys).save(target.with_suffix(".png"), "PNG")
    return {
        "outcome": "imported",
        "header": header.as_dict(),
        "image": {
            "laterality": found.side.side,
            "laterality_source": found.side.source,
            "view": found.view.view,
            "view_modifiers": found.view.modifiers,
            "is_extra": found.view.is_extra,
            "rows": int(normalised.image.shape[0]),
            "columns": int(normalised.image.shape[1]),
            "bits_stored": normalised.bits_stored,
            "window_center": first.center,
            "window_width": first.width,
            "voi_function": normalised.voi_function,
            "voi_baked": normalised.voi_baked,
            "presets": [{"wc": w.center, "ww": w.width, "label": w.label} for w in normalised.windows],
            "flags": sorted({*found.side.flags, *normalised.flags}),
            "procedure_version": profile().version,
            "training_fit": training_fit(normalised.image, laterality=found.side.side).as_dict(),
        },
    }


if __name__ == "__main__":
    main()
