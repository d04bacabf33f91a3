"""Reading of photos; format and size are checked from the header before decoding."""

import base64
import binascii
import struct
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final, TypeAlias, Union

import numpy as np
from numpy.typing import NDArray

from fer_sdk._internal.opencv import require_opencv
from fer_sdk.errors import InputError, shown
from fer_sdk.inputs.file_kinds import HEAD_BYTES, TO_CONVERT, kind_of
from fer_sdk.preprocess import Color, check_image

if TYPE_CHECKING:
    from PIL.Image import Image as PillowImage

ImageSource: TypeAlias = Union["NDArray[np.uint8]", str, Path, bytes, IO[bytes], "PillowImage"]
"""Array; path, content, file object or base64 data URI of a photo; or Pillow image."""

MIN_SIDE: Final = 16
MAX_SIDE: Final = 16_384
MAX_PIXELS: Final = 100_000_000
"""Limits of an image in pixels; a small file can decompress to gigabytes."""

MAX_BYTES: Final = 400_000_000
"""Largest photo file: more than 100 million pixels need without compression."""

MAX_NAME: Final = 300
"""Longest path in an error message."""

_EXIF_ORIENTATION: Final = 0x0112

MAX_JPEG_SCANS: Final = 100
"""Limit of a progressive JPEG. Usual files have ten scans; each takes one full decoding pass."""


@dataclass(frozen=True, slots=True)
class ImageHeader:
    """Properties of an image file.

    Attributes:
        format: "PNG", "JPEG", "BMP" or "WebP".
        width: Width in pixels.
        height: Height in pixels.
        channels: Number of channels.
        bits: Bits per channel.
    """

    format: str
    width: int
    height: int
    channels: int
    bits: int


def load_image(
    source: ImageSource,
    color: Color | None = None,
    *,
    orientation: int | None = None,
    convert: bool = False,
) -> tuple[NDArray[np.uint8], Color]:
    """Load an image from any supported source.

    Args:
        source: Array; path or content of a photo, as for `read_photo`; or Pillow image of mode
            "RGB" or "L".
        color: Order of an array's channels; None for the other sources, which define it.
        orientation: EXIF orientation of an array, 1 to 8; None for an upright one, and for the
            other sources, which are rotated upright by their own EXIF orientation.
        convert: Also accept other photos, as `read_photo`, and other modes of Pillow images.

    Returns:
        Image, uint8 (height, width, 3), or (height, width) for "grey", range [0, 255], and the
        order of its channels.

    Raises:
        InputError: If the source has another type, `color` is missing for an array or given for
            another source, `orientation` likewise, or the image is too large, too small or damaged.
    """
    if orientation is not None and not isinstance(source, np.ndarray):
        raise InputError(
            f"orientation is valid for arrays only, but is given for {type(source).__name__}, "
            "which is rotated by its own"
        )
    if isinstance(source, np.ndarray):
        if color is None:
            raise InputError(
                "an array does not define the order of its channels: add color='bgr' (OpenCV), "
                "'rgb' (Pillow) or 'grey'"
            )
        check_image(source, color)
        return upright(source, 1 if orientation is None else orientation), color
    if color is not None:
        raise InputError(
            f"color is valid for arrays only, but is {color!r} for {type(source).__name__}"
        )
    if isinstance(source, str | Path | bytes):
        return read_photo(source, convert=convert), "bgr"
    if hasattr(source, "read") and not hasattr(source, "getexif"):
        return read_photo(_read_stream(source), convert=convert), "bgr"
    pillow = sys.modules.get("PIL.Image")
    if pillow is not None and isinstance(source, pillow.Image):
        return _from_pillow(source, convert)
    raise InputError(
        "image must be a uint8 array, a path, a photo's bytes, file object or data URI, or a "
        "Pillow image, "
        f"but is {type(source).__name__}"
    )


