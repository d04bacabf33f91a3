"""Studies: several variants of one short training run, compared in a table and a plot."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from fer_sdk._internal.environment import describe_environment
from fer_sdk._internal.files import write_beside
from fer_sdk._internal.softmax import softmax
from fer_sdk.evaluation.fer2013 import Fer2013
from fer_sdk.evaluation.metrics import Scores, score
from fer_train.data.dataset import class_names
from fer_train.data.recipe import Recipe
from fer_train.data.soft_labels import SoftLabels
from fer_train.evaluation.calibration import with_offsets_by_halves
from fer_train.evaluation.inference import predict
from fer_train.training.trainer import Run


@dataclass(frozen=True, slots=True)
class Variant:
    """One variant of a study.

    Attributes:
        recipe: Training recipe.
        prepare: Function of FER2013 and the seed that returns the data to train and validate on.
        augmentations: For a recipe with soft labels, number of their augmentations; None for all.
    """

    recipe: Recipe
    prepare: Callable[[Fer2013, int], Fer2013] = lambda data, seed: data
    augmentations: int | None = None


@dataclass(frozen=True, slots=True)
class Study:
    """Several variants and the seeds that each is trained with.

    Attributes:
        name: Name in the command, and of the page and the folder of the runs.
        title: Title of the page.
        method: Settings that all variants share, one or two sentences.
        result: Summary of the result, for the page.
        variants: Variants by name.
        seeds: Seeds.
    """

    name: str
    title: str
    method: str
    result: str
    variants: Mapping[str, Variant]
    seeds: Sequence[int]


@dataclass(frozen=True, slots=True)
class Outcome:
    """Scores of one variant with all seeds on deduplicated PublicTest.

    Attributes:
        variant: Name of the variant.
        faces: Number of training faces, with the first seed.
        scores: Scores by seed.
        offset: Scores by seed with offsets to the logits that were fitted on the other half of the
            faces.
        minutes: Total training time of all seeds.
    """

    variant: str
    faces: int
    scores: tuple[Scores, ...]
    offset: tuple[Scores, ...]
    minutes: float


def run_study(
    study: Study,
    data: Fer2013,
    folder: Path,
    soft_labels: SoftLabels | None = None,
    report: Callable[[str], None] = lambda variant: None,
) -> list[Outcome]:
    """Train every variant with every seed; finished runs in `folder` are reused.

    Args:
        study: Study.
        data: FER2013.
        folder: Folder of the runs.
        soft_labels: Teachers' soft labels, for variants with `soft_weight`.
        report: Called with the name of the variant after each run.
    """
    outcomes = []
    for name, variant in study.variants.items():
        scores, offset, minutes, count = [], [], 0.0, 0
        targets = None
        if soft_labels and variant.recipe.soft_weight:
            targets = replace(soft_labels, labels=soft_labels.labels[: variant.augmentations])
        for seed in study.seeds:
            path = folder / f"{name.replace(' ', '-')}-seed{seed}"
            run = Run(variant.recipe, variant.prepare(data, seed), path, seed, targets)
            run.train()
            logits = predict(run.local_student(), run.validation_faces)
            labels = class_names(variant.recipe)
            scores.append(score(run.validation_labels, softmax(logits, 1.0), labels))
            shifted = with_offsets_by_halves(logits, run.validation_labels)
            offset.append(score(run.validation_labels, softmax(shifted, 1.0), labels))
            minutes += run.progress.seconds / 60
            count = count or len(run.sample.faces)
            report(name)
        outcomes.append(Outcome(name, count, tuple(scores), tuple(offset), minutes))
    return outcomes


def mean_and_spread(scores: Sequence[Scores], name: str) -> tuple[float, float]:
    """Return mean and standard deviation of an attribute of `Scores` over the seeds, in percent."""
    values = [100 * float(getattr(each, name)) for each in scores]
    return float(np.mean(values)), float(np.std(values, ddof=1)) if len(values) > 1 else 0.0


def write_page(study: Study, outcomes: Sequence[Outcome], path: Path) -> None:
    """Write the page of a study as Markdown; it shows the plot of the same name, `.png`."""
    where = describe_environment()
    spread = " Mean and standard deviation over the seeds." if len(study.seeds) > 1 else ""
    lines = [
        f"# {study.title}",
        "",
        study.result,
        "",
        f"{study.method} {_seeds(study)}. Trained on FER2013 Training without blank images, "
        f"evaluated on deduplicated PublicTest: without the faces that have an exact copy in "
        f"Training.{spread} With offsets: one number per class is added to the logits of each half "
        "of the faces, fitted on the other half.",
        "",
        f"Made by `python -m research.training_studies {study.name}` on {where['processor']} x "
        f"{where['cores']}, Keras {where['keras']}. Minutes: training time of all seeds, with "
        "other processes running.",
        "",
        "| variant | training faces | n | accuracy % | balanced accuracy % | macro F1 % "
        "| accuracy with offsets % | minutes |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for outcome in outcomes:
        cells = [
            _cell(*mean_and_spread(scores, name), seeds=len(study.seeds))
            for scores, name in (
                (outcome.scores, "accuracy"),
                (outcome.scores, "balanced_accuracy"),
                (outcome.scores, "macro_f1"),
                (outcome.offset, "accuracy"),
            )
        ]
        lines.append(
            f"| {outcome.variant} | {outcome.faces:,} | {outcome.scores[0].n:,} "
            f"| {' | '.join(cells)} | {outcome.minutes:.1f} |"
        )
    lines += ["", f"![accuracy and balanced accuracy by variant]({path.stem}.png)", ""]
    with write_beside(path) as temporary:
        temporary.write_text("\n".join(lines), encoding="utf-8")


def _seeds(study: Study) -> str:
    return f"{len(study.seeds)} seeds" if len(study.seeds) > 1 else "One seed"


def _cell(mean: float, spread: float, seeds: int) -> str:
    return f"{mean:.2f} ± {spread:.2f}" if seeds > 1 else f"{mean:.2f}"
