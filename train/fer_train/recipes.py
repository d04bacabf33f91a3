"""Named training recipes: everything that decides a model besides data and seed."""

import json
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields, replace
from itertools import accumulate
from typing import Final, Literal

from fer_sdk.errors import InputError
from fer_sdk.fer2013 import SIDE
from fer_train.augmentation import Augmentation

Precision = Literal["float32", "mixed_bfloat16"]
"""Keras' dtype policies that recipes may train under."""


@dataclass(frozen=True, slots=True)
class Stage:
    """A stretch of epochs with one learning-rate curve.

    Attributes:
        learning_rate: Peak, reached after `warmup_epochs`, then a cosine down to
            `final_learning_rate` (Loshchilov and Hutter 2017, https://arxiv.org/abs/1608.03983).
        frozen: Whether a transfer network's backbone keeps its weights.
        class_weights: Whether rare classes weigh more in the loss, n / (7 n_c).
        side: Pixels that the views are shrunk to, for networks that take any size: small ones
            first cost less (Tan and Le 2021, https://arxiv.org/abs/2104.00298).
    """

    epochs: int
    learning_rate: float
    warmup_epochs: int = 0
    frozen: bool = False
    class_weights: bool = False
    final_learning_rate: float = 0.0
    side: int = SIDE


@dataclass(frozen=True, slots=True)
class Recipe:
    """One way to train one network.

    Attributes:
        model: Name in `fer_train.models.MODELS`.
        stages: Trained one after the other, each with a fresh optimiser.
        sizes: Keyword arguments of the network's `build`.
        weight_decay: Decoupled: a kernel shrinks by learning rate x weight decay every step.
        label_smoothing: Share of the target spread evenly over the classes.
        ferplus_weight: Share of the target taken from the FER+ votes; the rest is FER2013's label.
        soft_weight: Share of the target taken from teachers' soft labels, the rest as above; their
            views take the place of random ones.
        soft_temperature: Softens the teachers' answers.
        resampling: Name in `fer_train.data.imbalance.RESAMPLINGS`, or None for the faces as is.
        mixup: Each face is blended with another one, by a share from Beta(mixup, mixup) (Zhang et
            al. 2017, https://arxiv.org/abs/1710.09412); 0 switches it off.
        classes: FER2013's seven with its labels, or FER+'s eight with its votes' distribution.
        draw_labels: Whether every epoch draws one label a face from its target (Barsoum et al.
            2016, https://arxiv.org/abs/1608.01041) instead of training towards all of it.
        weight_averaging: Share of the former average in a running mean of the weights, 0.999 say;
            the mean is what is scored and published. 0 switches it off.
        folded_backbone: Whether the backbone's batch norm was folded away and needs statistics.
        precision: Keras' dtype policy while training; what is published is float32 either way.
        fake_int8: Whether kernels and activations are rounded as int8 would, while training.
        faces_as_they_are: Whether soft labels teach on the faces themselves, not on views of them.
    """

    model: str
    stages: tuple[Stage, ...]
    sizes: dict[str, object] = field(default_factory=dict)
    batch_size: int = 128
    optimizer: Literal["sgd", "adam"] = "sgd"
    momentum: float = 0.9
    weight_decay: float = 2e-3
    label_smoothing: float = 0.05
    ferplus_weight: float = 0.0
    soft_weight: float = 0.0
    soft_temperature: float = 1.0
    resampling: str | None = None
    augmentation: Augmentation = field(default_factory=Augmentation)
    mixup: float = 0.0
    classes: Literal["fer2013", "ferplus"] = "fer2013"
    draw_labels: bool = False
    weight_averaging: float = 0.0
    folded_backbone: bool = False
    precision: Precision = "float32"
    fake_int8: bool = False
    faces_as_they_are: bool = False

    @property
    def epochs(self) -> int:
        """Epochs of all stages."""
        return sum(stage.epochs for stage in self.stages)

    @property
    def wants_offsets(self) -> bool:
        """Whether its targets teach other frequencies of the classes than its own labels have."""
        return bool(self.ferplus_weight or self.soft_weight)

    @property
    def identity(self) -> str:
        """What makes this recipe another than the default one, as JSON.

        A field that is added later, with a default that changes nothing, leaves it as it was.
        """
        return json.dumps(_unusual(self), sort_keys=True)

    def stage_number(self, epoch: int) -> int:
        """Return which of `stages` an epoch, counted from 0 over all of them, belongs to."""
        for number, stage in enumerate(self.stages):
            if epoch < stage.epochs:
                return number
            epoch -= stage.epochs
        return len(self.stages) - 1


def _unusual(settings: Recipe | Stage | Augmentation) -> dict[str, object]:
    """Return the fields that differ from their defaults, those of nested settings likewise."""
    unusual: dict[str, object] = {}
    for each in fields(settings):
        value = getattr(settings, each.name)
        default = each.default if each.default_factory is MISSING else each.default_factory()
        if value == default:
            continue
        if isinstance(value, Augmentation):
            unusual[each.name] = _unusual(value)
        elif each.name == "stages":
            unusual[each.name] = [_unusual(stage) for stage in value]
        else:
            unusual[each.name] = value
    return unusual


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
    model="folded",
    stages=(Stage(epochs=6, learning_rate=2e-3),),
    weight_decay=0.0,
    label_smoothing=0.0,
    soft_weight=0.8,
    weight_averaging=0.999,
    augmentation=Augmentation(flip=True),
    fake_int8=True,
    faces_as_they_are=True,
)


def with_sizes(recipe: Recipe, sizes: Mapping[str, object]) -> Recipe:
    """Return a recipe with some of its network's arguments changed."""
    return replace(recipe, sizes={**recipe.sizes, **sizes})


def with_epochs(recipe: Recipe, epochs: int) -> Recipe:
    """Return a recipe of so many epochs, of which each stage has the share that it had.

    Raises:
        InputError: If that leaves a stage without an epoch, or with none after its warm-up.
    """
    ends = [
        round(epochs * end / recipe.epochs) for end in accumulate(s.epochs for s in recipe.stages)
    ]
    stages = tuple(
        replace(stage, epochs=end - begin)
        for stage, begin, end in zip(recipe.stages, [0, *ends], ends, strict=False)
    )
    if any(stage.epochs <= stage.warmup_epochs for stage in stages):
        raise InputError(
            f"{epochs} epochs are too few for the {len(stages)} stages of this recipe: "
            f"it has {recipe.epochs}"
        )
    return replace(recipe, stages=stages)