def read_photo(source: Path | str | bytes, *, convert: bool = False) -> NDArray[np.uint8]:
    """Read a photo and rotate it upright by its EXIF orientation.

    If the data of a JPEG is damaged in the middle, OpenCV logs a line to stderr and the undecoded
    part of the image is grey; the `fer` command rejects such photos.

    Args:
        source: Path, content or base64 data URI of a JPEG, PNG, WebP or BMP file.
        convert: Also accept grey, transparent, CMYK and 16-bit images: grey levels are copied to
            three channels, transparency is dropped, and the upper 8 bits are kept.

    Returns:
        uint8 (height, width, 3), range [0, 255], BGR.

    Raises:
        InputError: If the file is missing, damaged, too large or too small, or has another format.
    """
    if isinstance(source, str) and source[:5].lower() == "data:":
        source = _decode_uri(source)
    name = "the photo" if isinstance(source, bytes) else shown(source, MAX_NAME)
    data = source if isinstance(source, bytes) else _read_file(Path(source), name)
    header = _read_header(data, name)
    _check_size(header.width, header.height, name)
    if (header.channels, header.bits) != (3, 8) and not convert:
        kinds = {1: "grey", 2: "grey with transparency", 3: "colour", 4: "RGBA or CMYK"}
        raise InputError(
            f"{name} must be an 8-bit colour photo, but is {header.bits}-bit "
            f"{kinds.get(header.channels, f'of {header.channels} channels')}: "
            "convert it, or accept it by --convert or read_photo(..., convert=True)"
        )
    require_opencv("reading photos")
    import cv2  # imported on demand: recognizing faces in arrays needs no OpenCV

    try:
        image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    except cv2.error as error:
        raise InputError(f"{name} is a damaged {header.format} file: {error.err}") from error
    if image is None:
        raise InputError(f"{name} is a damaged {header.format} file")
    return np.asarray(image, np.uint8)


def upright(image: NDArray[np.uint8], orientation: int) -> NDArray[np.uint8]:
    """Rotate and mirror an image so that it is upright.

    Args:
        image: uint8 (height, width) or (height, width, channels).
        orientation: EXIF orientation (CIPA DC-008, tag 0x0112), 1 to 8; 1 is upright.

    Returns:
        The image, height and width exchanged for 5 to 8.

    Raises:
        InputError: If the orientation is another.
    """
    if orientation not in range(1, 9):
        raise InputError(f"orientation must be 1 to 8, as EXIF states it, but is {orientation!r}")
    if orientation >= 5:
        image = np.swapaxes(image, 0, 1)
    if orientation in (2, 3, 6, 7):
        image = image[:, ::-1]
    if orientation in (3, 4, 7, 8):
        image = image[::-1]
    return np.ascontiguousarray(image)


def _decode_uri(uri: str) -> bytes:
    """Return the content of a base64 data URI (RFC 2397)."""
    head, comma, text = uri.partition(",")
    if not comma or not head.lower().endswith(";base64"):
        raise InputError(f"a data URI must be data:image/...;base64,..., but is {shown(uri)}")
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise InputError(f"the data URI {shown(uri)} is not valid base64: {error}") from error


def _read_stream(stream: IO[bytes]) -> bytes:
    data = stream.read(MAX_BYTES + 1)
    if not isinstance(data, bytes):
        raise InputError("a file object must be opened in binary mode: open(path, 'rb')")
    if len(data) > MAX_BYTES:
        raise InputError(f"the photo must have at most {MAX_BYTES // 1_000_000} MB: resize it")
    return data


def _read_file(path: Path, name: str) -> bytes:
    try:
        if path.exists() and not path.is_file():  # a pipe or device may never end
            raise InputError(f"cannot read {name}: it is not a regular file")
        if path.stat().st_size > MAX_BYTES:
            raise InputError(f"{name} must have at most {MAX_BYTES // 1_000_000} MB: resize it")
        return path.read_bytes()
    except FileNotFoundError as error:
        raise InputError(f"no photo at {name}") from error
    except OSError as error:
        raise InputError(f"cannot read {name}: {error.strerror or type(error).__name__}") from error
    except ValueError as error:  # a null byte in the name
        raise InputError(f"cannot read {name}: {error}") from error


def _check_size(width: int, height: int, name: str) -> None:
    size = f"{width}x{height}"
    if max(width, height) > MAX_SIDE or width * height > MAX_PIXELS:
        raise InputError(
            f"{name} has {size} pixels, but at most {MAX_SIDE} per side and "
            f"{MAX_PIXELS // 1_000_000} million in total are supported: resize it"
        )
    if min(width, height) < MIN_SIDE:
        raise InputError(f"{name} has {size} pixels, but at least {MIN_SIDE} per side are needed")


