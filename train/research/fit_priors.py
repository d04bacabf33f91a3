"""Fit the class priors of shipped models on labelled photos and write them into the sidecars.

    python -m research.fit_priors PACK.npz --out docs/results

PACK.npz is a face pack (`fer_sdk.evaluation.face_pack`) with the columns `label` and `split`.
Everything is fitted on the split `fit`; the page shows the split `report`. For each network the
constants are fitted on its float32 file and written into the sidecars of all its files.

`balanced`: a scale and one offset for each label, by cross-entropy with every label of `SCORED`
weighted alike. `everyday`: the balanced logits plus the logarithm of each label's share, the square
root of its frequency in `fit`, normalized; the temperature is fitted anew by cross-entropy.
"""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import click
import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from fer_sdk._internal.files import write_beside
from fer_sdk._internal.softmax import softmax
from fer_sdk.bundles.bundle import ModelBundle
from fer_sdk.bundles.prior import BALANCED, Prior, for_shares
from fer_sdk.bundles.registry import DEFAULT_TRAINED, find_model
from fer_sdk.cli.console import FerCommand, progress_bar
from fer_sdk.errors import InputError
from fer_sdk.evaluation import face_pack
from fer_sdk.evaluation.metrics import calibration_error
from fer_sdk.runtimes import open_session

NETWORKS: Final = ("nano", "small", "base", "base-ferplus")
EVERYDAY: Final = "everyday"
SCORED: Final = ("neutral", "happy", "surprise", "angry", "sad")
"""Labels with enough faces in the pack; disgust, fear and contempt have too few to fit or score."""
NEGATIVE: Final = ("sad", "angry", "fear", "disgust")
FEWEST: Final = 3
"""A label with fewer faces in `fit` counts as having so many: no share is 0."""
_PENALTY: Final = 1e-2
_PACK_LABELS: Final = {"happiness": "happy", "anger": "angry", "sadness": "sad"}


@dataclass(frozen=True, slots=True)
class Faces:
    """The pack's faces with their labels in the SDK's words, by split."""

    pixels: NDArray[np.uint8]
    labels: NDArray[np.str_]
    split: NDArray[np.str_]

    def rows(self, split: str) -> NDArray[np.intp]:
        """Return the rows of a split whose label is scored."""
        return np.flatnonzero((self.split == split) & np.isin(self.labels, SCORED))


@dataclass(frozen=True, slots=True)
class Row:
    """Scores of one model under one prior on the split `report`, in percent but for the error.

    `recalls` has one value for each label of `SCORED`, in that order.
    """

    model: str
    prior: str
    accuracy: float
    balanced: float
    recalls: tuple[float, ...]
    neutral_called_negative: float
    calibration_error: float
    sure: float
    right_when_sure: float


def read(path: Path) -> Faces:
    """Read the pack.

    Raises:
        InputError: If the pack is damaged or lacks a column.
    """
    pack = face_pack.load(path)
    labels = np.array([_PACK_LABELS.get(str(name), str(name)) for name in pack.column("label")])
    return Faces(pack.pixels, labels, pack.column("split"))


def fit(logits: NDArray[np.float64], faces: Faces, labels: tuple[str, ...]) -> dict[str, Prior]:
    """Fit the priors of one network.

    Args:
        logits: Of all faces, float64 (n, len(labels)).
        faces: What they are of.
        labels: The network's.

    Returns:
        `balanced` and `everyday`.
    """
    rows = faces.rows("fit")
    truth = np.array([labels.index(name) for name in faces.labels[rows]])
    counts = np.bincount(truth, minlength=len(labels))
    scale, shifts = _fit_scale_and_offsets(logits[rows], truth, 1 / counts[truth])
    balanced = Prior(tuple(shifts / scale), 1 / scale)
    frequency = np.array([(faces.labels[faces.split == "fit"] == name).sum() for name in labels])
    shares = np.sqrt(np.maximum(frequency, FEWEST))
    everyday = for_shares(balanced, labels, dict(zip(labels, shares.tolist(), strict=True)))
    moved = logits[rows] + np.array(everyday.offsets)
    candidates = np.geomspace(0.2, 5, 400)
    losses = [
        -np.log(np.maximum(softmax(moved, float(t))[np.arange(len(rows)), truth], 1e-12)).mean()
        for t in candidates
    ]
    everyday = replace(everyday, temperature=float(candidates[int(np.argmin(losses))]))
    return {EVERYDAY: _rounded(everyday), BALANCED: _rounded(balanced)}


