"""Smiles of the London set under each class prior of each model, by gender."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from fer_bench.measure.inputs import model_inputs
from fer_bench.results.statistics import wilson_interval
from fer_sdk._internal.native_log import captured_native_log
from fer_sdk.bundles.bundle import ModelBundle
from fer_sdk.classifier import ExpressionClassifier
from fer_sdk.evaluation.pack_scores import NEGATIVE

ALL: Final = "all"
"""Name of the group of all people."""


@dataclass(frozen=True, slots=True)
class SmileCounts:
    """Predictions for the photos of one group of people.

    Attributes:
        smiling: Number of smiling photos.
        smiling_happy: Number of those that are called happy.
        neutral: Number of neutral photos.
        neutral_happy: Number of those that are called happy.
        neutral_negative: Number of those that are called sad, angry, fear or disgust.
    """

    smiling: int
    smiling_happy: int
    neutral: int
    neutral_happy: int
    neutral_negative: int


@dataclass(frozen=True, slots=True)
class SmileResult:
    """Predictions of one model under one prior.

    Attributes:
        model: Name of the model.
        prior: Name of the prior.
        default: Whether it is the model's default.
        groups: Counts by group, `ALL` first, then the genders.
        auc: Share of the pairs of a smiling and a neutral photo, of any two people, in which the
            smiling one has the higher probability of happy (area under the ROC curve), 0 to 1.
    """

    model: str
    prior: str
    default: bool
    groups: dict[str, SmileCounts]
    auc: float


def measure_smiles(
    model: Path,
    faces: NDArray[np.uint8],
    smiling: NDArray[np.bool_],
    genders: NDArray[np.str_],
) -> list[SmileResult]:
    """Classify the photos under each different prior of a model.

    Args:
        model: Model file.
        faces: uint8 (n, height, width), grey levels 0 to 255.
        smiling: Whether each face smiles, bool (n,); the others are neutral.
        genders: Gender of each face, (n,).
    """
    bundle = ModelBundle.load(model)
    inputs, happy = model_inputs(bundle, faces), bundle.labels.index("happy")
    results = []
    for prior in bundle.different_priors:
        with captured_native_log():
            classifier = ExpressionClassifier.load(model, prior=prior)
        with classifier:
            probabilities = classifier.probabilities(inputs)
        predicted = np.array(bundle.labels)[probabilities.argmax(axis=1)]
        groups = {ALL: np.ones(len(faces), bool)}
        groups |= {name: genders == name for name in sorted(set(genders.tolist()))}
        default = bundle.prior(prior) == bundle.prior()
        results.append(
            SmileResult(
                model.stem,
                prior,
                default,
                {name: _count(predicted[own], smiling[own]) for name, own in groups.items()},
                auc(probabilities[smiling, happy], probabilities[~smiling, happy]),
            )
        )
    return results


def auc(positive: NDArray[np.float64], negative: NDArray[np.float64]) -> float:
    """Return the area under the ROC curve: the share of ordered pairs; equal values count half."""
    difference = positive[:, None] - negative
    return float(((difference > 0) + 0.5 * (difference == 0)).mean())


def section(results: Sequence[SmileResult]) -> list[str]:
    """Return the lines of the page about the priors."""
    names = list(results[0].groups)
    everyone = results[0].groups[ALL]
    smallest = min(counts.smiling for counts in results[0].groups.values())
    low, high = wilson_interval(smallest // 2, smallest)
    people = ", ".join(f"{results[0].groups[name].smiling} {name}" for name in names[1:])
    header = " / ".join(names)
    lines = [
        "## Shipped models under each class prior",
        "",
        f"{everyone.smiling} smiling and {everyone.neutral} neutral photos; people: {people}. A "
        f"share near one half of {smallest} photos has a 95 % interval of {100 * low:.0f} to "
        f"{100 * high:.0f} % (Wilson). Negative: sad, angry, fear or disgust. AUC: share of the "
        "pairs of a smiling and a neutral photo in which the smiling one has the higher "
        "probability of happy. Bold: the model's default [prior](../guides/prior.md).",
        "",
        _finding([result for result in results if result.default]),
        "",
        f"| model | prior | smiling called happy, %: {header} | neutral called happy, %: {header} "
        f"| neutral called negative, %: {header} | AUC |",
        "|---|---|---|---|---|---|",
    ]
    for result in results:
        name = f"**`{result.prior}`**" if result.default else f"`{result.prior}`"
        counts = result.groups.values()
        cells = (
            [_percent(c.smiling_happy, c.smiling) for c in counts],
            [_percent(c.neutral_happy, c.neutral) for c in counts],
            [_percent(c.neutral_negative, c.neutral) for c in counts],
        )
        lines.append(
            f"| `{result.model}` | {name} | {' | '.join(' / '.join(c) for c in cells)} "
            f"| {result.auc:.3f} |"
        )
    return lines


def _finding(defaults: Sequence[SmileResult]) -> str:
    """Return the ranges over the models' default priors in words."""
    everyone = {r.model: r.groups[ALL] for r in defaults}
    happy = {m: 100 * c.smiling_happy / c.smiling for m, c in everyone.items()}
    negative = {m: 100 * c.neutral_negative / c.neutral for m, c in everyone.items()}
    return (
        f"Under the default priors, {_range(happy, '{:.1f} %')} of the smiling photos are called "
        f"happy and {_range(negative, '{:.1f} %')} of the neutral ones negative; the AUC is "
        f"{_range({r.model: r.auc for r in defaults}, '{:.3f}')}."
    )


def _range(values: dict[str, float], form: str) -> str:
    """Return the lowest and the highest value by model, or the value that all have."""
    low, high = min(values, key=values.__getitem__), max(values, key=values.__getitem__)
    if values[low] == values[high]:
        return form.format(values[low])
    return f"{form.format(values[low])} (`{low}`) to {form.format(values[high])} (`{high}`)"


def _percent(hits: int, n: int) -> str:
    return f"{100 * hits / n:.1f}" if n else "-"


def _count(predicted: NDArray[np.str_], smiling: NDArray[np.bool_]) -> SmileCounts:
    happy, neutral = predicted == "happy", ~smiling
    return SmileCounts(
        smiling=int(smiling.sum()),
        smiling_happy=int((happy & smiling).sum()),
        neutral=int(neutral.sum()),
        neutral_happy=int((happy & neutral).sum()),
        neutral_negative=int((np.isin(predicted, NEGATIVE) & neutral).sum()),
    )
