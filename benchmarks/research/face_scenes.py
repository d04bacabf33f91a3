"""Composed scenes: photographed faces of known heights on backgrounds without faces.

A face is cut out with a margin, scaled to the wanted height and pasted with soft edges into a cell
of its own, so that no two faces touch. All random numbers come from seeded generators.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from fer_sdk.errors import InputError
from fer_sdk.evaluation.face_pack import INNER, MARGIN, SIDE
from fer_sdk.inputs.images import read_photo
from fer_sdk.preprocess import FER2013_INPUT, crop_transform
from fer_sdk.results import Box, Face

WIDTH, HEIGHT = 640, 480
"""Size of a scene in pixels."""
BINS: Final = (10, 16, 26, 40, 64, 100, 160, 240, 360)
"""Edges of the bins of face heights, in pixels."""
FACES_PER_SCENE: Final = (12, 12, 12, 12, 6, 4, 2, 1)
COLUMNS: Final = {1: 1, 2: 2, 4: 2, 6: 3, 12: 4}
"""Columns of cells by the number of faces of a scene."""
CROWD_WH: Final = (7000, 4700)
"""Width and height of the large photo: 33 megapixels."""
CROWD_FACES: Final = 48
CROWD_COLUMNS: Final = 8
CROWD_HEIGHT: Final = 90
"""Height of its faces in pixels."""
SOFT_EDGE: Final = 0.1
"""Width of a pasted cutout's soft edge as a share of its sides."""
MARGINS: Final = (0.3, 0.3)
"""Margin of a cutout on each side, as a share of the face's width and height."""

Image = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Cutout:
    """A face with some of its surroundings.

    Attributes:
        pixels: uint8 (height, width, 3), BGR.
        box: The face in pixels of the cutout.
    """

    pixels: Image
    box: Box


@dataclass(frozen=True, slots=True)
class Scene:
    """An image and the faces in it.

    Attributes:
        image: uint8 (height, width, 3), BGR.
        boxes: The pasted faces in pixels of the image.
    """

    image: Image
    boxes: tuple[Box, ...]


def cut_out(photo: Image, face: Face) -> Cutout:
    """Cut a face out of a photo with the margin of `MARGINS`, as far as the photo reaches."""
    left, top, right, bottom = face.box_xyxy
    across, down = MARGINS[0] * (right - left), MARGINS[1] * (bottom - top)
    x0, y0 = max(0, round(left - across)), max(0, round(top - down))
    x1, y1 = min(photo.shape[1], round(right + across)), min(photo.shape[0], round(bottom + down))
    return Cutout(photo[y0:y1, x0:x1], (left - x0, top - y0, right - x0, bottom - y0))


def box_in_crop(face: Face) -> Box:
    """Return the box of an upright face in pixels of the crop that the models receive."""
    marks = face.landmarks
    place = crop_transform(FER2013_INPUT.crop, marks.right_eye, marks.left_eye, marks.mouth)
    left, top, right, bottom = face.box_xyxy
    scale = float(np.hypot(place.xx, place.yx))
    return (
        (left - place.x0) / scale,
        (top - place.y0) / scale,
        (right - place.x0) / scale,
        (bottom - place.y0) / scale,
    )


def cutouts_of_pack(path: Path, split: str, count: int, box: Box) -> list[Cutout]:
    """Read evenly spaced images of a face pack, see `fer_sdk.evaluation.face_pack`.

    Args:
        path: The pack.
        split: Value of the column `split` of the faces to take.
        count: Largest number of faces.
        box: The face in pixels of the model's crop, as `box_in_crop` returns it.

    Raises:
        InputError: If the pack cannot be read or has no such faces.
    """
    scale = INNER / FER2013_INPUT.width
    left, top, right, bottom = ((side + 0.5) * scale - 0.5 + MARGIN for side in box)
    return [Cutout(image, (left, top, right, bottom)) for image in pack_images(path, split, count)]


