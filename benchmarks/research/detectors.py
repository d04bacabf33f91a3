"""Compare the predictions with BlazeFace (used on phones) and with YuNet (default).

    python -m research.detectors FOLDER

Every photo in FOLDER is classified twice, with the face detected by YuNet and by BlazeFace.
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
    """The best face of one photo with each detector.

    Attributes:
        name: File name of the photo.
        yunet: Face and expression with YuNet.
        blazeface: Face and expression with BlazeFace.
        crops: Inputs of the classifier, uint8 (2, height, width), YuNet's first.
    """

    name: str
    yunet: RecognizedFace
    blazeface: RecognizedFace
    crops: NDArray[np.uint8]

    @property
    def same(self) -> bool:
        """Whether both have the same label."""
        return self.yunet.label == self.blazeface.label

    def offsets(self) -> NDArray[np.complex128]:
        """Return the offsets of BlazeFace's eyes and mouth from YuNet's.

        Returns:
            complex128 (3,), x + iy in units of the eye distance, along and across the eye line.
        """
        given, wanted = (_points(found) for found in (self.blazeface, self.yunet))
        return np.asarray((given - wanted) / (wanted[1] - wanted[0]), np.complex128)


@click.command(cls=FerCommand)
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--model", default=DEFAULT_MODEL, show_default=True, help="Shipped model or a file.")
@click.option("--sheet", type=click.Path(path_type=Path),
              help="Write the crops to this .png, YuNet's above BlazeFace's.")  # fmt: skip
def main(folder: Path, model: str, sheet: Path | None) -> None:
    """Print on how many photos the label is the same with both detectors."""
    photos = sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES)
    if not photos:
        raise InputError(f"no photo in {folder}: looked for {', '.join(SUFFIXES)}")
    pairs = _pairs(photos, model)
    if not pairs:
        raise InputError(f"none of {len(photos)} photos has a face detected by both detectors")
    same = sum(pair.same for pair in pairs)
    click.echo(f"{len(pairs)} of {len(photos)} photos with a face detected by both")
    click.echo(f"same label on {same} of {len(photos)}, {same / len(photos):.1%}")
    offsets = np.array([pair.offsets() for pair in pairs])
    for name, column in zip(POINTS, offsets.T, strict=True):
        x, y = np.median(column.real), np.median(column.imag)
        click.echo(
            f"BlazeFace's {name:<9} offset {x:+.3f}, {y:+.3f} from YuNet's (median; standard "
            f"deviation {column.real.std():.3f}, {column.imag.std():.3f}) eye distances"
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
    """Classify each photo twice; leave out photos without a face detected by both."""
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
    """Write the crops, 17 pairs per row, with a white bar below pairs with different labels."""
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
