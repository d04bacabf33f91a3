"""Named training recipes."""

from dataclasses import replace
from typing import Final

from fer_train.data.recipe import Augmentation, Recipe, Stage

# How far the views may differ that teachers are asked about for soft labels.
TEACHERS_VIEWS: Final = Augmentation(
    rotation_degrees=15, zoom=0.2, shift_px=4, flip=True, brightness=0.1, contrast=0.5
)

_MILD: Final = Augmentation(rotation_degrees=10, zoom=0.1, shift_px=3, flip=True)
_MEDIUM: Final = Augmentation(
    rotation_degrees=12, zoom=0.15, shift_px=3, flip=True, contrast=0.3, erasing=0.2
)
STUDENTS_VIEWS: Final = replace(TEACHERS_VIEWS, erasing=0.3)
"""For networks that learn without a teacher: the same, and parts erased."""

# Frozen backbone, then all of it, then class weights: the three stages that ResNet50V2 was given
# before, which ended at 61.16 % of PublicTest + PrivateTest, 60.02 % with the class weights.
TRANSFER_STAGES: Final = (
    Stage(epochs=50, learning_rate=1e-3, frozen=True),
    Stage(epochs=50, learning_rate=5e-4),
    Stage(epochs=20, learning_rate=5e-5, class_weights=True),
)


def _transfer(model: str, input_size: int) -> Recipe:
    return Recipe(
        model=model,
        sizes={"input_size": input_size, "weights": "imagenet"},
        stages=TRANSFER_STAGES,
        batch_size=64,
        optimizer="adam",
        weight_decay=1e-4,
        label_smoothing=0.0,
        augmentation=_MILD,
    )


def _small_transfer(model: str, input_size: int, epochs: int) -> Recipe:
    """The same three stages for two cores: few epochs of small images."""
    return replace(
        _transfer(model, input_size),
        stages=(
            Stage(epochs=1, learning_rate=1e-3, frozen=True),
            Stage(epochs, learning_rate=3e-4, warmup_epochs=1),
            Stage(epochs=1, learning_rate=5e-5, class_weights=True),
        ),
        precision="mixed_bfloat16",
    )


def _student(stem: int, widths: tuple[int, ...], blocks: tuple[int, ...], epochs: int) -> Recipe:
    """The networks that we ship differ in size alone; one learning-rate curve over both stages."""
    small_epochs = 6 * epochs // 10
    return Recipe(
        model="residual_student",
        sizes={"stem": stem, "widths": widths, "blocks": blocks, "dropout": 0.1},
        stages=(
            Stage(small_epochs, 0.1, warmup_epochs=3, final_learning_rate=0.035, side=32),
            Stage(epochs - small_epochs, 0.035),
        ),
        label_smoothing=0.0,
        soft_weight=0.8,
        weight_averaging=0.999,
        augmentation=Augmentation(flip=True, erasing=0.3),
        precision="mixed_bfloat16",
    )


_NANO: Final = _student(stem=16, widths=(32, 56, 64), blocks=(1, 1, 0), epochs=100)
_BASE: Final = _student(stem=32, widths=(64, 128, 176), blocks=(1, 1, 1), epochs=100)

_MOBILENET_FACES: Final = replace(
    _transfer("mobilenet", 96),
    sizes={"input_size": 96, "weights": "imagenet", "trained_on": "vggface2"},
    stages=(
        Stage(epochs=1, learning_rate=1e-3, frozen=True),
        Stage(epochs=12, learning_rate=3e-4, warmup_epochs=1),
        Stage(epochs=2, learning_rate=5e-5, class_weights=True),
    ),
    folded_backbone=True,
    label_smoothing=0.05,
    augmentation=_MEDIUM,
)

_MOBILENET_FACES_LONG: Final = replace(
    _MOBILENET_FACES,
    sizes={**_MOBILENET_FACES.sizes, "head": "plain"},
    stages=(
        Stage(epochs=1, learning_rate=1e-3, frozen=True),
        Stage(epochs=20, learning_rate=3e-4, warmup_epochs=1),
    ),
    ferplus_weight=0.6,
    weight_averaging=0.999,
    precision="mixed_bfloat16",
)
_MOBILENET_FACES_112: Final = replace(
    _MOBILENET_FACES_LONG,
    sizes={**_MOBILENET_FACES_LONG.sizes, "input_size": 112},
    stages=(
        Stage(epochs=1, learning_rate=1e-3, frozen=True),
        Stage(epochs=14, learning_rate=3e-4, warmup_epochs=1),
    ),
    ferplus_weight=0.4,
)
# A teacher that learns from teachers: larger faces, and their answers beside labels and votes.
_MOBILENET_FACES_TAUGHT: Final = replace(
    _MOBILENET_FACES_112,
    sizes={**_MOBILENET_FACES_112.sizes, "input_size": 128},
    stages=(
        Stage(epochs=1, learning_rate=1e-3, frozen=True),
        Stage(epochs=18, learning_rate=3e-4, warmup_epochs=1),
    ),
    label_smoothing=0.0,
    soft_weight=0.5,
    augmentation=Augmentation(flip=True, erasing=0.3),
)
_RESIDUAL_48: Final = Recipe(
    model="residual_student",
    sizes={"stem": 32, "widths": (64, 128, 256)},
    # Each stage ends in a member for an ensemble.
    stages=(
        Stage(epochs=36, learning_rate=0.1, warmup_epochs=2),
        Stage(epochs=14, learning_rate=0.06),
    ),
    ferplus_weight=0.6,
    augmentation=STUDENTS_VIEWS,
    precision="mixed_bfloat16",
)

