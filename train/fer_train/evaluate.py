"""Scoring any bundle, trained or converted, on a split of FER2013."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fer_sdk.bundle import ModelBundle
from fer_sdk.classifier import ExpressionClassifier
from fer_sdk.errors import BundleError
from fer_sdk.evaluation import Predict, SplitScores, evaluate_ferplus, evaluate_split
from fer_sdk.extras import require
from fer_sdk.fer2013 import Fer2013
from fer_sdk.metrics import Scores
from fer_sdk.softmax import softmax


def evaluate(
    model: Path, data: Fer2013, usages: Sequence[int], *, ferplus: bool = False
) -> SplitScores:
    """Score a bundle on all and on the clean faces of a split.

    Args:
        model: .keras, .tflite or .onnx file with its sidecar.
        data: FER2013.
        usages: As `fer_sdk.evaluation.evaluate_split` takes them.
        ferplus: Score against the majority of FER+'s votes instead of FER2013's labels.

    Raises:
        FerError: If the bundle is damaged, its runtime is missing or its labels are not FER2013's.
    """
    protocol = evaluate_ferplus if ferplus else evaluate_split
    with opened(model) as (bundle, predict):
        return protocol(data, usages, predict, bundle.labels)


def describe(result: SplitScores) -> str:
    """Return the scores as text: all beside clean, then class by class."""
    everything, clean = result.all, result.clean
    lines = [result.split, f"{'':<22}{'all':>10}{'clean':>10}"]
    for name, pick in _ROWS:
        lines.append(f"{name:<22}{pick(everything):>10}{pick(clean):>10}")
    lines += [
        f"{'on exact copies':<22}{100 * result.copies_accuracy:>9.2f}%",
        "",
        f"{'clean, by class':<22}{'precision':>10}{'recall':>10}{'F1':>10}{'support':>10}",
    ]
    lines += [
        f"{c.label:<22}{c.precision:>10.3f}{c.recall:>10.3f}{c.f1:>10.3f}{c.support:>10}"
        for c in clean.classes
    ]
    return "\n".join(lines)


_ROWS: tuple[tuple[str, Callable[[Scores], str]], ...] = (
    ("faces", lambda s: str(s.n)),
    ("accuracy (top-1)", lambda s: f"{100 * s.accuracy:.2f}%"),
    ("balanced accuracy", lambda s: f"{100 * s.balanced_accuracy:.2f}%"),
    ("macro F1", lambda s: f"{s.macro_f1:.4f}"),
    ("top-2", lambda s: f"{100 * s.top2:.2f}%"),
    ("top-3", lambda s: f"{100 * s.top3:.2f}%"),
    ("calibration error", lambda s: f"{s.calibration_error:.4f}"),
)


@contextmanager
def opened(model: Path) -> Iterator[tuple[ModelBundle, Predict]]:
    """Open a bundle in Keras, or a converted one in its file's own runtime.

    Args:
        model: .keras, .tflite or .onnx file with its sidecar.

    Yields:
        The bundle, and a function from faces to probabilities.

    Raises:
        FerError: If the bundle is damaged or its runtime is missing.
    """
    bundle = ModelBundle.load(model)
    if model.suffix != ".keras":
        with ExpressionClassifier.load(model) as classifier:
            yield bundle, classifier.probabilities
        return

    require("train", "opening .keras models", "keras")
    import keras

    from fer_train.fit import predict

    try:
        network = keras.saving.load_model(model, compile=False)
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise BundleError(f"Keras refuses {model}: {error}") from error

    def probabilities(faces: NDArray[np.uint8]) -> NDArray[np.float64]:
        return softmax(predict(network, faces), bundle.temperature)

    yield bundle, probabilities
