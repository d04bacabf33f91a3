"""Reading photos: what a file is gets checked from its header before anything is decoded."""

import struct
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeAlias, Union

import numpy as np
from numpy.typing import NDArray

from fer_sdk.errors import InputError
from fer_sdk.preprocess import Color, check_image

if TYPE_CHECKING:
    from PIL.Image import Image as PillowImage

ImageSource: TypeAlias = Union["NDArray[np.uint8]", str, Path, bytes, "PillowImage"]
"""What an image may come as."""

MIN_SIDE: Final = 16
MAX_SIDE: Final = 16_384
MAX_PIXELS: Final = 100_000_000
"""Limits of a photo, in pixels: a small file can unpack to gigabytes."""

MAX_BYTES: Final = 400_000_000
"""Largest photo file: a little over what 100 million pixels take without compression."""

MAX_JPEG_SCANS: Final = 100
"""A progressive photo has about ten; each costs the time of the whole picture."""


@dataclass(frozen=True, slots=True)
class ImageHeader:
    """What an image file says of itself."""

    format: str
    width: int
    height: int
    channels: int
    bits: int


def load_image(
    source: ImageSource, color: Color | None = None, *, convert: bool = False
) -> tuple[NDArray[np.uint8], Color]:
    """Turn whatever holds an image into an array and the order of its channels.

    Args:
        source: An array with its `color`; the path of a photo or its bytes, as `read_photo` takes
            them; or a Pillow image of mode "RGB" or "L", whose EXIF orientation is not applied.
        color: Order of an array's channels; None for the others, which know theirs.
        convert: Accept other photos and modes, as `read_photo` does.

    Returns:
        uint8 (height, width, 3), or (height, width) for "grey", and its color.

    Raises:
        InputError: If the image is none of these, color is missing for an array or given for
            another, or the image is too large, too small or damaged.
    """
    if isinstance(source, np.ndarray):
        if color is None:
            raise InputError(
                "an array does not show the order of its channels: add color='bgr' (OpenCV), "
                "'rgb' (Pillow) or 'grey'"
            )
        check_image(source, color)
        return source, color
    if color is not None:
        raise InputError(f"color is for arrays, but is {color!r} for {type(source).__name__}")
    if isinstance(source, str | Path | bytes):
        return read_photo(source, convert=convert), "bgr"
    pillow = sys.modules.get("PIL.Image")
    if pillow is not None and isinstance(source, pillow.Image):
        return _from_pillow(source, convert)
    raise InputError(
        "image must be a uint8 array, a path, the bytes of a photo or a Pillow image, "
        f"but is {type(source).__name__}"
    )


def read_photo(source: Path | str | bytes, *, convert: bool = False) -> NDArray[np.uint8]:
    """Read a photo, turned upright by its EXIF orientation.

    A JPEG that is damaged in its middle comes back as far as OpenCV decodes it, grey beyond, with a
    line on stderr; the `fer` command refuses such a photo.

    Args:
        source: Path of a JPEG, PNG, WebP or BMP file, or the bytes of one.
        convert: Accept grey, transparent, CMYK and 16-bit images too: grey is repeated,
            transparency dropped, the upper 8 bits kept.

    Returns:
        uint8 (height, width, 3), range [0, 255], BGR.

    Raises:
        InputError: If the file is missing, not such an image, damaged, too large or too small.
    """
    name = "the photo" if isinstance(source, bytes) else str(source)
    data = source if isinstance(source, bytes) else _read_file(Path(source))
    header = _read_header(data, name)
    _check_size(header.width, header.height, name)
    if (header.channels, header.bits) != (3, 8) and not convert:
        kinds = {1: "grey", 2: "grey with transparency", 3: "colour", 4: "RGBA or CMYK"}
        raise InputError(
            f"{name} must be an 8-bit colour photo, but is {header.bits}-bit "
            f"{kinds.get(header.channels, f'of {header.channels} channels')}: "
            "convert it, or add --convert"
        )
    import cv2  # here and not above: classifying crops needs no OpenCV

    try:
        image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    except cv2.error as error:
        raise InputError(f"{name} is a damaged {header.format} file: {error.err}") from error
    if image is None:
        raise InputError(f"{name} is a damaged {header.format} file")
    return np.asarray(image, np.uint8)


