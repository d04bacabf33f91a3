"""Named training recipes: everything that decides a model besides data and seed."""

from dataclasses import dataclass, field
from typing import Final

from fer_train.augmentation import Augmentation


@dataclass(frozen=True, slots=True)
class Recipe:
    """One way to train one network.

    Attributes:
        model: Name in `fer_train.models.MODELS`.
        sizes: Keyword arguments of the network's `build`.
        learning_rate: Peak, reached after `warmup_epochs`, then a cosine down to 0
            (Loshchilov and Hutter 2017, https://arxiv.org/abs/1608.03983).
        weight_decay: Decoupled: a kernel shrinks by learning rate x weight decay every step.
        label_smoothing: Share of the target spread evenly over the classes.
        ferplus_weight: Share of the target taken from the FER+ votes; the rest is FER2013's label.
    """

    model: str
    epochs: int
    sizes: dict[str, object] = field(default_factory=dict)
    batch_size: int = 128
    learning_rate: float = 0.1
    warmup_epochs: int = 3
    momentum: float = 0.9
    weight_decay: float = 2e-3
    label_smoothing: float = 0.05
    ferplus_weight: float = 0.0
    augmentation: Augmentation = field(default_factory=Augmentation)


RECIPES: Final = {
    # fer-train fit first-student --data data/fer2013.npz     (2 cores: 45 s an epoch)
    "first-student": Recipe(
        model="residual_student",
        epochs=90,
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
    # The same path in seconds: a few thousand parameters, two epochs. For tests and a first try.
    "smoke": Recipe(
        model="residual_student",
        epochs=2,
        sizes={"stem": 4, "widths": (6, 8)},
        batch_size=16,
        learning_rate=0.05,
        warmup_epochs=0,
        augmentation=Augmentation(rotation_degrees=10, flip=True),
    ),
}
