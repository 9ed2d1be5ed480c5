"""What one file may cost. A mammogram of the largest detectors in use stays far below every number."""

from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Limits:
    """Limits of one file."""

    file_bytes: int = 256 * 1024**2
    # A deflated data set of 200 kB can inflate to 200 MB.
    inflated_bytes: int = 256 * 1024**2
    # Rows x columns x frames; the largest detector in use makes 29 million (4728 x 5928), film digitised at
    # 42 micrometres 40.8 million (5714 x 7142).
    pixels: int = 41_000_000
    # Of a compressed image: a few kilobytes can stand for them. No compressed film of that size is known.
    compressed_pixels: int = 32_000_000
    # JPEG 2000 decodes some 7 MB a second; mammograms without loss stay below 20 MB.
    wavelet_bytes: int = 32 * 1024**2
    # Of one JPEG 2000 image; encoders cut tiles of 256 pixels and more.
    tiles: int = 4096
    # Nesting of sequences; real files need about 6.
    depth: int = 32
    # Items of all sequences and fragments of pixels; each costs pydicom some 15 microseconds and 600 bytes.
    items: int = 50_000
    # Elements of a data set and of all its sequences; real files have some hundreds, volumes some thousands.
    elements: int = 200_000
    # Wall clock for one file, enforced by the kernel.
    seconds: int = 60
    # CPU seconds for one file: these, and one for each started `bytes_per_second` of it; `seconds` at most.
    least_cpu_seconds: int = 10
    bytes_per_second: int = 2 * 1024**2
    # Address space of a child process, a fifth of it programs; the largest image that is accepted needs 1.25 GB of it.
    memory_bytes: int = 1536 * 1024**2
    # Of one that reads a table.
    table_memory_bytes: int = 2 * 1024**3
    # Of one that reads its first rows while a person waits; 60 MB of Chinese text need 0.5 GB and 2 s.
    preview_memory_bytes: int = 1024**3
    preview_cpu_seconds: int = 5

    def cpu_seconds(self, file_bytes: int) -> int:
        """CPU seconds that a file of this length may take: a small one never costs what a large one may."""
        return min(self.seconds, self.least_cpu_seconds + file_bytes // self.bytes_per_second)


LIMITS = Limits()
# Of a viewing copy, which this platform compressed itself from a file that was accepted.
VIEWING_COPY_LIMITS = replace(LIMITS, compressed_pixels=LIMITS.pixels, wavelet_bytes=LIMITS.file_bytes)
