"""Smiles under each class prior; attempts to recognize slight ones, and their cost on FER2013.

    python -m research.smiles FOLDER [MODEL...] --out docs/results

FOLDER is the London set, see `research.london`. No setting of a shipped model was chosen on its
photos. The attempts are made with MODELs of FER2013's labels, by default all shipped int8 ones.
"""

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Final

import click
import numpy as np
from numpy.typing import NDArray

from fer_sdk._internal.extras import require
from fer_sdk._internal.files import write_beside
from fer_sdk._internal.native_log import captured_native_log
from fer_sdk.bundles.bundle import ModelBundle
from fer_sdk.bundles.registry import shipped_int8
from fer_sdk.classifier import ExpressionClassifier
from fer_sdk.cli.console import DATA_OPTION, FerCommand, progress_bar
from fer_sdk.detectors.yunet import YuNet
from fer_sdk.errors import InputError
from fer_sdk.evaluation import fer2013
from fer_sdk.inputs.images import read_photo
from fer_sdk.labels import FER2013_LABELS
from fer_sdk.preprocess import FER2013_INPUT, Affine, crop_transform, sample
from research.crops import cut, recut
from research.london import genders_of, labelled_photos
from research.london_smiles import SmileResult, measure_smiles, section

Faces = NDArray[np.uint8]
"""uint8 (n, 48, 48), range [0, 255]."""
Row = tuple[str, NDArray[np.bool_], NDArray[np.bool_]]
"""Name of an attempt; correctness on each photo; correctness on each PublicTest face."""
TIGHTER: Final = (-8, -4, 4, 8)
"""Pixels of 48 by which the crop is smaller than the original; negative: larger."""
OFFSETS: Final = (0.5, 1.0, 1.5, 2.0, 2.5)
"""Offsets added to the calibrated logit of happy."""
HAPPY: Final = FER2013_LABELS.index("happy")


def composed(outer: Affine, inner: Affine) -> Affine:
    """Return the composition of two transforms: `inner` is applied first, then `outer`."""
    a, b = (np.array([[t.xx, t.xy, t.x0], [t.yx, t.yy, t.y0], [0, 0, 1]]) for t in (outer, inner))
    (xx, xy, x0), (yx, yy, y0), _ = (a @ b).tolist()
    return Affine(xx, xy, x0, yx, yy, y0)


def faces_of_photos(
    folder: Path, report: Callable[[], object]
) -> tuple[dict[int, Faces], NDArray[np.intp]]:
    """Crop the face of every photo, with the SDK's crop (0) and those of `TIGHTER`.

    Args:
        folder: Folder of the London set.
        report: Called after each photo.

    Returns:
        Faces by pixels tighter, and the numbers of their labels, int (n,).

    Raises:
        InputError: If there are no photos, or a photo has not exactly one detected face.
    """
    photos = labelled_photos(folder)
    cuts: dict[int, list[Faces]] = {pixels: [] for pixels in (0, *TIGHTER)}
    with closing(YuNet()) as detector:
        for path, _ in photos:
            photo = read_photo(path)
            found = detector.detect(photo)
            if len(found) != 1:
                raise InputError(f"{path} must show one face, but {len(found)} were found")
            points = found[0].landmarks
            place = crop_transform(
                FER2013_INPUT.crop, points.right_eye, points.left_eye, points.mouth
            )
            for pixels, faces in cuts.items():
                there = composed(place, cut(tighter=pixels))
                faces.append(sample(photo, there, FER2013_INPUT, "bgr"))
            report()
    truth = [FER2013_LABELS.index(label) for _, label in photos]
    return {pixels: np.stack(faces) for pixels, faces in cuts.items()}, np.array(truth)


def like_fer2013(faces: Faces, training: Faces) -> Faces:
    """Normalize mean and standard deviation of every face to the medians of Training."""
    levels = training.reshape(len(training), -1).astype(np.float32)
    mean, deviation = np.median(levels.mean(axis=1)), np.median(levels.std(axis=1))
    own = faces.astype(np.float32)
    scaled = (own - own.mean(axis=(1, 2), keepdims=True)) / (own.std(axis=(1, 2), keepdims=True))
    return np.asarray(np.clip(scaled * deviation + mean, 0, 255), np.uint8)


def attempts(
    classifier: ExpressionClassifier, cuts: dict[int, Faces], training: Faces
) -> Iterator[tuple[str, NDArray[np.float64]]]:
    """Yield name and class scores, float64 (n, classes), of each attempt.

    Args:
        classifier: Loaded model.
        cuts: Faces by pixels tighter.
        training: FER2013's Training faces.
    """
    faces = cuts[0]
    plain = classifier.probabilities(faces)
    yield "as shipped", plain
    yield (
        "with mirror image",
        plain + classifier.probabilities(np.ascontiguousarray(faces[:, :, ::-1])),
    )
    yield "contrast of FER2013", classifier.probabilities(like_fer2013(faces, training))
    for pixels in TIGHTER:
        way = "tighter" if pixels > 0 else "looser"
        yield f"{abs(pixels)} px {way}", classifier.probabilities(cuts[pixels])
    for offset in OFFSETS:
        raised = plain.copy()
        raised[:, HAPPY] *= np.exp(offset)
        yield f"happy + {offset:g}", raised


