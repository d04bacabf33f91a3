"""Predictions on small, blurred and rotated faces: the data behind `fer_sdk.QualityLimits`.

    python -m research.view_quality FOLDER --out docs/results

FOLDER is the Face Research Lab London Set, see `research.london`. Its photos are shrunk, blurred or
rotated before face detection. The deduplicated 48x48 PublicTest faces are shrunk or blurred
directly; their labels are those that the model was trained on, see `research.public_test`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import click
import cv2
import numpy as np
from numpy.typing import NDArray

from fer_sdk._internal.extras import require
from fer_sdk._internal.files import write_beside
from fer_sdk._internal.native_log import captured_native_log
from fer_sdk.bundles.registry import DEFAULT_MODEL
from fer_sdk.classifier import ExpressionClassifier
from fer_sdk.cli.console import DATA_OPTION, FerCommand, progress_bar
from fer_sdk.evaluation import fer2013
from fer_sdk.inputs.images import read_photo
from fer_sdk.preprocess import FER2013_INPUT, to_input
from fer_sdk.quality import face_quality
from fer_sdk.recognizer import ExpressionRecognizer
from fer_sdk.results import Landmarks, RecognizedFace
from research.london import labelled_photos
from research.public_test import labelled_faces

SIZES: Final = (96, 64, 48, 40, 32, 28, 24, 20, 16, 12, 8)
"""Side of the face crop, in pixels of the photo."""
BLURS: Final = (0.0, 0.5, 0.75, 1.0, 1.25, 1.5, 2.0, 3.0)
"""Standard deviation of a Gaussian blur, in pixels of the model's input."""
TURNS: Final = (0, 15, 30, 45, 60, 75, 90)
"""In-plane rotation, in degrees."""
Image = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Step:
    """Results at one degree of degradation; fractions from 0 to 1.

    Attributes:
        degree: Size, blur or rotation, in the unit of `SIZES`, `BLURS` or `TURNS`.
        found: Fraction of photos with at least one detected face.
        same: Fraction of detected faces with the label of the original photo.
        correct: Fraction of detected faces with the true label.
        sharpness: Median `FaceQuality.sharpness`.
        flagged: Fraction of detected faces that `fer_sdk` reports as small or blurred.
    """

    degree: float
    found: float
    same: float
    correct: float
    sharpness: float
    flagged: float


def london_steps(
    recognizer: ExpressionRecognizer,
    photos: Sequence[tuple[Image, str]],
    degrees: Sequence[float],
    degrade: Callable[[Image, RecognizedFace, float], Image],
    report: Callable[[], object],
) -> list[Step]:
    """Degrade photos step by step and classify the faces that are still detected.

    Args:
        recognizer: Detects and classifies.
        photos: BGR photos with one face each, and their true label.
        degrees: Degrees of degradation.
        degrade: Degrades a photo, given the face detected in the original.
        report: Called after each degree.
    """
    originals = [recognizer.recognize(photo, color="bgr") for photo, _ in photos]
    steps = []
    for degree in degrees:
        found = []
        for (photo, truth), before in zip(photos, originals, strict=True):
            faces = recognizer.recognize(degrade(photo, before[0], degree), color="bgr")
            if faces:
                found.append((faces[0], before[0].label, truth))
        steps.append(_step(degree, found, len(photos)))
        report()
    return steps


def _step(degree: float, found: list[tuple[RecognizedFace, str, str]], photos: int) -> Step:
    if not found:
        return Step(degree, 0.0, 0.0, 0.0, 0.0, 0.0)
    faces = [face for face, _, _ in found]
    return Step(
        degree,
        found=len(found) / photos,
        same=float(np.mean([face.label == before for face, before, _ in found])),
        correct=float(np.mean([face.label == truth for face, _, truth in found])),
        sharpness=float(np.median([face.quality.sharpness for face in faces])),
        flagged=float(np.mean([_is_flagged(face.quality.reasons) for face in faces])),
    )


def _is_flagged(reasons: tuple[str, ...]) -> bool:
    return any(reason.startswith(("small", "blurred")) for reason in reasons)


