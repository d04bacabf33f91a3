"""Does the phone's face detector lead to the same expressions as the default one?

    python -m research.detectors FOLDER

Every photo in FOLDER is labelled twice, its face found by YuNet and by BlazeFace.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import click
import numpy as np
from numpy.typing import NDArray

from fer_sdk._internal.files import write_beside
from fer_sdk._internal.native_log import captured_native_log
from fer_sdk.bundles.registry import DEFAULT_MODEL
from fer_sdk.classifier import ExpressionClassifier
from fer_sdk.cli.console import FerCommand, progress_bar
from fer_sdk.detectors.blazeface import BlazeFace
from fer_sdk.detectors.yunet import YuNet
from fer_sdk.errors import InputError
from fer_sdk.inputs.images import read_photo
from fer_sdk.recognizer import ExpressionRecognizer
from fer_sdk.results import RecognizedFace

SUFFIXES: Final = (".jpg", ".jpeg", ".png", ".webp", ".bmp")
POINTS: Final = ("right eye", "left eye", "mouth")


@dataclass(frozen=True, slots=True)
class Pair:
    """One photo's best face, as each detector leads to it.

    Attributes:
        name: The photo's file name.
        yunet: Face and expression with YuNet.
        blazeface: Face and expression with BlazeFace.
        crops: What the classifier saw, uint8 (2, height, width), YuNet's first.
    """

    name: str
    yunet: RecognizedFace
    blazeface: RecognizedFace
    crops: NDArray[np.uint8]

    @property
    def same(self) -> bool:
        """Whether both lead to one label."""
        return self.yunet.label == self.blazeface.label

    def offsets(self) -> NDArray[np.complex128]:
        """Return BlazeFace's eyes and mouth from YuNet's, x + iy in distances between the eyes."""
        given, wanted = (_points(found) for found in (self.blazeface, self.yunet))
        return np.asarray((given - wanted) / (wanted[1] - wanted[0]), np.complex128)


@click.command(cls=FerCommand)
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--model", default=DEFAULT_MODEL, show_default=True, help="Shipped model or a file.")
@click.option("--sheet", type=click.Path(path_type=Path),
              help="Draw the crops into this .png, YuNet's over BlazeFace's.")  # fmt: skip
def main(folder: Path, model: str, sheet: Path | None) -> None:
    """Print on how many photos both detectors lead to the same label."""
    photos = sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES)
    if not photos:
        raise InputError(f"no photo in {folder}: looked for {', '.join(SUFFIXES)}")
    pairs = _pairs(photos, model)
    if not pairs:
        raise InputError(f"no face in any of {len(photos)} photos that both detectors find")
    same = sum(pair.same for pair in pairs)
    click.echo(f"{len(pairs)} of {len(photos)} photos with a face found by both detectors")
    click.echo(f"same label on {same} of {len(photos)}, {same / len(photos):.1%}")
    offsets = np.array([pair.offsets() for pair in pairs])
    for name, column in zip(POINTS, offsets.T, strict=True):
        x, y = np.median(column.real), np.median(column.imag)
        click.echo(
            f"BlazeFace's {name:<9} lies {x:+.3f}, {y:+.3f} from YuNet's (median; "
            f"spread {column.real.std():.3f}, {column.imag.std():.3f}) distances between the eyes"
        )
    for pair in (p for p in pairs if not p.same):
        click.echo(
            f"{pair.name}: {pair.yunet.label} {pair.yunet.confidence:.0%} with YuNet, "
            f"{pair.blazeface.label} {pair.blazeface.confidence:.0%} with BlazeFace"
        )
    if sheet:
        _draw(pairs, sheet)
        click.echo(str(sheet))


def _pairs(photos: list[Path], model: str) -> list[Pair]:
    """Label each photo twice; photos in which either detector finds no face are left out."""
    with captured_native_log():
        classifier = ExpressionClassifier.load(model)
        yunet = ExpressionRecognizer(classifier, detector=YuNet())
        blazeface = ExpressionRecognizer(classifier, detector=BlazeFace())
    pairs = []
    with yunet, blazeface:
        for path in progress_bar(iterable=photos, unit=" photos"):
            photo = read_photo(path)
            found = [r.recognize(photo, color="bgr") for r in (yunet, blazeface)]
            if all(found):
                best = tuple(faces[0] for faces in found)
                crops = yunet.crops(photo, best, color="bgr")
                pairs.append(Pair(path.name, found[0][0], found[1][0], crops))
    return pairs


def _points(found: RecognizedFace) -> NDArray[np.complex128]:
    points = found.landmarks
    return np.array([complex(*p) for p in (points.right_eye, points.left_eye, points.mouth)])


def _draw(pairs: list[Pair], path: Path) -> None:
    """Write a sheet of 17 pairs a row, a white bar under those with two labels."""
    import cv2

    if path.suffix.lower() != ".png":
        raise InputError(f"the sheet must be a .png file, but is {path}")
    tiles = []
    for pair in pairs:
        tile = np.vstack(list(pair.crops))
        bar = np.full((4, tile.shape[1]), 0 if pair.same else 255, np.uint8)
        tiles.append(np.vstack([tile, bar]))
    tiles += [np.zeros_like(tiles[0])] * (-len(tiles) % 17)
    rows = [np.hstack(tiles[start : start + 17]) for start in range(0, len(tiles), 17)]
    with write_beside(path) as temporary:
        cv2.imwrite(str(temporary), np.vstack(rows))


if __name__ == "__main__":
    main()