@click.command(cls=FerCommand)
@click.argument("folder", type=click.Path(path_type=Path))
@click.argument("models", nargs=-1)
@DATA_OPTION
@click.option("--out", type=click.Path(path_type=Path), default=Path("docs/results"),
              show_default=True, help="Folder for smiles.md and smiles.png.")  # fmt: skip
def main(folder: Path, models: tuple[str, ...], data: Path, out: Path) -> None:
    """Write the results of all shipped int8 models, and of attempts with MODELS.

    MODELS must have FER2013's labels; by default all shipped int8 models with these.
    """
    require("bench", "drawing plots", "matplotlib")
    dataset = fer2013.load(data)
    rows = dataset.rows(fer2013.PUBLIC_TEST, deduplicated=True)
    training = dataset.pixels[dataset.rows(fer2013.TRAINING, deduplicated=True)]
    with progress_bar(unit=" photos") as bar:
        photos, kinds = faces_of_photos(folder, bar.update)
    genders = np.array(genders_of(folder, [path for path, _ in labelled_photos(folder)]))
    smiles: list[SmileResult] = []
    for path in progress_bar(iterable=shipped_int8(), unit=" models"):
        smiles += measure_smiles(path, photos[0], kinds == HAPPY, genders)
    public = {pixels: recut(dataset.pixels[rows], cut(tighter=pixels)) for pixels in photos}
    found: dict[str, list[Row]] = {}
    for model in models or [
        path for path in shipped_int8() if ModelBundle.load(path).labels == FER2013_LABELS
    ]:
        with captured_native_log():
            classifier = ExpressionClassifier.load(model, prior="training")
        with classifier:
            if classifier.bundle.labels != FER2013_LABELS:
                raise InputError(
                    f"{model} has the labels {classifier.bundle.labels}, not FER2013's"
                )
            found[Path(model).stem] = [
                (name, there.argmax(axis=1) == kinds, here.argmax(axis=1) == dataset.emotion[rows])
                for (name, there), (_, here) in zip(
                    attempts(classifier, photos, training),
                    attempts(classifier, public, training),
                    strict=True,
                )
            ]
    command = " ".join(["python -m research.smiles FOLDER", *models])
    with write_beside(out / "smiles.md") as temporary:
        temporary.write_text(_page(found, smiles, command, kinds, len(rows)), encoding="utf-8")
    _draw(found, out / "smiles.png")
    click.echo(out / "smiles.md")


def _page(
    found: dict[str, list[Row]],
    smiles: list[SmileResult],
    command: str,
    kinds: NDArray[np.intp],
    faces: int,
) -> str:
    smiling = int((kinds == HAPPY).sum())
    lines = [
        "# Recognition of slight smiles",
        "",
        f"Written by `{command}` (source: `benchmarks/research/smiles.py`).",
        "",
        f"{len(kinds)} photos of the Face Research Lab London Set (DeBruine and Jones 2017), "
        f"{smiling} of them smiling, detected and cropped by the SDK.",
        "",
        *section(smiles),
        "",
        "## Attempts",
        "",
        f"Accuracy on the photos and on {faces:,} deduplicated PublicTest faces under the prior "
        "`training`. Each attempt is applied to both sets; `happy + x` adds x to the calibrated "
        "logit of happy.",
        "",
        "![Accuracy on the photos against accuracy on PublicTest](smiles.png)",
        "",
        "| model | attempt | photos % | neutral correct | smiling correct | PublicTest clean % |",
        "|---|---|---|---|---|---|",
    ]
    for model, rows in found.items():
        lines += [
            f"| {model} | {name} | {100 * there.mean():.1f} | {there[kinds != HAPPY].sum()} "
            f"| {there[kinds == HAPPY].sum()} | {100 * here.mean():.2f} |"
            for name, there, here in rows
        ]
    return "\n".join([*lines, ""])


def _draw(found: dict[str, list[Row]], path: Path) -> None:
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    figure, axis = plt.subplots(figsize=(7, 4.5), layout="constrained")
    for number, (model, rows) in enumerate(found.items()):
        places = [(100 * here.mean(), 100 * there.mean()) for _, there, here in rows]
        raised = [places[0], *places[-len(OFFSETS) :]]
        axis.plot(*zip(*raised, strict=True), "o-", color=f"C{number}", label=model)
        others = places[1 : -len(OFFSETS)]
        axis.plot(*zip(*others, strict=True), "x", color=f"C{number}")
    axis.set(
        xlabel="accuracy on PublicTest, deduplicated, %", ylabel="accuracy on the London photos, %"
    )
    axis.set_title(
        "lines: offset of the logit of happy from 0 (bottom right) to 2.5; crosses: other attempts",
        fontsize=9,
    )
    axis.legend(frameon=False)
    with write_beside(path) as temporary:
        figure.savefig(temporary, dpi=120)
    plt.close(figure)


if __name__ == "__main__":
    main()
