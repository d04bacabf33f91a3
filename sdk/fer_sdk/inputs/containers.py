"""Whether a video file is shorter than its container states: MP4, MOV, AVI, MKV and WebM.

The number of frames that a file states is an estimate: an edit list hides frames, and longer sound
lengthens the duration that it is computed from. The sizes of boxes, chunks and elements are exact.
"""

import struct
from pathlib import Path
from typing import IO, Final

_EBML: Final = b"\x1a\x45\xdf\xa3"
_SEGMENT: Final = b"\x18\x53\x80\x67"


def missing_bytes(path: Path) -> int:
    """Return how many bytes a container states beyond the end of the file.

    Args:
        path: A video file.

    Returns:
        0 for a complete file and for containers that state no size, such as TS.

    Raises:
        OSError: If the file cannot be read.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(12)
        file.seek(0)
        if head[4:8] in (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip"):
            end = _end_of_boxes(file, size)
        elif head.startswith(b"RIFF"):
            end = _end_of_chunks(file, size)
        elif head.startswith(_EBML):
            end = _end_of_elements(file, size)
        else:
            end = 0
    return max(0, end - size)


def _end_of_boxes(file: IO[bytes], size: int) -> int:
    """Return the end of the last top-level box (ISO/IEC 14496-12)."""
    at = 0
    while at + 8 <= size:
        file.seek(at)
        length, _, large = struct.unpack(">I4sQ", file.read(16).ljust(16, b"\0"))
        if length == 1:
            length = large
        if length == 0:  # up to the end of the file
            return size
        if length < 8:  # zeros after the last box
            return at
        at += length
    return at


def _end_of_chunks(file: IO[bytes], size: int) -> int:
    """Return the end of the last RIFF chunk; long AVI files have several (OpenDML)."""
    at = 0
    while at + 8 <= size:
        file.seek(at)
        name, length = struct.unpack("<4sI", file.read(8))
        if name != b"RIFF":
            return at
        at += 8 + length + length % 2
    return at - (at == size + 1)  # the last padding byte may be absent


def _end_of_elements(file: IO[bytes], size: int) -> int:
    """Return the end of the Matroska segment, or of its last element if its size is unknown."""
    at = 0
    inside = False
    while at < size:
        file.seek(at)
        name, start, length = _element(file.read(12))
        if name == _SEGMENT and length is not None:
            return at + start + length
        if name == _SEGMENT:
            inside = True
            at += start
        elif length is None:  # a cluster of a live recording
            return size
        else:
            at += start + length
            if start == 0:
                return size
    return at if inside else size


def _element(data: bytes) -> tuple[bytes, int, int | None]:
    """Return name, size of the head, and length of an EBML element; None if unknown (RFC 8794)."""
    if not data or not data[0]:
        return b"", 0, 0
    name_size = 9 - data[0].bit_length()
    rest = data[name_size:]
    if not rest or not rest[0]:
        return b"", 0, 0
    length_size = 9 - rest[0].bit_length()
    bits = int.from_bytes(rest[:length_size], "big") & ((1 << 7 * length_size) - 1)
    unknown = bits == (1 << 7 * length_size) - 1
    return data[:name_size], name_size + length_size, None if unknown else bits
