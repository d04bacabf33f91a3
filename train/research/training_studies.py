"""Studies of training methods: rare expressions, FER+ votes, landmarks and distillation.

    python -m research.training_studies {imbalance,ferplus,landmarks,distillation}

Each writes docs/results/NAME.md and its plot.
"""

from dataclasses import replace
from pathlib import Path
from typing import Final

import click
from tqdm import tqdm

from fer_sdk._internal.extras import require
from fer_sdk.cli.console import DATA_OPTION, FerCommand
from fer_sdk.evaluation import fer2013
from fer_sdk.evaluation.fer2013 import Fer2013
from fer_train.configs.augmentations import TEACHER_AUGMENTATION
from fer_train.data.recipe import Augmentation, Recipe, Stage
from research.landmark_features import with_landmark_features
from research.resampling import RESAMPLINGS, resample_training
from research.study_runner import Study, Variant, mean_and_spread, run_study, write_page

STUDIES: Final = ("imbalance", "ferplus", "landmarks", "distillation")

_CHEAP: Final = Recipe(
    model="simple_cnn",
    sizes={"widths": (16, 32, 64)},
    stages=(Stage(10, 0.02, warmup_epochs=1),),
    label_smoothing=0.0,
    augmentation=Augmentation(flip=True, rotation_degrees=8, shift_px=2),
)


def _resampled(method: str) -> Variant:
    return Variant(_CHEAP, lambda data, seed: resample_training(data, method, seed))


_IMBALANCE: Final = Study(
    name="imbalance",
    title="Rare expressions: weights and resampling compared",
    method="`simple_cnn` with widths 16, 32, 64, 10 epochs. The number of epochs is the same for "
    "all variants, so larger training sets also mean more steps.",
    result="Over-sampling and SMOTE raise balanced accuracy by 10 to 11 points and accuracy by 2 "
    "to 3. Class weights raise balanced accuracy by 3.5 points and lower accuracy by 5.8. Tomek "
    "links change neither by more than a point. Methods that remove many faces (under-sampling, "
    "SMOTE+ENN) lower accuracy by more than 20 points.",
    variants={
        "nothing": Variant(_CHEAP),
        "class weights": Variant(
            replace(_CHEAP, stages=(Stage(10, 0.02, warmup_epochs=1, class_weights=True),))
        ),
        **{name: _resampled(name) for name in RESAMPLINGS},
    },
    seeds=(0, 1, 2),
)

_SMALL: Final = Recipe(
    model="residual_student",
    sizes={"stem": 8, "widths": (16, 32, 64)},
    stages=(Stage(12, 0.1, warmup_epochs=1),),
    label_smoothing=0.0,
    augmentation=Augmentation(flip=True, rotation_degrees=10, zoom=0.1, shift_px=3),
)
_EIGHT: Final = replace(_SMALL, classes="ferplus")
_FERPLUS: Final = Study(
    name="ferplus",
    title="FER+ votes as targets: distribution, sampled labels, mixtures",
    method="`residual_student` with stem 8 and widths 16, 32, 64, 12 epochs. Networks of seven "
    "classes are evaluated against FER2013's labels, networks of eight classes against the FER+ "
    "majority by FER+'s rule, so the two groups cannot be compared.",
    result="With offsets to the logits, targets of two thirds FER+ votes and one third FER2013 "
    "label give the highest accuracy on FER2013's labels (59.1 %, without votes 57.7 %). The "
    "offsets are needed because the votes contain more neutral than FER2013's labels: without "
    "them, votes lower the accuracy. Votes alone are worse with and without offsets. The "
    "distribution of the votes is a better target than one label sampled from it, "
    "for seven and for eight classes.",
    variants={
        "7 classes, FER2013's label": Variant(_SMALL),
        "7 classes, a third FER+": Variant(replace(_SMALL, ferplus_weight=1 / 3)),
        "7 classes, two thirds FER+": Variant(replace(_SMALL, ferplus_weight=2 / 3)),
        "7 classes, FER+ alone": Variant(replace(_SMALL, ferplus_weight=1.0)),
        "7 classes, a third FER+, sampled": Variant(
            replace(_SMALL, ferplus_weight=1 / 3, sample_labels=True)
        ),
        "8 classes, distribution": Variant(_EIGHT),
        "8 classes, sampled": Variant(replace(_EIGHT, sample_labels=True)),
    },
    seeds=(0, 1),
)