def pack_images(path: Path, split: str, count: int | None = None) -> list[Image]:
    """Decode the images of one split of a face pack, all or `count` evenly spaced ones.

    Returns:
        uint8 (80, 80, 3) each, BGR.

    Raises:
        InputError: If the pack cannot be read or has no such faces.
    """
    try:
        with np.load(path, allow_pickle=False) as archive:
            data, start, splits = archive["bytes"], archive["start"], archive["split"]
    except (OSError, KeyError, ValueError) as error:
        raise InputError(f"{path} is not a readable face pack: {error}") from error
    rows = np.flatnonzero(splits.astype(str) == split)
    if not len(rows):
        raise InputError(f"{path} has no face whose split is {split!r}")
    if count is not None and count < len(rows):
        rows = rows[np.linspace(0, len(rows) - 1, count).astype(int)]
    found = []
    for row in rows:
        image = cv2.imdecode(data[start[row] : start[row + 1]], cv2.IMREAD_COLOR)
        if image is None or image.shape != (SIDE, SIDE, 3):
            raise InputError(f"face {row} of {path} is not an image of {SIDE}x{SIDE} pixels")
        found.append(np.asarray(image, np.uint8))
    return found


def read_backgrounds(folder: Path) -> list[Image]:
    """Read the photos of a folder, in the order of their names.

    Raises:
        InputError: If there are none.
    """
    kinds = (".jpg", ".jpeg", ".png")
    paths = sorted(path for path in folder.glob("*") if path.suffix.lower() in kinds)
    if not paths:
        raise InputError(f"no photo in {folder}: looked for {', '.join(kinds)}")
    return [read_photo(path, convert=True) for path in paths]


def background(photos: Sequence[Image], random: np.random.Generator, size_wh: tuple[int, int],
               least: float = 0.4) -> Image:  # fmt: skip
    """Return a random part of a random photo, mirrored or not, scaled to a size.

    Args:
        photos: Photos without faces.
        random: Source of the choices.
        size_wh: Width and height of the result.
        least: Smallest part of the largest possible one, as a share of its sides.
    """
    photo = photos[int(random.integers(len(photos)))]
    ratio = size_wh[0] / size_wh[1]
    height, width = photo.shape[:2]
    largest = min(height, width / ratio)
    part = largest * random.uniform(least, 1)
    across, down = round(part * ratio), round(part)
    x, y = (round(random.uniform(0, room)) for room in (width - across, height - down))
    resized = cv2.resize(photo[y : y + down, x : x + across], size_wh,
                         interpolation=cv2.INTER_LINEAR)  # fmt: skip
    return np.asarray(resized[:, ::-1] if random.random() < 0.5 else resized, np.uint8)


def scenes(
    cutouts: Sequence[Cutout], photos: Sequence[Image], bin_number: int, seed: int
) -> Iterator[Scene]:
    """Yield scenes that show each cutout once, with heights of one bin of `BINS`.

    Args:
        cutouts: Faces.
        photos: Photos without faces, for backgrounds.
        bin_number: Index of the bin's lower edge in `BINS`.
        seed: Of the random numbers.
    """
    random = np.random.default_rng([seed, bin_number])
    order = random.permutation(len(cutouts))
    low, high = BINS[bin_number], BINS[bin_number + 1]
    count = FACES_PER_SCENE[bin_number]
    for start in range(0, len(order), count):
        chosen = [cutouts[number] for number in order[start : start + count]]
        heights = np.exp(random.uniform(np.log(low), np.log(high), len(chosen)))
        image = background(photos, random, (WIDTH, HEIGHT))
        yield compose(image, chosen, heights, COLUMNS[count], random)


def crowd(cutouts: Sequence[Cutout], photos: Sequence[Image]) -> Scene:
    """Return the large photo: `CROWD_FACES` faces of `CROWD_HEIGHT` pixels."""
    random = np.random.default_rng(0)
    chosen = [cutouts[number] for number in random.permutation(len(cutouts))[:CROWD_FACES]]
    heights = np.full(len(chosen), float(CROWD_HEIGHT))
    return compose(background(photos, random, CROWD_WH, 1.0), chosen, heights, CROWD_COLUMNS,
                   random)  # fmt: skip


