"""What a run stands on besides its setting: packages, device, driver and the hashes of the weights that it reads."""

from __future__ import annotations

import platform
import re
from importlib import metadata
from pathlib import Path

import torch

PACKAGES = ("torch", "transformers", "timm", "peft", "accelerate", "numpy")
DRIVER_FILE = Path("/proc/driver/nvidia/version")


def machine() -> dict[str, str]:
    """Versions of what computes, and on what: told by the process that does the work, where it does it."""
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    if not torch.cuda.is_available():
        return {**found, "device": f"processor ({platform.machine()})"}
    names = [torch.cuda.get_device_name(place) for place in range(torch.cuda.device_count())]
    found |= {"device": ", ".join(names), "cuda": str(torch.version.cuda)}
    driver = driver_version(DRIVER_FILE)
    return {**found, "driver": driver} if driver else found


def driver_version(file: Path) -> str:
    """The version of NVIDIA's driver as its kernel module states it; empty where there is none."""
    try:
        stated = re.search(r"\d+\.\d+(?:\.\d+)?", file.read_text("utf-8"))
    except OSError:
        return ""
    return stated[0] if stated else ""
