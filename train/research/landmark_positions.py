"""Median positions of eyes and mouth in FER2013's faces, from which the SDK's crop is derived.

    python -m research.landmark_positions

Prints the values of `fer_sdk.preprocess.FER2013_CROP`.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import click
import cv2
import numpy as np

from fer_sdk import YuNet
from fer_sdk.cli.console import DATA_OPTION, FerCommand, progress_bar
from fer_sdk.detectors.base import FaceDetector
from fer_sdk.evaluation import fer2013
from fer_sdk.evaluation.fer2013 import SIDE, TRAINING, Fer2013
from fer_sdk.preprocess import CropSpec, Point

ZOOM, MARGIN = 4, 48  # faces are enlarged and padded, because detectors expect complete heads


@dataclass(frozen=True, slots=True)
class LandmarkPositions:
    """Median positions of eyes and mouth.

    Attributes:
        searched: Number of Training faces.
        found: Number of those in which the detector found a face.
        crop: Median positions in pixels of the 48x48 image, averaged with their mirror image.
        spread: Standard deviation of each point, (x, y) in pixels: right eye, left eye, mouth.
    """

    searched: int
    found: int
    crop: CropSpec
    spread: tuple[Point, Point, Point]


def find_positions(
    data: Fer2013,
    detector: FaceDetector,
    faces: int,
    report: Callable[[int], None] = lambda faces: None,
) -> LandmarkPositions:
    """Detect eyes and mouth in FER2013's Training faces.

    Args:
        data: FER2013.
        detector: Detector with landmarks.
        faces: Number of faces, chosen at random with a fixed seed.
        report: Called with 1 after each face.
    """
    rows = np.random.default_rng(0).permutation(data.rows(TRAINING, deduplicated=True))[:faces]
    positions = []
    for row in rows:
        large = cv2.resize(data.pixels[row], None, fx=ZOOM, fy=ZOOM)
        framed = np.pad(large, MARGIN)
        found = detector.detect(np.asarray(cv2.cvtColor(framed, cv2.COLOR_GRAY2BGR), np.uint8))
        if found:
            points = found[0].landmarks
            positions.append((points.right_eye, points.left_eye, points.mouth))
        report(1)
    inside = (np.array(positions) - MARGIN + 0.5) / ZOOM - 0.5  # (n, 3 points, x and y)
    right, left, mouth = np.median(inside, axis=0)
    last = SIDE - 1
    eye = (float(right[0] + last - left[0]) / 2, float(right[1] + left[1]) / 2)
    spread = inside.std(axis=0)
    return LandmarkPositions(
        searched=len(rows),
        found=len(positions),
        crop=CropSpec(eye, (last - eye[0], eye[1]), (last / 2, float(mouth[1]))),
        spread=(_point(spread[0]), _point(spread[1]), _point(spread[2])),
    )


def _point(pair: np.ndarray[tuple[int], np.dtype[np.float64]]) -> Point:
    return float(pair[0]), float(pair[1])


@click.command(cls=FerCommand)
@DATA_OPTION
@click.option("--faces", type=click.IntRange(100), default=3000, show_default=True,
              help="Number of Training faces.")  # fmt: skip
def main(data: Path, faces: int) -> None:
    """Print median positions of eyes and mouth in FER2013's Training faces."""
    dataset = fer2013.load(data)
    with progress_bar(total=faces, desc="detecting", unit=" faces") as bar:
        positions = find_positions(dataset, YuNet(min_score=0.8), faces, bar.update)
    click.echo(f"found {positions.found} of {positions.searched} faces")
    spreads = positions.spread
    for (name, point), spread in zip(asdict(positions.crop).items(), spreads, strict=True):
        click.echo(
            f"{name:<10} x {point[0]:5.2f}  y {point[1]:5.2f}   "
            f"(sd {spread[0]:.2f}, {spread[1]:.2f}), pixels of 48"
        )


if __name__ == "__main__":
    main()