def compose(
    image: Image,
    cutouts: Sequence[Cutout],
    heights: NDArray[np.float64],
    columns: int,
    random: np.random.Generator,
) -> Scene:
    """Paste cutouts at random places, each in its own cell of a grid.

    Args:
        image: Background, uint8 (height, width, 3).
        cutouts: Faces; at most as many as the grid has cells.
        heights: Height of each face in pixels of the scene.
        columns: Columns of the grid; it has as many rows as are needed.
        random: Source of the places.
    """
    result = image.copy()
    rows = -(-len(cutouts) // columns)
    cell_wh = image.shape[1] / columns, image.shape[0] / rows
    boxes = []
    for number, (cutout, height) in enumerate(zip(cutouts, heights, strict=True)):
        zoom = height / (cutout.box[3] - cutout.box[1])
        pixels = _scaled(cutout.pixels, zoom)
        # A cutout that is larger than its cell loses its margin, evenly on both sides.
        cut = [max(0, round(pixels.shape[1 - axis] - cell_wh[axis])) for axis in (0, 1)]
        pixels = pixels[
            cut[1] // 2 : pixels.shape[0] - cut[1] + cut[1] // 2,
            cut[0] // 2 : pixels.shape[1] - cut[0] + cut[0] // 2,
        ]
        x = int((number % columns) * cell_wh[0] + random.uniform(0, cell_wh[0] - pixels.shape[1]))
        y = int((number // columns) * cell_wh[1] + random.uniform(0, cell_wh[1] - pixels.shape[0]))
        x, y = max(0, x), max(0, y)
        part = result[y : y + pixels.shape[0], x : x + pixels.shape[1]]
        pixels = pixels[: part.shape[0], : part.shape[1]]
        weight = _soft(pixels.shape[0])[:, None, None] * _soft(pixels.shape[1])[None, :, None]
        part[:] = np.round(weight * pixels + (1 - weight) * part).astype(np.uint8)
        shift = np.array([x - cut[0] // 2, y - cut[1] // 2] * 2)
        left, top, right, bottom = (np.array(cutout.box) * zoom + shift).tolist()
        boxes.append((left, top, right, bottom))
    return Scene(result, tuple(boxes))


def textures(count: int) -> Iterator[Image]:
    """Yield generated pictures without faces: noise of several sizes, stripes, ovals, gradients."""
    random = np.random.default_rng(1)
    kinds = (_noise, _stripes, _ovals, _gradient)
    for number in range(count):
        yield kinds[number % len(kinds)](random)


def _noise(random: np.random.Generator) -> Image:
    total = np.zeros((HEIGHT, WIDTH, 3))
    for side in (4, 16, 64, 256):
        small = random.uniform(0, 255, (-(-HEIGHT // side) + 1, -(-WIDTH // side) + 1, 3))
        size = small.shape[1] * side, small.shape[0] * side
        total += cv2.resize(small, size, interpolation=cv2.INTER_CUBIC)[:HEIGHT, :WIDTH]
    return np.asarray(np.clip(total / 4, 0, 255), np.uint8)


def _stripes(random: np.random.Generator) -> Image:
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    angles, lengths = random.uniform(0, np.pi, 2), random.uniform(6, 80, 2)
    waves = [
        np.sign(np.sin(2 * np.pi * (x * np.cos(a) + y * np.sin(a)) / n))
        for a, n in zip(angles, lengths, strict=True)
    ]
    share = (sum(waves) / 4 + 0.5)[..., None]
    first, second = random.uniform(0, 255, (2, 3))
    return np.asarray(share * first + (1 - share) * second, np.uint8)


def _ovals(random: np.random.Generator) -> Image:
    image = np.full((HEIGHT, WIDTH, 3), random.uniform(0, 255, 3), np.uint8)
    for _ in range(60):
        centre = int(random.integers(WIDTH)), int(random.integers(HEIGHT))
        axes = int(random.integers(4, 90)), int(random.integers(4, 90))
        color = [int(level) for level in random.integers(0, 256, 3)]
        cv2.ellipse(image, centre, axes, float(random.uniform(0, 180)), 0, 360, color, -1)
    return image


def _gradient(random: np.random.Generator) -> Image:
    corners = random.uniform(0, 255, (2, 2, 3)).astype(np.float32)
    smooth = cv2.resize(corners, (WIDTH, HEIGHT), interpolation=cv2.INTER_LINEAR)
    return np.asarray(np.clip(smooth + random.normal(0, 6, smooth.shape), 0, 255), np.uint8)


def _scaled(pixels: Image, zoom: float) -> Image:
    method = cv2.INTER_AREA if zoom < 1 else cv2.INTER_LINEAR
    size = max(2, round(pixels.shape[1] * zoom)), max(2, round(pixels.shape[0] * zoom))
    return np.asarray(cv2.resize(pixels, size, interpolation=method), np.uint8)


def _soft(length: int) -> NDArray[np.float64]:
    """Return weights along a side: 1 in the middle, falling towards both ends."""
    distance = np.minimum(np.arange(length), np.arange(length)[::-1]) + 0.5
    return np.minimum(1.0, distance / max(1.0, SOFT_EDGE * length))
