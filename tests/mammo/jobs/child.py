"""The child of the test kind: does what its request says, by the child-process protocol."""

import errno
import json
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

PROGRESS_PAUSE = 0.1


def _progress(done: int, total: int) -> None:
    print(json.dumps({"progress": {"done": done, "total": total, "message": "counting"}}), flush=True)


def _work(seconds: float) -> None:
    steps = max(1, round(seconds / PROGRESS_PAUSE))
    for step in range(steps):
        _progress(step, steps)
        time.sleep(PROGRESS_PAUSE)


def _answer(path: Path, rows: list[dict[str, Any]]) -> None:
    part = path.with_name(".answer.part")
    part.write_text("".join(json.dumps(row) + "\n" for row in rows))
    os.replace(part, path)


def main() -> None:
    request, answer = json.loads(Path(sys.argv[1]).read_text()), Path(sys.argv[2])
    mode = request["mode"]
    if "pid_file" in request:
        with open(request["pid_file"], "a") as pids:
            pids.write(f"{os.getpid()}\n")
    print("working on: a lump in the left breast", file=sys.stderr, flush=True)
    if mode == "stubborn":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    else:
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(75))
    if mode == "die":
        os.kill(os.getpid(), signal.SIGKILL)
    if mode == "raise":
        raise ValueError("Mrs Example has a lump")
    if mode == "full":
        raise OSError(errno.ENOSPC, "No space left on device", "Mrs Example.png")
    if mode.startswith("exit"):
        sys.exit(int(mode.removeprefix("exit")))
    if mode == "refuse":
        print("request: field 'stage' is missing", file=sys.stderr)
        sys.exit(2)
    if mode.startswith("keep"):
        kept = answer.with_name(f"{answer.name}.kept")
        kept.write_text(json.dumps({"value": 4, "environment": {}}) + "\n")
        if mode == "keep and die":
            os.kill(os.getpid(), signal.SIGKILL)
        print("request: field 'stage' is missing", file=sys.stderr)
        sys.exit(2)
    if mode == "grandchild" and os.fork() == 0:
        time.sleep(600)
    began = time.time()
    _work(request.get("seconds", 0.1))
    if "use_file" in request:
        attempt = Path.cwd().name.removeprefix("attempt-")
        use = (os.environ["MAMMO_JOB"], attempt, os.environ["CUDA_VISIBLE_DEVICES"], began, time.time())
        with open(request["use_file"], "a") as uses:
            uses.write(" ".join(map(str, use)) + "\n")
    if mode == "silent":
        return
    if os.environ.get("RANK", "0") != "0":
        return  # of several ranks the first one answers
    names = ("CUDA_VISIBLE_DEVICES", "HF_HUB_OFFLINE", "OMP_NUM_THREADS", "DATABASE_URL", "MAMMO_MASTER_KEY")
    _answer(answer, [{"value": n, "environment": {k: os.environ.get(k) for k in names}} for n in (1, 2, 3)])


if __name__ == "__main__":
    main()
