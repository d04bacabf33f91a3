"""Named training recipes: everything that decides a model besides data and seed."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final, Literal

from fer_train.augmentation import Augmentation


@dataclass(frozen=True, slots=True)
class Stage:
    """A stretch of epochs with one learning-rate curve.

    Attributes:
        learning_rate: Peak, reached after `warmup_epochs`, then a cosine down to 0
            (Loshchilov and Hutter 2017, https://arxiv.org/abs/1608.03983).
        frozen: Whether a transfer network's backbone keeps its weights.
        class_weights: Whether rare classes weigh more in the loss, n / (7 n_c).
    """

    epochs: int
    learning_rate: float
    warmup_epochs: int = 0
    frozen: bool = False
    class_weights: bool = False


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

    @property
    def epochs(self) -> int:
        """Epochs of all stages."""
        return sum(stage.epochs for stage in self.stages)

    def stage_number(self, epoch: int) -> int:
        """Return which of `stages` an epoch, counted from 0 over all of them, belongs to."""
        for number, stage in enumerate(self.stages):
            if epoch < stage.epochs:
                return number
            epoch -= stage.epochs
        return len(self.stages) - 1


# How far the views may differ that teachers are asked about for soft labels.
TEACHERS_VIEWS: Final = Augmentation(
    rotation_degrees=15, zoom=0.2, shift_px=4, flip=True, brightness=0.1, contrast=0.3
)

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
        augmentation=Augmentation(rotation_degrees=10, zoom=0.1, shift_px=3, flip=True),
    )


RECIPES: Final = {
    # fer-train fit first-student --data data/fer2013.npz     (2 cores: 45 s an epoch)
    "first-student": Recipe(
        model="residual_student",
        stages=(Stage(epochs=90, learning_rate=0.1, warmup_epochs=3),),
        ferplus_weight=0.35,
        augmentation=Augmentation(
            rotation_degrees=15,
            zoom=0.2,
            shift_px=4,
            flip=True,
            brightness=0.1,
            contrast=0.3,
            erasing=0.3,
        ),
    ),
    # fer-train distill distilled-student SOFT_LABELS: the same net, on the views that teachers saw.
    "distilled-student": Recipe(
        model="residual_student",
        stages=(Stage(epochs=90, learning_rate=0.1, warmup_epochs=3),),
        label_smoothing=0.0,
        soft_weight=0.8,
        soft_temperature=1.5,
        augmentation=Augmentation(erasing=0.3),
    ),
    # The teachers of the origin; --weights FILE where there is no network.
    "resnet50v2": _transfer("resnet50v2", 96),
    "resnet50": _transfer("resnet50", 96),
    "inception-v3": _transfer("inception_v3", 96),
    "xception": _transfer("xception", 96),
    "mobilenet": _transfer("mobilenet", 96),
    # The same path in seconds: a few thousand parameters, two epochs. For tests and a first try.
    "smoke": Recipe(
        model="residual_student",
        stages=(Stage(epochs=2, learning_rate=0.05),),
        sizes={"stem": 4, "widths": (6, 8)},
        batch_size=16,
        augmentation=Augmentation(rotation_degrees=10, flip=True),
    ),
}


def with_sizes(recipe: Recipe, sizes: Mapping[str, object]) -> Recipe:
    """Return a recipe with some of its network's arguments changed."""
    return replace(recipe, sizes={**recipe.sizes, **sizes})
