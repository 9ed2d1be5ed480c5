"""GPUs: which ones this machine offers, and whose they are. No job meets another on one.

Asked without CUDA: a worker must never open it (its children do).
"""

import logging
import os
import shutil
import socket
import subprocess
from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any

import psutil
from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils import timezone

from mammo.core.errors import UserError
from mammo.jobs.models import Beat, GpuHold, Job

log = logging.getLogger(__name__)
JOB_VARIABLE = "MAMMO_JOB"
# A host that told of its GPUs is waited for so long after it told last; its worker tells again and again.
HOST_BEAT, HOST_REMEMBERED, TOLD_EVERY = "gpus of ", timedelta(hours=1), 600.0
# Kinds of answering system that need no weights here: another machine answers, or a file does.
ANSWERED_ELSEWHERE = frozenset({"openai", "file"})


def answering_gpus(systems: Iterable[Mapping[str, Any]]) -> int:
    """GPUs for a job that answers with these systems (their descriptions), where nobody names a number."""
    answers_here = any(system.get("kind") not in ANSWERED_ELSEWHERE for system in systems)
    return int(settings.MAMMO_ANSWERING_GPUS) if answers_here else 0


def visible_gpus() -> list[str] | None:
    """Names of the GPUs as CUDA_VISIBLE_DEVICES takes them; those of the variable when it is set.

    None when the driver gave no answer (a busy one may take long): nobody knows just now.
    """
    given = os.environ.get("CUDA_VISIBLE_DEVICES")
    if given is not None:
        return [name for name in (part.strip() for part in given.split(",")) if name and name != "-1"]
    command = shutil.which("nvidia-smi")
    if command is None:
        return []
    try:
        listing = subprocess.run([command, "-L"], capture_output=True, text=True, timeout=20, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        log.warning("nvidia-smi gave no answer (%s); tried again later", type(error).__name__)
        return None
    count = sum(line.startswith("GPU ") for line in listing.stdout.splitlines())
    return [str(index) for index in range(count)]


def tell(visible: list[str] | None) -> None:
    """Note how many GPUs this host offers, for hosts that have fewer than a job asks for."""
    if visible is not None:
        name, told = f"{HOST_BEAT}{socket.gethostname()}"[:60], {"gpus": len(visible)}
        Beat.objects.update_or_create(name=name, defaults={"at": timezone.now(), "details": told})


def _are_elsewhere(gpus: int) -> bool:
    """Whether another host told lately that it offers so many."""
    others = Beat.objects.filter(name__startswith=HOST_BEAT, at__gt=timezone.now() - HOST_REMEMBERED)
    own = f"{HOST_BEAT}{socket.gethostname()}"[:60]
    return others.exclude(name=own).filter(details__gpus__gte=gpus).exists()


def hold(job: Job, visible: list[str]) -> bool:
    """Take as many GPUs of this host as the job asks for, inside the caller's transaction.

    Returns False when too many are in use just now, or when another host alone has so many: the caller rolls
    back, and the job waits on. A job that asks for more than any host has gets none and is refused when its child
    starts (`devices_for`).
    """
    if len(visible) < job.gpus:
        is_left = _are_elsewhere(job.gpus)
        if is_left:
            log.info("job %s asks for %d GPUs: left to another host, which has so many", job.pk, job.gpus)
        return not is_left
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
            f"the job asks for {job.gpus} GPUs and its worker has {len(visible_gpus() or [])}; submit it with fewer"
        )
    return ",".join(held)


def end_strangers_on(devices: str) -> int:
    """Kill children of other jobs that still sit on GPUs which are this job's now; return how many.

    Such a child outlives its lease when its worker is stopped (SIGSTOP) and can't kill it. Those of another
    installation on this machine (another MAMMO_HOME) are none of ours.
    """
    wanted = set(devices.split(",")) - {""}
    ended = 0
    for process in psutil.process_iter() if wanted else ():
        try:
            known = process.environ()
            used = set(known.get("CUDA_VISIBLE_DEVICES", "").split(","))
            ours = known.get("MAMMO_HOME") == str(settings.MAMMO_HOME) and JOB_VARIABLE in known
            if ours and wanted & used and process.pid != os.getpid():
                process.kill()
                ended += 1
        except (psutil.Error, OSError):
            continue
    return ended