def _from_pillow(image: "PillowImage", convert: bool) -> tuple[NDArray[np.uint8], Color]:
    _check_size(image.width, image.height, "the Pillow image")
    if image.mode not in ("RGB", "L") and not convert:
        raise InputError(
            f"a Pillow image must have the mode RGB or L, but has {image.mode}: "
            "use image.convert('RGB')"
        )
    try:
        ready = image if image.mode in ("RGB", "L") else image.convert("RGB")
        stated = image.getexif().get(_EXIF_ORIENTATION, 1)
        pixels = upright(np.asarray(ready, np.uint8), stated if stated in range(1, 9) else 1)
        return pixels, "grey" if ready.mode == "L" else "rgb"
    except (OSError, SyntaxError, ValueError) as error:  # Pillow decodes on first access
        raise InputError(f"the Pillow image is damaged: {error}") from error


def _read_header(data: bytes, name: str) -> ImageHeader:
    if not data:
        raise InputError(f"{name} is empty (0 bytes)")
    readers = {
        b"\x89PNG\r\n\x1a\n": _png,
        b"\xff\xd8\xff": _jpeg,
        b"BM": _bmp,
        b"RIFF": _webp,
    }
    for magic, reader in readers.items():
        if data.startswith(magic):
            try:
                return reader(data)
            except (struct.error, IndexError, ValueError) as error:
                raise InputError(f"{name} is a truncated or damaged image ({error})") from error
    kind = kind_of(data[:HEAD_BYTES])
    if kind in TO_CONVERT:
        raise InputError(
            f"{name} must be a JPEG, PNG, WebP or BMP file, but is {kind}: convert it, for example "
            f"by {TO_CONVERT[kind]}"
        )
    raise InputError(f"{name} must be a JPEG, PNG, WebP or BMP file, but begins with {data[:8]!r}")


def _png(data: bytes) -> ImageHeader:
    width, height, bits, color_type = struct.unpack(">IIBB", data[16:26])
    at, chunk = 8, b""
    while chunk != b"IEND":  # decoders allocate memory by the stated chunk length
        length, chunk = struct.unpack(">I4s", data[at : at + 8])
        at += 12 + length
        if at > len(data):
            raise ValueError("truncated")
    channels = {0: 1, 2: 3, 3: 3, 4: 2, 6: 4}.get(color_type, 0)
    if color_type == 3:  # 8-bit palette colours; chunk tRNS holds their transparency
        bits, channels = 8, 4 if b"tRNS" in data[:4096] else 3
    return ImageHeader("PNG", width, height, channels, bits)


def _jpeg(data: bytes) -> ImageHeader:
    at = 2
    while True:
        if data[at] != 0xFF:
            raise ValueError(f"no marker at byte {at}")
        marker = data[at + 1]
        if marker == 0xFF:  # fill byte
            at += 1
        elif 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            bits, height, width, channels = struct.unpack(">BHHB", data[at + 4 : at + 10])
            if data.find(b"\xff\xd9", at) < 0:
                raise ValueError("truncated")
            if data.count(b"\xff\xda", at) > MAX_JPEG_SCANS:
                raise ValueError(f"more than {MAX_JPEG_SCANS} scans")
            return ImageHeader("JPEG", width, height, channels, bits)
        elif marker in (0xD9, 0xDA):
            raise ValueError("no frame header")
        else:
            at += 2 + struct.unpack(">H", data[at + 2 : at + 4])[0]


def _bmp(data: bytes) -> ImageHeader:
    size, width, height = struct.unpack("<I", data[2:6])[0], *struct.unpack("<ii", data[18:26])
    bits = struct.unpack("<H", data[28:30])[0]
    if len(data) < size:
        raise ValueError("truncated")
    return ImageHeader("BMP", width, abs(height), 4 if bits == 32 else 3, 8)


def _webp(data: bytes) -> ImageHeader:
    if data[8:12] != b"WEBP":
        raise ValueError("RIFF, but not WebP")
    if len(data) < struct.unpack("<I", data[4:8])[0] + 8:
        raise ValueError("truncated")
    kind = data[12:16]
    if kind == b"VP8X":
        width, height = (int.from_bytes(data[i : i + 3], "little") + 1 for i in (24, 27))
        return ImageHeader("WebP", width, height, 4 if data[20] & 0x10 else 3, 8)
    if kind == b"VP8L":
        packed = struct.unpack("<I", data[21:25])[0]
        width, height = (packed & 0x3FFF) + 1, (packed >> 14 & 0x3FFF) + 1
        return ImageHeader("WebP", width, height, 4 if packed >> 28 & 1 else 3, 8)
    if kind == b"VP8 ":
        width, height = (side & 0x3FFF for side in struct.unpack("<HH", data[26:30]))
        return ImageHeader("WebP", width, height, 3, 8)
    raise ValueError(f"WebP chunk {kind!r}")