_VOTES: Final = replace(
    _SMALL,
    classes="ferplus7",
    stages=(
        Stage(6, 0.1, warmup_epochs=1, final_learning_rate=0.035, side=32),
        Stage(3, 0.035),
    ),
)
_SOFT: Final = replace(_VOTES, soft_weight=1.0, augmentation=Augmentation(flip=True))
_HALVES: Final = replace(_SOFT, soft_weight=0.5, logit_adjustment=True)
_DISTILLATION: Final = Study(
    name="distillation",
    title="Distillation: contribution of each setting",
    method="`residual_student` with stem 8 and widths 16, 32, 64, 9 epochs, the first six on faces "
    "of 32 pixels, evaluated against the FER+ majority in seven classes. The soft labels are those "
    "of `nano` and `small`: predictions of two teachers under the prior `balanced` for numbered "
    "augmentations. Temperatures divide the logits of teachers and student, and the loss is "
    "multiplied by their square. The variants of votes alone and of the unaugmented face use "
    "random augmentations of the same strength.",
    result="With offsets, which undo the balanced prior of the soft labels, a temperature of 2 "
    "or 4 on both sides gives 1.5 points over half votes at temperature 1 (79.5 and 79.6 "
    "instead of 78.1 %), and more balanced accuracy. Half votes give 1 point over soft "
    "labels alone. Soft labels for the same augmentation, five of them instead of one, "
    "and standardized logits give no gain in so short a run. One seed: differences below "
    "a point may be chance.",
    variants={
        "votes": Variant(replace(_VOTES, augmentation=TEACHER_AUGMENTATION)),
        "soft labels of the unaugmented face": Variant(
            replace(_SOFT, augmentation=TEACHER_AUGMENTATION), augmentations=1
        ),
        "soft labels of the same augmentation": Variant(_SOFT),
        "half votes": Variant(_HALVES),
        "half votes, 1 augmentation": Variant(_HALVES, augmentations=1),
        "half votes, no logit adjustment": Variant(replace(_HALVES, logit_adjustment=False)),
        "half votes, temperature 2": Variant(replace(_HALVES, soft_temperature=2.0)),
        "half votes, temperature 4": Variant(replace(_HALVES, soft_temperature=4.0)),
        "half votes, standardized logits, temperature 2": Variant(
            replace(_HALVES, soft_temperature=2.0, standardize_logits=True)
        ),
    },
    seeds=(0,),
)


def study(name: str, mesh: Path) -> Study:
    """Return a study by name.

    Args:
        name: One of `STUDIES`.
        mesh: Landmarks file of `research.face_mesh`, for the study of landmarks.
    """
    known = {
        "imbalance": _IMBALANCE,
        "ferplus": _FERPLUS,
        "landmarks": _landmarks(mesh),
        "distillation": _DISTILLATION,
    }
    return known[name]


def _landmarks(mesh: Path) -> Study:
    plain = replace(_SMALL, model="mini_vgg", sizes={"widths": (12, 24, 48), "dropout": 0.1})
    plain = replace(plain, stages=(Stage(10, 0.05, warmup_epochs=1),))
    pooled = replace(plain, sizes={**plain.sizes, "fully_connected": False})

    def with_features(recipe: Recipe, channels: int, **features: bool) -> Variant:
        def prepare(data: Fer2013, seed: int) -> Fer2013:
            return with_landmark_features(data, mesh, **features)

        return Variant(replace(recipe, sizes={**recipe.sizes, "channels": channels}), prepare)

    return Study(
        name="landmarks",
        title="Face-mesh landmarks: alignment, maps, distances",
        method="`mini_vgg` with widths 12, 24, 48 and dropout 0.1, 10 epochs.",
        result="Aligning faces by their eyes gives 1.2 points, about the difference between the "
        "two seeds. A channel with the landmarks costs 1.6 points. Eight distances, as channels of "
        "one value each, cost 10 points in so short a training.",
        variants={
            "the face": Variant(plain),
            "the face, pooled": Variant(pooled),
            "aligned by the eyes": with_features(plain, 1, aligned=True),
            "landmark map": with_features(plain, 2, landmark_map=True),
            "eight distances": with_features(plain, 9, distances=True),
            "map and distances": with_features(plain, 10, landmark_map=True, distances=True),
        },
        seeds=(0, 1),
    )


@click.command(cls=FerCommand)
@click.argument("name", type=click.Choice(STUDIES))
@DATA_OPTION
@click.option("--mesh", type=click.Path(path_type=Path), default=Path("data/mesh.npz"),
              show_default=True, help="Landmarks file of research.face_mesh, for `landmarks`.",
              )  # fmt: skip
@click.option("--soft-labels", type=click.Path(path_type=Path),
              default=Path("train/soft_labels_ferplus.npz"), show_default=True,
              help="File of `fer-train soft-labels`, for `distillation`.")  # fmt: skip
@click.option("--runs", type=click.Path(path_type=Path),
              help="Folder of the runs; finished runs are reused. Default: runs/NAME.")  # fmt: skip
@click.option("--out", type=click.Path(path_type=Path), default=Path("docs/results"),
              show_default=True, help="Folder of the page and its plot.")  # fmt: skip
def main(
    name: str, data: Path, mesh: Path, soft_labels: Path, runs: Path | None, out: Path
) -> None:
    """Train all variants of the study NAME with several seeds; write its page and plot."""
    require("train", "the study", "keras", "matplotlib")
    dataset = fer2013.load(data)
    from fer_train.data.soft_labels import load
    from fer_train.evaluation.plots import draw_bars

    chosen = study(name, mesh)
    distilled = any(variant.recipe.soft_weight for variant in chosen.variants.values())
    targets = load(soft_labels, dataset.fingerprint) if distilled else None
    with tqdm(total=len(chosen.variants) * len(chosen.seeds), unit=" runs") as bar:

        def report(variant: str) -> None:
            bar.set_description(variant, refresh=False)
            bar.update()

        outcomes = run_study(chosen, dataset, runs or Path("runs") / name, targets, report)
    write_page(chosen, outcomes, out / f"{name}.md")
    groups = {
        outcome.variant: [
            mean_and_spread(outcome.scores, "accuracy"),
            mean_and_spread(outcome.offset, "accuracy"),
            mean_and_spread(outcome.scores, "balanced_accuracy"),
        ]
        for outcome in outcomes
    }
    series = ("accuracy", "accuracy with offsets", "balanced accuracy")
    draw_bars(groups, series, out / f"{name}.png", "%")
    click.echo(str(out / f"{name}.md"))


if __name__ == "__main__":
    main()
