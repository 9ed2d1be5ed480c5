"""What one file may cost. A mammogram of the largest detectors in use stays far below every number."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """Limits of one file."""

    file_bytes: int = 256 * 1024**2
    # A deflated data set of 200 kB can inflate to 200 MB.
    inflated_bytes: int = 256 * 1024**2
    # Rows x columns x frames; the largest detector in use makes 26 million.
    pixels: int = 64_000_000
    # Nesting of sequences; real files need about 6.
    depth: int = 32
    # Wall clock and CPU seconds for one file, enforced by the kernel.
    seconds: int = 60
    # Address space of a child process.
    memory_bytes: int = 2 * 1024**3


LIMITS = Limits()
