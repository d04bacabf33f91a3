"""A study: variants of one cheap run, a few seeds each, as a table and a picture."""

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
    """One thing that a study tries.

    Attributes:
        recipe: How it trains.
        faces: The data that it trains on and is scored on, made from FER2013.
        views: For a recipe with soft labels, how many of their views; None for all.
    """

    recipe: Recipe
    faces: Callable[[Fer2013], Fer2013] = lambda data: data
    views: int | None = None


@dataclass(frozen=True, slots=True)
class Study:
    """What is compared.

    Attributes:
        name: Of its command, its runs' folder and its pages.
        title: Of its page.
        method: What all variants share, a sentence or two.
        lesson: What its result teaches, in a sentence or two.
        variants: By name.
        seeds: Every variant is trained with each.
    """

    name: str
    title: str
    method: str
    lesson: str
    variants: Mapping[str, Variant]
    seeds: Sequence[int]


@dataclass(frozen=True, slots=True)
class Outcome:
    """One variant over all seeds, scored on clean PublicTest.

    Attributes:
        variant: Its name.
        faces: Training faces after resampling, of the first seed.
        scores: One a seed.
        offset: Likewise, with offsets to the logits fitted on the other half of the faces.
        minutes: Training time of all seeds.
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
    soft: SoftLabels | None = None,
    report: Callable[[str], None] = lambda variant: None,
) -> list[Outcome]:
    """Train every variant with every seed; finished runs in `folder` are not trained again.

    Args:
        study: What to compare.
        data: FER2013; trained on Training, scored on clean PublicTest.
        folder: Where the runs live.
        soft: Teachers' soft labels, for variants that want them.
        report: Told about each finished run.
    """
    outcomes = []
    for name, variant in study.variants.items():
        scores, offset, minutes, count = [], [], 0.0, 0
        faces = variant.faces(data)
        taught = None
        if soft and variant.recipe.soft_weight:
            taught = replace(soft, labels=soft.labels[: variant.views])
        for seed in study.seeds:
            path = folder / f"{name.replace(' ', '-')}-seed{seed}"
            run = Run(variant.recipe, faces, path, seed, taught)
            run.train()
            logits, labels = predict(run.local_student(), run.watched), class_names(variant.recipe)
            scores.append(score(run.truth, softmax(logits, 1.0), labels))
            shifted = with_offsets_by_halves(logits, run.truth)
            offset.append(score(run.truth, softmax(shifted, 1.0), labels))
            minutes += run.progress.seconds / 60
            count = count or len(run.sample.faces)
            report(name)
        outcomes.append(Outcome(name, count, tuple(scores), tuple(offset), minutes))
    return outcomes


def mean_and_spread(scores: Sequence[Scores], name: str) -> tuple[float, float]:
    """Return mean and standard deviation over the seeds of one of `Scores`' numbers, in percent."""
    values = [100 * float(getattr(each, name)) for each in scores]
    return float(np.mean(values)), float(np.std(values, ddof=1)) if len(values) > 1 else 0.0


def write_page(study: Study, outcomes: Sequence[Outcome], path: Path) -> None:
    """Write the study as Markdown; its picture has the same name, `.png`."""
    where = describe_environment()
    spread = " Mean and standard deviation over the seeds." if len(study.seeds) > 1 else ""
    lines = [
        f"# {study.title}",
        "",
        study.lesson,
        "",
        f"{study.method} {_seeds(study)}; trained on FER2013 Training without blank "
        f"images, scored on clean PublicTest.{spread} With offsets: one number "
        "a class, fitted on half of these faces, added to the logits of the other half.",
        "",
        f"Made by `fer-train study {study.name}` on {where['processor']} x {where['cores']}, "
        f"Keras {where['keras']}; minutes are those of all seeds, beside other work.",
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
    lines += ["", f"![accuracy, balanced accuracy and macro F1 by variant]({path.stem}.png)", ""]
    with write_beside(path) as temporary:
        temporary.write_text("\n".join(lines), encoding="utf-8")


def _seeds(study: Study) -> str:
    return f"{len(study.seeds)} seeds" if len(study.seeds) > 1 else "One seed"


def _cell(mean: float, spread: float, seeds: int) -> str:
    return f"{mean:.2f} ± {spread:.2f}" if seeds > 1 else f"{mean:.2f}"
