"""Accuracy on crops that differ from those of FER2013: tighter, looser, shifted or rotated.

    python -m research.crops MODEL... --out docs/results

The deduplicated 48x48 PublicTest faces are resampled by the SDK; pixels outside a face repeat its
edge. Labels are those that each model was trained on, see `research.public_test`.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import click
import numpy as np
from numpy.typing import NDArray

from fer_sdk._internal.extras import require
from fer_sdk._internal.files import write_beside
from fer_sdk._internal.native_log import captured_native_log
from fer_sdk.bundles.registry import DEFAULT_MODEL
from fer_sdk.classifier import ExpressionClassifier
from fer_sdk.cli.console import DATA_OPTION, FerCommand, progress_bar
from fer_sdk.evaluation import fer2013
from fer_sdk.preprocess import FER2013_INPUT, Affine, sample
from research.public_test import labelled_faces

TIGHTER: Final = (-12, -8, -6, -4, -2, 0, 2, 4, 6, 8, 12)
"""Pixels of 48 by which the crop is smaller than the original; negative: larger."""
SHIFTS: Final = (0, 1, 2, 3, 4, 6)
"""Pixels; averaged over left, right, up and down."""
TURNS: Final = (0, 5, 10, 15, 20)
"""Degrees; averaged over both directions."""
LIMITS: Final = {"tighter": 8, "shift": 4, "turn": 10}
"""Crops at which a shipped model should lose at most 5 points."""


def cut(tighter: float = 0, right: float = 0, down: float = 0, degrees: float = 0) -> Affine:
    """Return the transform of a crop: smaller by `tighter` pixels of 48, shifted and rotated."""
    centre = (FER2013_INPUT.width - 1) / 2
    scale = 1 - tighter / FER2013_INPUT.width
    turn = scale * np.exp(1j * np.radians(degrees))
    xx, yx = float(turn.real), float(turn.imag)
    return Affine(
        xx, -yx, centre + right - (xx - yx) * centre, yx, xx, centre + down - (yx + xx) * centre
    )


CUTS: Final[dict[str, dict[int, list[Affine]]]] = {
    "tighter": {px: [cut(tighter=px)] for px in TIGHTER},
    "shift": {
        px: [cut(right=px), cut(right=-px), cut(down=px), cut(down=-px)][: 4 if px else 1]
        for px in SHIFTS
    },
    "turn": {
        angle: [cut(degrees=angle), cut(degrees=-angle)][: 2 if angle else 1] for angle in TURNS
    },
}
"""All crops, by kind and degree."""

Curves = dict[str, dict[int, float]]
"""Accuracy, 0 to 1, by kind and degree of the crop."""


def measure(
    classifier: ExpressionClassifier,
    faces: NDArray[np.uint8],
    truth: NDArray[np.integer[Any]],
    report: Callable[[], object] = lambda: None,
) -> Curves:
    """Return the accuracy for every crop of `CUTS`.

    Args:
        classifier: Loaded model.
        faces: uint8 (n, 48, 48), range [0, 255].
        truth: Indices into the model's labels, int (n,).
        report: Called after each degree.
    """
    curves: Curves = {}
    for kind, degrees in CUTS.items():
        curves[kind] = {}
        for degree, cuts in degrees.items():
            accuracies = [
                (classifier.probabilities(recut(faces, place)).argmax(axis=1) == truth).mean()
                for place in cuts
            ]
            curves[kind][degree] = float(np.mean(accuracies))
            report()
    return curves


def recut(faces: NDArray[np.uint8], place: Affine) -> NDArray[np.uint8]:
    """Resample grey faces, uint8 (n, 48, 48), range [0, 255]; returns the same shape."""
    return np.stack([sample(face, place, FER2013_INPUT, "grey") for face in faces])


def loss(curves: Curves, kind: str) -> float:
    """Return the largest loss of accuracy at the crops of `LIMITS`, in percentage points."""
    limit = LIMITS[kind]
    original = curves[kind][0]
    return 100 * max(original - curves[kind][degree] for degree in (limit, -limit)
                     if degree in curves[kind])  # fmt: skip


@click.command(cls=FerCommand)
@click.argument("models", nargs=-1)
@DATA_OPTION
@click.option("--out", type=click.Path(path_type=Path), default=Path("docs/results"),
              show_default=True, help="Folder for crops.md and crops.png.")  # fmt: skip
def main(models: tuple[str, ...], data: Path, out: Path) -> None:
    """Write the accuracy of MODELS (shipped or files) by crop as a table and a plot."""
    require("bench", "drawing plots", "matplotlib")
    models = models or (DEFAULT_MODEL,)
    dataset = fer2013.load(data)
    total = len(models) * sum(map(len, CUTS.values()))
    found: dict[str, Curves] = {}
    count: dict[str, int] = {}
    with progress_bar(total=total, unit=" crops") as bar:
        for model in models:
            with captured_native_log():
                classifier = ExpressionClassifier.load(model, prior="training")
            with classifier:
                faces, truth = labelled_faces(dataset, classifier.bundle)
                count[Path(model).stem] = len(faces)
                found[Path(model).stem] = measure(classifier, faces, truth, bar.update)
    command = f"python -m research.crops {' '.join(Path(model).stem for model in models)}"
    with write_beside(out / "crops.md") as temporary:
        temporary.write_text(_page(found, command, count), encoding="utf-8")
    _draw(found, out / "crops.png")
    click.echo(out / "crops.md")


def _page(found: dict[str, Curves], command: str, count: dict[str, int]) -> str:
    lines = [
        "# Sensitivity to the crop",
        "",
        f"Written by `{command}` (source: `benchmarks/research/crops.py`).",
        "",
        "Accuracy in percent on deduplicated PublicTest faces after resampling them with another "
        "crop; pixels outside a face repeat its edge. The labels are those that the model was "
        "trained on: the majority of FER+'s votes, or FER2013's. Shifts are averaged over left, "
        "right, up and down, rotations over both directions. The first table shows the largest "
        "loss within the shaded range.",
        "",
        "![Accuracy by crop](crops.png)",
        "",
        "| model | faces | " + " | ".join(_LIMIT_WORDS.values()) + " |",
        "|---|---|" + "---|" * len(LIMITS),
    ]
    lines += [
        f"| {name} | {count[name]:,} | "
        + " | ".join(f"{-loss(curves, kind):+.1f} points" for kind in LIMITS)
        + " |"
        for name, curves in found.items()
    ]
    for kind, degrees in CUTS.items():
        lines += [
            "",
            f"## {_AXES[kind]}",
            "",
            f"| model | {' | '.join(f'{degree:g}' for degree in degrees)} |",
            "|---|" + "---|" * len(degrees),
        ]
        lines += [
            f"| {name} | " + " | ".join(f"{100 * c:.1f}" for c in curves[kind].values()) + " |"
            for name, curves in found.items()
        ]
    return "\n".join([*lines, ""])


_AXES: Final = {
    "tighter": "tighter by pixels of 48 (negative: looser)",
    "shift": "shifted by pixels of 48",
    "turn": "rotated by degrees",
}
_LIMIT_WORDS: Final = {
    "tighter": "8 px tighter or looser",
    "shift": "4 px shifted",
    "turn": "10 degrees rotated",
}


def _draw(found: dict[str, Curves], path: Path) -> None:
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(1, 3, figsize=(12, 3.8), sharey=True, layout="constrained")
    for axis, (kind, words) in zip(axes, _AXES.items(), strict=True):
        for name, curves in found.items():
            axis.plot(
                list(curves[kind]), [100 * c for c in curves[kind].values()], "o-", label=name
            )
        low = -LIMITS[kind] if kind == "tighter" else 0
        axis.axvspan(low, LIMITS[kind], color="#9ca3af", alpha=0.15, lw=0)
        axis.set_xlabel(words)
    axes[0].set_ylabel("accuracy, %\nPublicTest, deduplicated")
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=4,
                  frameon=False)  # fmt: skip
    with write_beside(path) as temporary:
        figure.savefig(temporary, dpi=120)
    plt.close(figure)


if __name__ == "__main__":
    main()
