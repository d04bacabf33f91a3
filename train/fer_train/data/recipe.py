"""Training recipes: all settings of a training run except data and seed."""

import json
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields, replace
from itertools import accumulate
from typing import Literal

from fer_sdk.errors import InputError
from fer_sdk.evaluation.fer2013 import SIDE

Precision = Literal["float32", "mixed_bfloat16"]
"""Supported dtype policies of Keras."""


@dataclass(frozen=True, slots=True)
class Augmentation:
    """Limits of random augmentations; 0 disables one."""

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
    """Consecutive epochs with one learning-rate schedule and one optimiser state.

    Attributes:
        epochs: Number of epochs.
        learning_rate: Peak, reached by a linear warm-up; a cosine then decays it to
            `final_learning_rate` (Loshchilov and Hutter 2017, https://arxiv.org/abs/1608.03983).
        warmup_epochs: Epochs of the warm-up.
        frozen: Whether the backbone of a transfer network is frozen.
        class_weights: Whether the loss is weighted by n / (7 n_c) for each class c.
        final_learning_rate: Learning rate at the end of the stage.
        side: Side in pixels that augmented faces are resized to, for fully convolutional networks.
            Small faces in the first stage save time (progressive resizing, Tan and Le 2021,
            https://arxiv.org/abs/2104.00298).
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
    """Network, stages, targets and augmentation of a training run.

    Attributes:
        model: Name in `fer_train.models.MODELS`.
        stages: Stages in order; each starts with a new optimiser.
        sizes: Keyword arguments of the network's `build`.
        batch_size: Faces per step.
        optimizer: SGD with Nesterov momentum, or AdamW.
        momentum: Momentum of SGD.
        weight_decay: Decoupled weight decay: each step shrinks a kernel by learning rate x weight
            decay.
        label_smoothing: Share of the target that is spread evenly over the classes.
        ferplus_weight: Weight of the FER+ votes in the target; the rest is FER2013's label.
        soft_weight: Weight of the teachers' soft labels in the target; the rest is mixed as above.
            The faces are then the numbered augmentations that the teachers saw, except with
            teachers that predict in the training step.
        soft_temperature: Softmax temperature of the soft labels and of the student's predictions
            that are compared with them; the loss is multiplied by its square (Hinton et al. 2015,
            https://arxiv.org/abs/1503.02531).
        standardize_logits: Whether that comparison is between logits that are scaled to mean 0 and
            standard deviation 1 per face first (Sun et al. 2024, https://arxiv.org/abs/2403.01427).
        logit_adjustment: Whether the loss of labels and votes adds the logarithm of their class
            frequencies to the logits, so that the network learns logits for equally frequent
            classes (Menon et al. 2021, https://arxiv.org/abs/2007.07314).
        augmentation: Random augmentation in every training step.
        mixup: Parameter of Beta(mixup, mixup), from which the share of a blended second face is
            drawn (Zhang et al. 2017, https://arxiv.org/abs/1710.09412); 0 disables it.
        classes: FER2013's seven classes with its labels; FER+'s eight with the distribution of
            its votes; or "ferplus7", FER2013's seven classes with the distribution of FER+'s votes
            for them.
        sample_labels: Whether every epoch samples one label per face from its target (Barsoum et
            al. 2016, https://arxiv.org/abs/1608.01041) instead of using the distribution.
        weight_averaging: Momentum of an exponential moving average of the weights, which is then
            evaluated and published; 0 disables it.
        bn_folded: Whether the batch norms of the initial weights were folded into the convolutions,
            as in the shipped `.tflite` files, so that their statistics must be estimated before
            training.
        precision: Dtype policy of Keras during training; published networks are float32.
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
    standardize_logits: bool = False
    logit_adjustment: bool = False
    augmentation: Augmentation = field(default_factory=Augmentation)
    mixup: float = 0.0
    classes: Literal["fer2013", "ferplus", "ferplus7"] = "fer2013"
    sample_labels: bool = False
    weight_averaging: float = 0.0
    bn_folded: bool = False
    precision: Precision = "float32"

    @property
    def epochs(self) -> int:
        """Total number of epochs."""
        return sum(stage.epochs for stage in self.stages)

    @property
    def needs_offsets(self) -> bool:
        """Whether class frequencies in the targets differ from those of FER2013's labels."""
        return bool(self.ferplus_weight or self.soft_weight)

    @property
    def identity(self) -> str:
        """JSON of all fields that differ from their defaults.

        A new field whose default keeps the former behaviour leaves the identity unchanged.
        """
        return json.dumps(_changed_fields(self), sort_keys=True)

    def stage_number(self, epoch: int) -> int:
        """Return the number of the stage that contains an epoch, counted from 0 over all stages."""
        for number, stage in enumerate(self.stages):
            if epoch < stage.epochs:
                return number
            epoch -= stage.epochs
        return len(self.stages) - 1


def _changed_fields(settings: Recipe | Stage | Augmentation) -> dict[str, object]:
    """Return the fields that differ from their defaults, recursively."""
    changed: dict[str, object] = {}
    for each in fields(settings):
        value = getattr(settings, each.name)
        default = each.default if each.default_factory is MISSING else each.default_factory()
        if value == default:
            continue
        if isinstance(value, Augmentation):
            changed[each.name] = _changed_fields(value)
        elif each.name == "stages":
            changed[each.name] = [_changed_fields(stage) for stage in value]
        else:
            changed[each.name] = value
    return changed


def with_sizes(recipe: Recipe, sizes: Mapping[str, object]) -> Recipe:
    """Return a recipe with other arguments for its network."""
    return replace(recipe, sizes={**recipe.sizes, **sizes})


def with_epochs(recipe: Recipe, epochs: int) -> Recipe:
    """Return a recipe with another total of epochs, divided over the stages as before.

    Raises:
        InputError: If a stage would have no epoch after its warm-up.
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
