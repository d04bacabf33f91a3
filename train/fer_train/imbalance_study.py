"""Every way to treat rare expressions, compared on one cheap network and three seeds."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np

from fer_sdk.environment import describe_environment
from fer_sdk.fer2013 import Fer2013
from fer_sdk.files import write_beside
from fer_sdk.labels import FER2013_LABELS
from fer_sdk.metrics import Scores, score
from fer_sdk.softmax import softmax
from fer_train.augmentation import Augmentation
from fer_train.data.imbalance import RESAMPLINGS
from fer_train.fit import Run, predict
from fer_train.recipes import Recipe, Stage

SEEDS: Final = (0, 1, 2)
EPOCHS: Final = 10
BASE: Final = Recipe(
    model="simple_cnn",
    sizes={"widths": (16, 32, 64)},
    stages=(Stage(EPOCHS, 0.02, warmup_epochs=1),),
    label_smoothing=0.0,
    augmentation=Augmentation(flip=True, rotation_degrees=8, shift_px=2),
)
VARIANTS: Final[dict[str, Recipe]] = {
    "nothing": BASE,
    "class weights": replace(
        BASE, stages=(Stage(EPOCHS, 0.02, warmup_epochs=1, class_weights=True),)
    ),
    **{name: replace(BASE, resampling=name) for name in RESAMPLINGS},
}


@dataclass(frozen=True, slots=True)
class Outcome:
    """One variant over all seeds, scored on clean PublicTest.

    Attributes:
        variant: Name in `VARIANTS`.
        faces: Training faces after resampling, of the first seed.
        scores: One a seed.
        minutes: Training time of all seeds.
    """

    variant: str
    faces: int
    scores: tuple[Scores, ...]
    minutes: float


def run_study(
    data: Fer2013, folder: Path, report: Callable[[str], None] = lambda variant: None
) -> list[Outcome]:
    """Train every variant with every seed; finished runs in `folder` are not trained again.

    Args:
        data: FER2013; trained on Training, scored on clean PublicTest.
        folder: Where the runs live.
        report: Told about each finished run.
    """
    outcomes = []
    for variant, recipe in VARIANTS.items():
        scores, minutes, faces = [], 0.0, 0
        for seed in SEEDS:
            run = Run(recipe, data, folder / f"{variant.replace(' ', '-')}-seed{seed}", seed)
            run.train()
            logits = predict(run.student, run.watched)
            scores.append(score(run.truth, softmax(logits, 1.0), FER2013_LABELS))
            minutes += run.progress.seconds / 60
            faces = faces or len(run.sample.faces)
            report(variant)
        outcomes.append(Outcome(variant, faces, tuple(scores), minutes))
    return outcomes


def mean_and_spread(outcome: Outcome, name: str) -> tuple[float, float]:
    """Return mean and standard deviation over the seeds of one of `Scores`' numbers, in percent."""
    values = [100 * float(getattr(scores, name)) for scores in outcome.scores]
    return float(np.mean(values)), float(np.std(values, ddof=1))


def write_table(outcomes: list[Outcome], path: Path, command: str) -> None:
    """Write the study as Markdown.

    Args:
        outcomes: What `run_study` returned.
        path: File to write.
        command: What makes these numbers again.
    """
    where = describe_environment()
    n = outcomes[0].scores[0].n
    lines = [
        "# Rare expressions: weights and resampling compared",
        "",
        f"`simple_cnn` with widths 16, 32, 64, {EPOCHS} epochs, {len(SEEDS)} seeds; "
        f"trained on FER2013 Training without blank images, scored on clean PublicTest (n = {n}). "
        "Mean and standard deviation over the seeds. The epochs are the same for all, so larger "
        "sets were also trained for more steps.",
        "",
        f"Made by `{command}` on {where['processor']} x {where['cores']}, "
        f"Keras {where['keras']} on TensorFlow {where['tensorflow']}.",
        "",
        "| variant | training faces | accuracy % | balanced accuracy % | macro F1 % | minutes |",
        "|---|---|---|---|---|---|",
    ]
    for outcome in outcomes:
        cells = [
            "{:.2f} ± {:.2f}".format(*mean_and_spread(outcome, name))
            for name in ("accuracy", "balanced_accuracy", "macro_f1")
        ]
        lines.append(
            f"| {outcome.variant} | {outcome.faces:,} | {' | '.join(cells)} "
            f"| {outcome.minutes:.1f} |"
        )
    lines += ["", "![accuracy and balanced accuracy by variant](imbalance.png)", ""]
    with write_beside(path) as temporary:
        temporary.write_text("\n".join(lines), encoding="utf-8")
