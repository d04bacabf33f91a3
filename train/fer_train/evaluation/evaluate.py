"""Evaluation of trained or converted models on FER2013."""

from collections.abc import Callable, Sequence
from pathlib import Path

from fer_sdk.evaluation.fer2013 import Fer2013
from fer_sdk.evaluation.metrics import Scores
from fer_sdk.evaluation.splits import SplitScores, evaluate_ferplus, evaluate_split
from fer_train.evaluation.inference import open_model


def evaluate(
    model: Path, data: Fer2013, usages: Sequence[int], *, ferplus: bool = False
) -> SplitScores:
    """Score a model on all and on the deduplicated faces of a split.

    Args:
        model: .keras, .tflite or .onnx file with its sidecar.
        data: FER2013.
        usages: Splits, as in `fer_sdk.evaluation.splits.evaluate_split`.
        ferplus: Use the majority of the FER+ votes as truth instead of FER2013's labels.

    Raises:
        FerError: If the bundle is damaged, its runtime is missing or its labels are not FER2013's.
    """
    protocol = evaluate_ferplus if ferplus else evaluate_split
    with open_model(model) as (bundle, predict):
        return protocol(data, usages, predict, bundle.labels)


def describe(result: SplitScores) -> str:
    """Return the scores as a text table: all and deduplicated ("clean") faces, then by class."""
    everything, deduplicated = result.all, result.deduplicated
    lines = [result.split, f"{'':<22}{'all':>10}{'clean':>10}"]
    for name, pick in _ROWS:
        lines.append(f"{name:<22}{pick(everything):>10}{pick(deduplicated):>10}")
    lines += [
        f"{'on exact copies':<22}{100 * result.copies_accuracy:>9.2f}%",
        "",
        f"{'deduplicated, by class':<22}{'precision':>10}{'recall':>10}{'F1':>10}{'support':>10}",
    ]
    lines += [
        f"{c.label:<22}{c.precision:>10.3f}{c.recall:>10.3f}{c.f1:>10.3f}{c.support:>10}"
        for c in deduplicated.classes
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
