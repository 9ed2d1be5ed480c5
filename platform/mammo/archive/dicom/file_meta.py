"""Class and instance of a DICOM file from the first bytes of its file meta information (PS3.10 7.1).

A page reads them of what a stranger sent: so nothing is decoded, and nothing beyond the first bytes is read. The
group 0002 is always Explicit VR Little Endian.
"""

import re
import struct
from pathlib import Path

PREAMBLE_BYTES = 128
# The group holds a few hundred bytes; what is longer (private information) stands behind the two that are wanted.
READ_AT_MOST = 1 << 16
MAX_UID = 64
SOP_CLASS, SOP_INSTANCE = 0x0002, 0x0003
_LONG_VRS = (b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SQ", b"UC", b"UN", b"UR", b"UT")
_UID = re.compile(rb"[0-9.]{1,64}")


def class_and_instance(path: Path) -> tuple[str, str] | None:
    """MediaStorageSOPClassUID and MediaStorageSOPInstanceUID; None where the file does not begin as a DICOM file."""
    with path.open("rb") as handle:
        head = handle.read(READ_AT_MOST)
    if head[PREAMBLE_BYTES : PREAMBLE_BYTES + 4] != b"DICM":
        return None
    found: dict[int, str] = {}
    at = PREAMBLE_BYTES + 4
    while at + 8 <= len(head) and len(found) < 2:
        group, element, vr = struct.unpack_from("<HH2s", head, at)
        if group != 0x0002:
            break
        if vr in _LONG_VRS:
            if at + 12 > len(head):
                break
            (length,) = struct.unpack_from("<I", head, at + 8)
            at += 12
        else:
            (length,) = struct.unpack_from("<H", head, at + 6)
            at += 8
        if element in (SOP_CLASS, SOP_INSTANCE):
            uid = head[at : at + length].rstrip(b"\0 ")
            if vr != b"UI" or length > MAX_UID or at + length > len(head) or not _UID.fullmatch(uid):
                return None
            found[element] = uid.decode("ascii")
        at += length
    return (found[SOP_CLASS], found[SOP_INSTANCE]) if len(found) == 2 else None
