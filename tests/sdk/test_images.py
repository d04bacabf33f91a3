import contextlib
import io
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fer_sdk.errors import InputError
from fer_sdk.inputs.images import read_photo

IMAGE = np.random.default_rng(0).integers(0, 256, (40, 60, 3), np.uint8)


def encoded(suffix: str, image: object = IMAGE) -> bytes:
    done, data = cv2.imencode(suffix, image)  # type: ignore[call-overload]
    assert done
    return bytes(data.tobytes())


@pytest.mark.parametrize("suffix", [".png", ".bmp"])
def test_lossless_photos_are_read_exactly(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"photo{suffix}"
    path.write_bytes(encoded(suffix))
    np.testing.assert_array_equal(read_photo(path), IMAGE)


@pytest.mark.parametrize("suffix", [".jpg", ".webp"])
def test_lossy_photos_are_read_with_small_differences(suffix: str, tmp_path: Path) -> None:
    smooth = cv2.GaussianBlur(IMAGE, (0, 0), 5)
    path = tmp_path / f"photo{suffix}"
    path.write_bytes(encoded(suffix, smooth))
    assert abs(read_photo(path).astype(int) - smooth).mean() < 4


def test_a_photo_is_rotated_by_its_exif_orientation(tmp_path: Path) -> None:
    image = pytest.importorskip("PIL.Image", reason="Pillow writes the EXIF orientation")
    pixels = np.zeros((40, 60, 3), np.uint8)
    pixels[:, :30] = 255
    stored = image.fromarray(pixels)
    exif = stored.getexif()
    exif[0x0112] = 6  # rotated by 90 degrees
    buffer = io.BytesIO()
    stored.save(buffer, "JPEG", exif=exif)
    path = tmp_path / "turned.jpg"
    path.write_bytes(buffer.getvalue())
    photo = read_photo(path)
    assert photo.shape == (60, 40, 3)
    assert photo[:25].min() > 250
    assert photo[35:].max() < 5


KINDS = {
    "grey": (IMAGE[..., 0], ".png", "8-bit grey"),
    "grey-jpeg": (IMAGE[..., 0], ".jpg", "8-bit grey"),
    "rgba": (np.dstack([IMAGE, IMAGE[..., 0]]), ".png", "8-bit RGBA or CMYK"),
    "rgba-webp": (np.dstack([IMAGE, IMAGE[..., 0]]), ".webp", "8-bit RGBA or CMYK"),
    "16-bit": (IMAGE.astype(np.uint16) * 257, ".png", "16-bit colour"),
}


@pytest.mark.parametrize("kind", KINDS)
def test_other_pixel_formats_are_rejected_without_convert_and_converted_with_it(
    kind: str, tmp_path: Path
) -> None:
    pixels, suffix, name = KINDS[kind]
    path = tmp_path / f"photo{suffix}"
    path.write_bytes(encoded(suffix, pixels))
    with pytest.raises(InputError, match=f"8-bit colour photo, but is {name}: .*--convert"):
        read_photo(path)
    photo = read_photo(path, convert=True)
    assert photo.shape == (40, 60, 3)
    assert photo.dtype == np.uint8
    if kind in ("rgba", "16-bit"):
        np.testing.assert_array_equal(photo, IMAGE)


def png_header(width: int, height: int) -> bytes:
    data = bytearray(encoded(".png"))
    data[16:24] = width.to_bytes(4, "big") + height.to_bytes(4, "big")
    return bytes(data)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "is empty"),
        (b"hello, this is text\n", "must be a JPEG, PNG, WebP or BMP .*begins with b'hello"),
        (encoded(".png", IMAGE[:1, :1]), "has 1x1 pixels, but at least 16 per side"),
        (png_header(20_000, 40), "has 20000x40 pixels, but at most 16384 per side"),
        (png_header(16_000, 16_000), "100 million in total"),
        (encoded(".png")[:-20], "truncated or damaged image .truncated"),
        (encoded(".jpg")[:-20], "truncated or damaged image .truncated"),
        (encoded(".bmp")[:-20], "truncated or damaged image .truncated"),
        (encoded(".webp")[:-20], "truncated or damaged image .truncated"),
        (b"\x89PNG\r\n\x1a\n", "truncated or damaged image"),
        (b"\xff\xd8\xff\xd9", "truncated or damaged image"),
        (b"RIFF\x10\0\0\0WAVEfmt ........", "truncated or damaged image .RIFF, but not WebP"),
    ],
    ids=["0 bytes", "text", "1x1", "20,000 wide", "too many pixels", "cut png", "cut jpeg",
         "cut bmp", "cut webp", "only magic", "empty jpeg", "wave"],
)  # fmt: skip
def test_the_error_for_an_invalid_file_is_one_line(
    data: bytes, message: str, tmp_path: Path
) -> None:
    path = tmp_path / "photo.jpg"
    path.write_bytes(data)
    with pytest.raises(InputError, match=rf"^[^\n]*{message}[^\n]*$"):
        read_photo(path)


def test_a_missing_file_and_a_folder_have_different_errors(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no photo at"):
        read_photo(tmp_path / "nothing.jpg")
    with pytest.raises(InputError, match="cannot read"):
        read_photo(tmp_path)


@given(
    suffix=st.sampled_from([".png", ".jpg", ".bmp", ".webp"]),
    edits=st.lists(st.tuples(st.integers(0, 400), st.integers(0, 255)), max_size=4),
    cut=st.integers(0, 200),
)
@settings(max_examples=200, deadline=None)
def test_mutated_files_read_or_raise_a_fer_error(
    suffix: str, edits: list[tuple[int, int]], cut: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    data = bytearray(encoded(suffix))
    for place, value in edits:
        data[place % len(data)] = value
    path = tmp_path_factory.getbasetemp() / f"mutated{suffix}"
    path.write_bytes(data[: len(data) - cut])
    with contextlib.suppress(InputError):  # any other error fails the test
        assert read_photo(path, convert=True).ndim == 3