def shrunk(photo: Image, face: RecognizedFace, size: float) -> Image:
    """Shrink a photo so that its face crop has a side of `size` pixels."""
    zoom = size / face.quality.size_px
    return np.asarray(cv2.resize(photo, None, fx=zoom, fy=zoom, interpolation=cv2.INTER_AREA))


def blurred(photo: Image, face: RecognizedFace, deviation: float) -> Image:
    """Blur a photo by a standard deviation in pixels of the model's input."""
    if not deviation:
        return photo
    pixels = deviation * face.quality.size_px / FER2013_INPUT.width
    return np.asarray(cv2.GaussianBlur(photo, (0, 0), pixels), np.uint8)


def turned(photo: Image, face: RecognizedFace, degrees: float) -> Image:
    """Rotate a photo about its centre."""
    height, width = photo.shape[:2]
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), -degrees, 1)
    edge = cv2.BORDER_REPLICATE
    return np.asarray(cv2.warpAffine(photo, matrix, (width, height), borderMode=edge), np.uint8)


def public_test_steps(
    classifier: ExpressionClassifier,
    data: fer2013.Fer2013,
    degrees: Sequence[float],
    degrade: Callable[[Image, float], Image],
    report: Callable[[], object],
) -> list[Step]:
    """Degrade the deduplicated PublicTest faces step by step and classify them.

    Args:
        classifier: Loaded model.
        data: FER2013.
        degrees: Degrees of degradation.
        degrade: Degrades a face, uint8 (48, 48).
        report: Called after each degree.
    """
    faces, truth = labelled_faces(data, classifier.bundle)
    before = classifier.probabilities(faces).argmax(axis=1)
    crop = FER2013_INPUT.crop
    points = Landmarks(crop.right_eye, crop.left_eye, crop.mouth, crop.mouth, crop.mouth)
    steps = []
    for degree in degrees:
        crops = np.stack([degrade(face, degree) for face in faces])
        predicted = classifier.probabilities(crops).argmax(axis=1)
        qualities = [face_quality(face, points) for face in crops]
        steps.append(
            Step(
                degree,
                found=1.0,
                same=float((predicted == before).mean()),
                correct=float((predicted == truth).mean()),
                sharpness=float(np.median([quality.sharpness for quality in qualities])),
                flagged=float(np.mean([_is_flagged(quality.reasons) for quality in qualities])),
            )
        )
        report()
    return steps


def _shrunk_crop(face: Image, size: float) -> Image:
    small = cv2.resize(face, (int(size), int(size)), interpolation=cv2.INTER_AREA)
    return to_input(np.asarray(small, np.uint8), FER2013_INPUT, "grey")


def _blurred_crop(face: Image, deviation: float) -> Image:
    if not deviation:
        return face
    return np.asarray(cv2.GaussianBlur(face, (0, 0), deviation), np.uint8)


@click.command(cls=FerCommand)
@click.argument("folder", type=click.Path(path_type=Path))
@DATA_OPTION
@click.option("--model", default=DEFAULT_MODEL, show_default=True, help="Shipped model or a file.")
@click.option("--out", type=click.Path(path_type=Path), default=Path("docs/results"),
              show_default=True, help="Folder for quality.md and quality.png.")  # fmt: skip
def main(folder: Path, data: Path, model: str, out: Path) -> None:
    """Write the effect of size, blur and rotation as tables and a plot."""
    require("bench", "drawing plots", "matplotlib")
    dataset = fer2013.load(data)
    photos = [(read_photo(path), label) for path, label in labelled_photos(folder)]
    with captured_native_log():
        recognizer = ExpressionRecognizer(model, prior="training")
    total = 2 * len(BLURS) + len(SIZES) + len(SIZES[2:]) + len(TURNS)
    with recognizer, progress_bar(total=total, unit=" steps") as bar:
        tables = {
            "size_px, London": london_steps(recognizer, photos, SIZES, shrunk, bar.update),
            "size_px, PublicTest": public_test_steps(
                recognizer.classifier, dataset, SIZES[2:], _shrunk_crop, bar.update
            ),
            "blur, London": london_steps(recognizer, photos, BLURS, blurred, bar.update),
            "blur, PublicTest": public_test_steps(
                recognizer.classifier, dataset, BLURS, _blurred_crop, bar.update
            ),
            "rotation in degrees, London": london_steps(
                recognizer, photos, TURNS, turned, bar.update
            ),
        }
    votes = recognizer.classifier.bundle.ferplus_votes
    labels = "labels: majority of FER+'s votes" if votes else "FER2013's seven labels"
    with write_beside(out / "quality.md") as temporary:
        temporary.write_text(_report(tables, model, len(photos), labels), encoding="utf-8")
    _draw(tables, out / "quality.png")
    click.echo(out / "quality.md")


