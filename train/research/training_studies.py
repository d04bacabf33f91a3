"""The studies that `fer-train study` knows."""

from dataclasses import replace
from pathlib import Path
from typing import Final

from fer_train.configs import RECIPES, STUDENTS_VIEWS
from fer_train.data.imbalance import RESAMPLINGS
from fer_train.data.recipe import Augmentation, Recipe, Stage
from research.landmark_features import with_shapes
from research.study import Study, Variant

_CHEAP: Final = Recipe(
    model="simple_cnn",
    sizes={"widths": (16, 32, 64)},
    stages=(Stage(10, 0.02, warmup_epochs=1),),
    label_smoothing=0.0,
    augmentation=Augmentation(flip=True, rotation_degrees=8, shift_px=2),
)
_IMBALANCE: Final = Study(
    name="imbalance",
    title="Rare expressions: weights and resampling compared",
    method="`simple_cnn` with widths 16, 32, 64, 10 epochs. The epochs are the same for all, so "
    "larger sets were also trained for more steps.",
    lesson="Over-sampling and SMOTE find rare expressions far more often without losing accuracy, "
    "class weights find them at the price of accuracy, Tomek links change nothing, and whatever "
    "throws faces away (under-sampling, ENN) ruins the net.",
    variants={
        "nothing": Variant(_CHEAP),
        "class weights": Variant(
            replace(_CHEAP, stages=(Stage(10, 0.02, warmup_epochs=1, class_weights=True),))
        ),
        **{name: Variant(replace(_CHEAP, resampling=name)) for name in RESAMPLINGS},
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
    title="FER+ votes as targets: their distribution, drawn labels, mixtures",
    method="`residual_student` with stem 8 and widths 16, 32, 64, 12 epochs. The seven-class nets "
    "are scored against FER2013's labels, the eight-class ones against FER+'s majority by its own "
    "rule, so compare within a kind only.",
    lesson="Two thirds of FER+'s votes beside a third of FER2013's label teach FER2013's classes "
    "best, but only once offsets take back that the voters call more faces neutral; without them "
    "every vote costs accuracy, and votes alone lose too much of what the labels say. Training "
    "towards all of the distribution beats drawing one label from it, for seven classes and eight.",
    variants={
        "7 classes, FER2013's label": Variant(_SMALL),
        "7 classes, a third FER+": Variant(replace(_SMALL, ferplus_weight=1 / 3)),
        "7 classes, two thirds FER+": Variant(replace(_SMALL, ferplus_weight=2 / 3)),
        "7 classes, FER+ alone": Variant(replace(_SMALL, ferplus_weight=1.0)),
        "7 classes, a third FER+, drawn": Variant(
            replace(_SMALL, ferplus_weight=1 / 3, draw_labels=True)
        ),
        "8 classes, distribution": Variant(_EIGHT),
        "8 classes, drawn": Variant(replace(_EIGHT, draw_labels=True)),
    },
    seeds=(0, 1),
)


def _short(epochs: int) -> tuple[Stage, ...]:
    small_epochs = 6 * epochs // 10
    return (
        Stage(small_epochs, 0.1, warmup_epochs=1, final_learning_rate=0.035, side=32),
        Stage(epochs - small_epochs, 0.035),
    )


_NANO: Final = replace(RECIPES["nano-start"], stages=_short(10), precision="float32")
_ALONE: Final = replace(
    _NANO, soft_weight=0.0, ferplus_weight=0.0, weight_averaging=0.0, augmentation=STUDENTS_VIEWS
)
_TAUGHT: Final = replace(_NANO, soft_weight=1.0, ferplus_weight=0.0, weight_averaging=0.0)
_DISTILLATION: Final = Study(
    name="distillation",
    title="What each ingredient gives a student",
    method="The network of `nano`, 10 epochs unless it says otherwise. Without teachers the views "
    "are random ones of the same strength.",
    lesson="Patience teaches most (5 points for three times the epochs), then the teachers' answer "
    "to the very view that the student sees (1.5 points over labels; their answer to the untouched "
    "face gives a tenth of that); answers softened further cost 5 points, and so short a run gains "
    "nothing from labels or votes beside the teachers, nor from averaged weights, whose mean over "
    "1,000 steps lags behind one of 2,240. One seed: differences below a point may be chance.",
    variants={
        "labels": Variant(_ALONE),
        "labels, 30 % FER+": Variant(replace(_ALONE, ferplus_weight=0.3)),
        "teachers' answer to the untouched face": Variant(
            replace(_TAUGHT, augmentation=STUDENTS_VIEWS), views=1
        ),
        "teachers' answer to the same view": Variant(_TAUGHT),
        "the same, temperature 2": Variant(replace(_TAUGHT, soft_temperature=2.0)),
        "80 % teachers, 20 % labels": Variant(replace(_TAUGHT, soft_weight=0.8)),
        "80 % teachers, 14 % labels, 6 % FER+": Variant(
            replace(_TAUGHT, soft_weight=0.8, ferplus_weight=0.3)
        ),
        "80 % teachers, 20 % labels, weights averaged": Variant(
            replace(_TAUGHT, soft_weight=0.8, weight_averaging=0.999)
        ),
        "80 % teachers, 20 % labels, 30 epochs": Variant(
            replace(_TAUGHT, soft_weight=0.8, stages=_short(30))
        ),
    },
    seeds=(0,),
)


def study(name: str, mesh: Path) -> Study:
    """Return a study by name.

    Args:
        name: "imbalance", "ferplus", "landmarks" or "distillation".
        mesh: The landmarks that `fer-train mesh` found, for the study of landmarks.
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

    def seeing(recipe: Recipe, channels: int, **kinds: bool) -> Variant:
        recipe = replace(recipe, sizes={**recipe.sizes, "channels": channels})
        return Variant(recipe, lambda data: with_shapes(data, mesh, **kinds))

    return Study(
        name="landmarks",
        title="Face-mesh landmarks: drawn, as distances, for alignment",
        method="`mini_vgg` with widths 12, 24, 48 and little dropout, 10 epochs.",
        lesson="Turning faces upright by their eyes helps a little (+1.2 points, about what two "
        "seeds differ by); points drawn beside the face cost 1.6, and the eight distances, as "
        "planes of one value each, hold a short training up by 10.",
        variants={
            "the face": Variant(plain),
            "the face, pooled": Variant(pooled),
            "aligned by the eyes": seeing(plain, 1, aligned=True),
            "landmarks drawn": seeing(plain, 2, drawn=True),
            "eight distances": seeing(plain, 9, distances=True),
            "drawn and distances": seeing(plain, 10, drawn=True, distances=True),
        },
        seeds=(0, 1),
    )
