"""Kinds of image files, told from the first bytes of their content and not from their names."""

import struct
from pathlib import Path
from typing import Final

from fer_sdk._internal.files import is_file

HEAD_BYTES: Final = 32
"""Bytes at the begin of a file that state its kind."""

READABLE: Final = ("JPEG", "PNG", "WebP", "BMP")
"""Kinds that `read_photo` reads."""

TO_CONVERT: Final = {
    "HEIC": "heif-convert PHOTO.heic PHOTO.jpg (Debian: libheif-examples), or on macOS "
    "sips -s format jpeg PHOTO.heic --out PHOTO.jpg",
    "AVIF": "heif-convert PHOTO.avif PHOTO.png (Debian: libheif-examples)",
    "TIFF": "magick PHOTO.tiff PHOTO.png (ImageMagick)",
    "GIF": "magick PHOTO.gif[0] PHOTO.png (ImageMagick)",
    "JPEG XL": "djxl PHOTO.jxl PHOTO.png (libjxl)",
    "JPEG 2000": "magick PHOTO.jp2 PHOTO.png (ImageMagick)",
}
"""Kinds of pictures that are not read, and a command that converts each."""

_MAGIC: Final = (
    (b"\xff\xd8\xff", "JPEG"),
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"II*\0", "TIFF"),
    (b"MM\0*", "TIFF"),
    (b"GIF87a", "GIF"),
    (b"GIF89a", "GIF"),
    (b"\xff\x0a", "JPEG XL"),
    (b"\0\0\0\x0cJXL ", "JPEG XL"),
    (b"\0\0\0\x0cjP  ", "JPEG 2000"),
)
_HEIF_BRANDS: Final = (b"heic", b"heix", b"hevc", b"heim", b"heis", b"mif1", b"msf1")
_DIB_HEADERS: Final = (12, 40, 52, 56, 64, 108, 124)
"""Sizes of the header that follows "BM" in a bitmap; a text may begin with these letters, too."""


def kind_of(head: bytes) -> str | None:
    """Return the kind of image that a file's first `HEAD_BYTES` bytes state.

    Args:
        head: First bytes of a file.

    Returns:
        One of `READABLE` or of `TO_CONVERT`; None for other content.
    """
    for magic, kind in _MAGIC:
        if head.startswith(magic):
            return kind
    if head.startswith(b"RIFF") and head[8:12] == b"WEBP":
        return "WebP"
    if head.startswith(b"BM") and len(head) >= 18:
        return "BMP" if struct.unpack("<I", head[14:18])[0] in _DIB_HEADERS else None
    if head[4:8] == b"ftyp":
        brand = head[8:12]
        return "HEIC" if brand in _HEIF_BRANDS else "AVIF" if brand in (b"avif", b"avis") else None
    return None


def kind_of_file(path: Path) -> str | None:
    """Return the kind of image in a regular file; None for others and for unreadable files."""
    if not is_file(path):  # a pipe or a device may never end
        return None
    try:
        with path.open("rb") as file:
            return kind_of(file.read(HEAD_BYTES))
    except OSError:
        return None
