"""GPUs: which ones this machine offers, and whose they are. No job meets another on one.

Asked without CUDA: a worker must never open it (its children do).
"""

import os
import shutil
import socket
import subprocess
from collections.abc import Iterable, Mapping
from typing import Any

import psutil
from django.conf import settings
from django.db import IntegrityError, transaction

from mammo.core.errors import UserError
from mammo.jobs.models import GpuHold, Job

JOB_VARIABLE = "MAMMO_JOB"
# Kinds of answering system that need no weights here: another machine answers, or a file does.
ANSWERED_ELSEWHERE = frozenset({"openai", "file"})


def answering_gpus(systems: Iterable[Mapping[str, Any]]) -> int:
    """GPUs for a job that answers with these systems (their descriptions), where nobody names a number."""
    answers_here = any(system.get("kind") not in ANSWERED_ELSEWHERE for system in systems)
    return int(settings.MAMMO_ANSWERING_GPUS) if answers_here else 0


def visible_gpus() -> list[str]:
    """Names of the GPUs as CUDA_VISIBLE_DEVICES takes them; those of the variable when it is set."""
    given = os.environ.get("CUDA_VISIBLE_DEVICES")
    if given is not None:
        return [name for name in (part.strip() for part in given.split(",")) if name and name != "-1"]
    command = shutil.which("nvidia-smi")
    if command is None:
        return []
    try:
        listing = subprocess.run([command, "-L"], capture_output=True, text=True, timeout=20, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return []
    count = sum(line.startswith("GPU ") for line in listing.stdout.splitlines())
    return [str(index) for index in range(count)]


def hold(job: Job, visible: list[str]) -> bool:
    """Take as many GPUs of this host as the job asks for, inside the caller's transaction.

    Returns False when too many are in use just now: the caller rolls back, and the job waits on. A job that
    asks for more than there are gets none and is refused when its child starts (`devices_for`).
    """
    if len(visible) < job.gpus:
        return True
    host, left = socket.gethostname(), job.gpus
    taken = set(GpuHold.objects.filter(host=host).values_list("device", flat=True))
    for device in visible:
        if left == 0:
            break
        if device in taken:
            continue
        try:
            with transaction.atomic():
                GpuHold.objects.create(host=host, device=device, job=job)
        except IntegrityError:  # another worker was faster
            continue
        left -= 1
    return left == 0


def release(job: Job) -> None:
    """Give back what the job holds; in the transaction in which its attempt ends."""
    if job.gpus:
        GpuHold.objects.filter(job=job).delete()


def devices_for(job: Job) -> str:
    """Value of CUDA_VISIBLE_DEVICES for the job's child.

    Raises:
        UserError: this worker has fewer GPUs than the job asks for.
    """
    if job.gpus == 0:
        return ""
    held = list(job.gpu_holds.values_list("device", flat=True))
    if len(held) < job.gpus:
        raise UserError(
            f"the job asks for {job.gpus} GPUs and its worker has {len(visible_gpus())}; submit it with fewer"
        )
    return ",".join(held)


def end_strangers_on(devices: str) -> int:
    """Kill children of other jobs that still sit on GPUs which are this job's now; return how many.

    Such a child outlives its lease when its worker is stopped (SIGSTOP) and can't kill it.
    """
    wanted = set(devices.split(",")) - {""}
    ended = 0
    for process in psutil.process_iter() if wanted else ():
        try:
            known = process.environ()
            used = set(known.get("CUDA_VISIBLE_DEVICES", "").split(","))
            if JOB_VARIABLE in known and wanted & used and process.pid != os.getpid():
                process.kill()
                ended += 1
        except (psutil.Error, OSError):
            continue
    return ended