def _read_file(path: Path) -> bytes:
    try:
        if path.exists() and not path.is_file():  # a pipe or device may never end
            raise InputError(f"cannot read {path}: it is no file")
        if path.stat().st_size > MAX_BYTES:
            raise InputError(f"{path} must have at most {MAX_BYTES // 1_000_000} MB: shrink it")
        return path.read_bytes()
    except FileNotFoundError as error:
        raise InputError(f"no photo at {path}") from error
    except (OSError, ValueError) as error:  # ValueError: a zero byte in the name
        raise InputError(f"cannot read {path}: {error}") from error


def _check_size(width: int, height: int, name: str) -> None:
    size = f"{width}x{height}"
    if max(width, height) > MAX_SIDE or width * height > MAX_PIXELS:
        raise InputError(
            f"{name} is {size} pixels, but a photo may have {MAX_SIDE} a side and "
            f"{MAX_PIXELS // 1_000_000} million in all: shrink it"
        )
    if min(width, height) < MIN_SIDE:
        raise InputError(f"{name} is {size} pixels: no face fits under {MIN_SIDE} a side")


def _from_pillow(image: "PillowImage", convert: bool) -> tuple[NDArray[np.uint8], Color]:
    _check_size(image.width, image.height, "the Pillow image")
    if image.mode not in ("RGB", "L") and not convert:
        raise InputError(
            f"a Pillow image must have the mode RGB or L, but has {image.mode}: "
            "use image.convert('RGB')"
        )
    try:
        ready = image if image.mode in ("RGB", "L") else image.convert("RGB")
        return np.asarray(ready, np.uint8), "grey" if ready.mode == "L" else "rgb"
    except (OSError, SyntaxError, ValueError) as error:  # Pillow decodes only now
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
    raise InputError(f"{name} must be a JPEG, PNG, WebP or BMP file, but begins with {data[:8]!r}")


def _png(data: bytes) -> ImageHeader:
    width, height, bits, color_type = struct.unpack(">IIBB", data[16:26])
    at, chunk = 8, b""
    while chunk != b"IEND":  # decoders take a chunk's word for how much memory it needs
        length, chunk = struct.unpack(">I4s", data[at : at + 8])
        at += 12 + length
        if at > len(data):
            raise ValueError("its end is missing")
    channels = {0: 1, 2: 3, 3: 3, 4: 2, 6: 4}.get(color_type, 0)
    if (
        color_type == 3
    ):  # palette entries are 8-bit colours, transparent ones in a chunk of their own
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
                raise ValueError("its end is missing")
            if data.count(b"\xff\xda", at) > MAX_JPEG_SCANS:
                raise ValueError(f"it has over {MAX_JPEG_SCANS} scans")
            return ImageHeader("JPEG", width, height, channels, bits)
        elif marker in (0xD9, 0xDA):
            raise ValueError("no frame header")
        else:
            at += 2 + struct.unpack(">H", data[at + 2 : at + 4])[0]


def _bmp(data: bytes) -> ImageHeader:
    size, width, height = struct.unpack("<I", data[2:6])[0], *struct.unpack("<ii", data[18:26])
    bits = struct.unpack("<H", data[28:30])[0]
    if len(data) < size:
        raise ValueError("its end is missing")
    return ImageHeader("BMP", width, abs(height), 4 if bits == 32 else 3, 8)


def _webp(data: bytes) -> ImageHeader:
    if data[8:12] != b"WEBP":
        raise ValueError("RIFF, but not WebP")
    if len(data) < struct.unpack("<I", data[4:8])[0] + 8:
        raise ValueError("its end is missing")
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