def _report(tables: dict[str, list[Step]], model: str, photos: int, labels: str) -> str:
    lines = [
        "# Predictions on small, blurred and rotated faces",
        "",
        "Written by `python -m research.view_quality FOLDER` (source: "
        "`benchmarks/research/view_quality.py`).",
        "",
        f"Model {model} on {photos} photos of the Face Research Lab London Set (neutral and "
        "smiling; DeBruine and Jones 2017), degraded before face detection, and on the "
        f"deduplicated PublicTest faces of FER2013 ({labels}), degraded directly.",
        "",
        "- step: side of the face crop in pixels of the photo (size_px); standard deviation of a "
        "Gaussian blur in pixels of the 48x48 crop (blur); in-plane rotation.",
        "- detected: photos with a detected face. All other columns refer to these faces.",
        "- same: faces with the label of the original photo; correct: faces with the true label.",
        "- sharpness: median of `FaceQuality.sharpness`.",
        "- flagged: faces that `fer_sdk` reports as small or blurred. The limits "
        "(`fer_sdk.QualityLimits`) are the last steps at which a former model lost at most 5 "
        "points of accuracy on PublicTest.",
        "",
        "Out-of-plane rotation was not measured: neither data set has photos at known angles.",
    ]
    for name, steps in tables.items():
        head = "| step | detected | same | correct | sharpness | flagged |"
        lines += ["", f"## {name}", "", head, "|---|---|---|---|---|---|"]
        lines += [
            f"| {step.degree:g} | {step.found:.1%} | {step.same:.1%} | {step.correct:.1%} "
            f"| {step.sharpness:.2f} | {step.flagged:.1%} |"
            if step.found
            else f"| {step.degree:g} | none | | | | |"
            for step in steps
        ]
    return "\n".join([*lines, "", "![The tables as curves](quality.png)", ""])


def _draw(tables: dict[str, list[Step]], path: Path) -> None:
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(1, 3, figsize=(12, 3.8), sharey=True, layout="constrained")
    titles = ("size_px", "blur", "rotation in degrees")
    for axis, title in zip(axes, titles, strict=True):
        for name, steps in tables.items():
            if name.startswith(title):
                _draw_steps(axis, name.rpartition(" ")[2], steps)
        axis.set(xlabel=title, ylim=(0, 1.02))
        axis.legend(frameon=False, fontsize=8)
    axes[0].set_xscale("log", base=2)
    axes[0].set_xticks(SIZES, [str(size) if size != 28 else "" for size in SIZES])
    axes[0].minorticks_off()
    axes[0].set_ylabel("share of faces")
    with write_beside(path) as temporary:
        figure.savefig(temporary, dpi=120)
    plt.close(figure)


def _draw_steps(axis: Any, name: str, steps: list[Step]) -> None:
    color = "C0" if name == "London" else "C1"
    found = [step for step in steps if step.found]
    across = [step.degree for step in found]
    axis.plot(across, [s.same for s in found], "o-", color=color, label=f"{name}: same label")
    axis.plot(across, [s.correct for s in found], "s--", color=color, label=f"{name}: correct")
    if name == "London":
        shares = [step.found for step in steps]
        axis.plot([s.degree for s in steps], shares, ":", color="C2", label=f"{name}: detected")


if __name__ == "__main__":
    main()
