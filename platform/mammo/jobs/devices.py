"""Which GPUs this machine offers, asked without CUDA: a worker must never open it (its children do)."""

import os
import shutil
import subprocess

from mammo.core.errors import UserError


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


def devices_for(gpus: int) -> str:
    """Value of CUDA_VISIBLE_DEVICES for a child that was promised this many GPUs.

    Raises:
        UserError: this worker has fewer.
    """
    if gpus == 0:
        return ""
    visible = visible_gpus()
    if len(visible) < gpus:
        raise UserError(
            f"the job asks for {gpus} GPUs and its worker has {len(visible)}; submit it with fewer"
        )
    return ",".join(visible[:gpus])
