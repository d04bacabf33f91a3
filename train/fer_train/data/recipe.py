"""A training recipe: everything that decides a model besides data and seed."""

import json
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields, replace
from itertools import accumulate
from typing import Literal

from fer_sdk.errors import InputError
from fer_sdk.evaluation.fer2013 import SIDE

Precision = Literal["float32", "mixed_bfloat16"]
"""Keras' dtype policies that recipes may train under."""


@dataclass(frozen=True, slots=True)
class Augmentation:
    """How far a view may differ from the face; 0 switches a change off."""

    rotation_degrees: float = 0.0
    zoom: float = 0.0  # log-uniform from 1 / (1 + zoom) to 1 + zoom
    shift_px: float = 0.0
    flip: bool = False
    flip_vertical: bool = False
    brightness: float = 0.0  # of 255
    contrast: float = 0.0
    noise: float = 0.0  # standard deviation, of 255
    erasing: float = 0.0  # probability


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