RECIPES: Final = {
    # A student without a teacher.
    "first-student": Recipe(
        model="residual_student",
        stages=(Stage(epochs=90, learning_rate=0.1, warmup_epochs=3),),
        ferplus_weight=0.35,
        augmentation=replace(STUDENTS_VIEWS, contrast=0.3),
    ),
    # fer-train distill small train/soft_labels.npz: on the views that teachers saw.
    # The smallest network learns longest: `nano` goes on from a higher learning rate once more.
    "nano-start": _NANO,
    "nano": replace(
        _NANO,
        sizes={**_NANO.sizes, "weights": "runs/nano-start-seed0/nano-start.keras"},
        stages=(
            Stage(30, 0.06, warmup_epochs=1, final_learning_rate=0.02, side=32),
            Stage(20, 0.02),
        ),
    ),
    "small": _student(stem=16, widths=(48, 64, 72), blocks=(1, 2, 1), epochs=130),
    "base": _BASE,
    # `base` goes on with FER+'s classes. FER2013's seven are among them: the same teachers, beside
    # more of the votes.
    "base-ferplus": replace(
        _BASE,
        sizes={**_BASE.sizes, "weights": "runs/base-seed0/base.keras"},
        stages=(
            Stage(12, 0.02, warmup_epochs=1, final_learning_rate=0.01, side=32),
            Stage(8, 0.01),
        ),
        classes="ferplus",
        soft_weight=0.5,
    ),
    # The teachers of the origin; --weights FILE where there is no network.
    "resnet50v2": _transfer("resnet50v2", 96),
    "resnet50": _transfer("resnet50", 96),
    "inception-v3": _transfer("inception_v3", 96),
    "xception": _transfer("xception", 96),
    "mobilenet": _transfer("mobilenet", 96),
    # As published (Khaireddin and Chen 2021): hundreds of epochs, for a GPU.
    "vggnet": Recipe(
        model="vggnet",
        stages=(Stage(epochs=300, learning_rate=0.01, warmup_epochs=3),),
        batch_size=64,
        weight_decay=5e-3,
        augmentation=STUDENTS_VIEWS,
        precision="mixed_bfloat16",
    ),
    # For machines without a GPU: native sizes, and the transfer networks run small.
    "resnet50v2-48": _small_transfer("resnet50v2", 48, epochs=2),
    "resnet50-48": _small_transfer("resnet50", 48, epochs=2),
    "inception-v3-75": _small_transfer("inception_v3", 75, epochs=7),
    "xception-71": _small_transfer("xception", 71, epochs=2),
    "mobilenet-96": replace(_small_transfer("mobilenet", 96, epochs=10), precision="float32"),
    "simple-cnn": Recipe(
        model="simple_cnn",
        stages=(Stage(epochs=20, learning_rate=0.03, warmup_epochs=1),),
        augmentation=_MILD,
    ),
    "mini-vgg": Recipe(
        model="mini_vgg",
        stages=(Stage(epochs=16, learning_rate=0.05, warmup_epochs=1),),
        ferplus_weight=0.6,
        augmentation=_MILD,
        precision="mixed_bfloat16",
    ),
    "mini-vgg-pooled": Recipe(
        model="mini_vgg",
        sizes={"fully_connected": False},
        stages=(Stage(epochs=16, learning_rate=0.05, warmup_epochs=1),),
        ferplus_weight=0.6,
        augmentation=_MILD,
        precision="mixed_bfloat16",
    ),
    # fer-train fit mobilenet-faces --weights FILE: a backbone that knows faces (VGGFace2).
    "mobilenet-faces": _MOBILENET_FACES,
    "mobilenet-faces-long": _MOBILENET_FACES_LONG,
    "mobilenet-faces-112": _MOBILENET_FACES_112,
    # Without the votes that the others learn from, too: another member for an ensemble.
    "mobilenet-faces-labels": replace(_MOBILENET_FACES_112, ferplus_weight=0.0),
    "mobilenet-faces-taught": _MOBILENET_FACES_TAUGHT,
    # Teachers of FER+'s eight classes.
    "mobilenet-faces-ferplus": replace(
        _MOBILENET_FACES_LONG, classes="ferplus", ferplus_weight=0.0, label_smoothing=0.0
    ),
    "residual-48-ferplus": replace(
        _RESIDUAL_48, classes="ferplus", ferplus_weight=0.0, label_smoothing=0.0
    ),
    "vggnet-48": Recipe(
        model="vggnet",
        sizes={"widths": (32, 64, 128, 256), "dense": 512},
        stages=(Stage(epochs=50, learning_rate=0.05, warmup_epochs=2),),
        ferplus_weight=0.2,
        augmentation=_MEDIUM,
        precision="mixed_bfloat16",
    ),
    "residual-48": _RESIDUAL_48,
    # The same path in seconds: a few thousand parameters, two epochs. For tests and a first try.
    "smoke": Recipe(
        model="residual_student",
        stages=(Stage(epochs=2, learning_rate=0.05),),
        sizes={"stem": 4, "widths": (6, 8), "blocks": (1, 1)},
        batch_size=16,
        augmentation=Augmentation(rotation_degrees=10, flip=True),
    ),
}


# fer-train qat: a trained student goes on for a little while, as if it were int8 already.
QAT: Final = Recipe(
    model="bn_folded",
    stages=(Stage(epochs=6, learning_rate=2e-3),),
    weight_decay=0.0,
    label_smoothing=0.0,
    soft_weight=0.8,
    weight_averaging=0.999,
    augmentation=Augmentation(flip=True),
    fake_int8=True,
    faces_as_they_are=True,
)