def _fit_scale_and_offsets(
    logits: NDArray[np.float64], truth: NDArray[np.intp], weights: NDArray[np.float64]
) -> tuple[float, NDArray[np.float64]]:
    weights = weights / weights.sum()
    certain = np.eye(logits.shape[1])[truth]

    def loss(point: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        scaled = point[0] * logits + point[1:]
        scaled -= scaled.max(axis=1, keepdims=True)
        log_p = scaled - np.log(np.exp(scaled).sum(axis=1, keepdims=True))
        wrong = (np.exp(log_p) - certain) * weights[:, None]
        value = -(weights * (certain * log_p).sum(axis=1)).sum() + _PENALTY * (point[1:] ** 2).sum()
        slope = [[(wrong * logits).sum()], wrong.sum(axis=0) + 2 * _PENALTY * point[1:]]
        return float(value), np.concatenate(slope)

    start = np.concatenate([[1.0], np.zeros(logits.shape[1])])
    found = minimize(loss, start, jac=True, method="L-BFGS-B").x
    return float(found[0]), np.asarray(found[1:] - found[1:].mean(), np.float64)


def _rounded(prior: Prior) -> Prior:
    return Prior(tuple(round(x, 3) for x in prior.offsets), round(prior.temperature, 3))


def score(
    model: str, name: str, prior: Prior, logits: NDArray[np.float64], faces: Faces,
    labels: tuple[str, ...],
) -> Row:  # fmt: skip
    """Score a model under a prior on the split `report`."""
    rows = faces.rows("report")
    probabilities = softmax(logits[rows] + np.array(prior.offsets), prior.temperature)
    best = probabilities.argmax(axis=1)
    predicted, truth = np.array(labels)[best], faces.labels[rows]
    right, sure = predicted == truth, probabilities.max(axis=1) >= 0.9
    numbers = np.array([labels.index(label) for label in truth])
    recalls = tuple(100 * float(right[truth == label].mean()) for label in SCORED)
    return Row(
        model=model,
        prior=name,
        accuracy=100 * float(right.mean()),
        balanced=float(np.mean(recalls)),
        recalls=recalls,
        neutral_called_negative=100
        * float(np.isin(predicted[truth == "neutral"], NEGATIVE).mean()),
        calibration_error=calibration_error(numbers, probabilities),
        sure=100 * float(sure.mean()),
        right_when_sure=100 * float(right[sure].mean()) if sure.any() else float("nan"),
    )


def logits_of(model: Path, pixels: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Return a model's logits, float64 (n, classes)."""
    session = open_session(model, runtime=None, delegate="cpu", threads=1)
    try:
        return np.asarray(session.run(pixels), np.float64)
    finally:
        session.close()


@click.command(cls=FerCommand)
@click.argument("pack", type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path), default=Path("docs/results"),
              show_default=True, help="Folder for prior.md.")  # fmt: skip
def main(pack: Path, out: Path) -> None:
    """Fit priors on the split `fit` of PACK, write them into the sidecars, report on `report`."""
    faces = read(pack)
    counts = [len(faces.rows(split)) for split in ("fit", "report")]
    if not all(counts):
        raise InputError(f"{pack} has {counts} scored faces in the splits fit and report")
    found: list[Row] = []
    with progress_bar(total=2 * len(NETWORKS), unit=" files") as bar:
        for network in NETWORKS:
            float_file = find_model(f"{network}-float32")
            labels = ModelBundle.load(float_file).labels
            priors = fit(logits_of(float_file, faces.pixels), faces, labels)
            bar.update()
            files = [float_file, find_model(f"{network}-int8")]
            if DEFAULT_TRAINED.stem == network:
                files.append(DEFAULT_TRAINED)
            for file in files:
                bundle = ModelBundle.load(file)
                source = {**bundle.source, "priors": f"{pack.name}, split fit, n = {counts[0]}"}
                replace(
                    bundle, priors=priors, default_prior=EVERYDAY, source=source
                ).write_sidecar()
            int8 = files[1]
            logits = logits_of(int8, faces.pixels)
            bar.update()
            trained = ModelBundle.load(int8).prior("training")
            for name, prior in {"training": trained, **priors}.items():
                found.append(score(int8.stem, name, prior, logits, faces, labels))
    command = f"python -m research.fit_priors {pack.name}"
    with write_beside(out / "prior.md") as path:
        path.write_text(page(found, counts[1], command))
    click.echo(str(out / "prior.md"))


def page(rows: list[Row], faces: int, command: str) -> str:
    """Return the page as Markdown."""
    lines = [
        "# Class priors",
        "",
        "A model that was trained on FER2013 expects as many sad, angry and fearful faces as",
        "FER2013 has. On press photos, most of which show neutral and happy faces, it therefore",
        "calls most neutral faces negative. The [prior](../guides/prior.md) corrects for that.",
        "",
        f"{faces:,} faces of press photos (repository muxspace/facial_expressions, labelled by",
        "students), split `report`; the offsets were fitted on the other half, split `fit`. Five",
        f"labels have enough faces: {', '.join(SCORED)}. All of the model's labels are",
        "allowed as predictions.",
        "",
        f"| model | prior | right, % | balanced, % | {' | '.join(SCORED)} "
        "| neutral called negative, % | calibration error | confidence >= .9, % of faces "
        "| right among those, % |",
        "|---|---|---|---|" + len(SCORED) * "---|" + "---|---|---|---|",
    ]
    lines += [
        f"| `{r.model}` | `{r.prior}` | {r.accuracy:.1f} | {r.balanced:.1f} "
        f"| {' | '.join(f'{recall:.0f}' for recall in r.recalls)} "
        f"| {r.neutral_called_negative:.1f} | {r.calibration_error:.3f} | {r.sure:.0f} "
        f"| {r.right_when_sure:.1f} |"
        for r in rows
    ]
    lines += [
        "",
        "- right: share of all faces as they come; balanced: mean of the five recalls that follow.",
        "- neutral called negative: neutral faces called sad, angry, fearful or disgusted.",
        "- `training`: the class frequencies of the training data, as the network was published.",
        "",
        f"Made by `{command}` (train/research/fit_priors.py).",
        "",
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
