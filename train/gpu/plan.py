"""What is trained: networks, recipes and minutes, best first.

Minutes and images per second are for one H100 and estimated from the number of multiplications;
`python -m gpu probe` measures the latter. Scores: not measured.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from fer_train.configs import RECIPES
from fer_train.configs.augmentations import STUDENT_AUGMENTATION
from fer_train.data.recipe import Recipe, Stage

FER2013: Final = "fer2013.npz"
FACES: Final = "faces.npz"
"""Names of the unpacked data: FER2013 with FER+'s votes, and faces of `fer-train import-faces`."""
STEPS_PER_CALL: Final = 32
VALIDATIONS: Final = 10
"""Validations of a run, at least; each writes a checkpoint."""


@dataclass(frozen=True, slots=True)
class Planned:
    """One run.

    Attributes:
        recipe: Network and settings; its epochs are reduced to what fits into the time.
        minutes: Share of the step's time, relative to the other runs of the step.
        images_per_second: Expected speed of a training step.
        seed: Seed of the run.
        weights: Unpacked `.weights.h5` file of the backbone.
        teachers: Weights of the teachers that predict in the training step, by name in `TEACHERS`.
            The run then trains on the imported faces, too.
    """

    recipe: Recipe
    minutes: float
    images_per_second: int
    seed: int = 0
    weights: str | None = None
    teachers: Mapping[str, float] = field(default_factory=dict)


# Wide residual networks: Zagoruyko and Komodakis 2016, https://arxiv.org/abs/1605.07146.
_WIDE: Final = Recipe(  # 14 M parameters
    model="residual_student",
    sizes={"stem": 64, "widths": (160, 320, 640), "blocks": (2, 2, 1)},
    stages=(Stage(300, 0.2, warmup_epochs=5),),
    batch_size=512,
    weight_decay=5e-3,
    ferplus_weight=0.35,
    augmentation=STUDENT_AUGMENTATION,
    mixup=0.2,
    weight_averaging=0.999,
    precision="mixed_bfloat16",
)
_MOBILENET: Final = replace(
    RECIPES["mobilenet-faces-112"],
    sizes={**RECIPES["mobilenet-faces-112"].sizes, "input_size": 160},
    stages=(Stage(2, 2e-3, frozen=True), Stage(58, 6e-4, warmup_epochs=1)),
    batch_size=256,
    ferplus_weight=0.35,
)
_MOBILENET_FACES: Final = "mobilenet_v1_vggface2_notop.weights.h5"


def _of_votes(recipe: Recipe) -> Recipe:
    """Return a recipe for the distribution of FER+'s votes over eight classes."""
    return replace(recipe, classes="ferplus", ferplus_weight=0.0, label_smoothing=0.0)


def _three_stages(model: str, frozen_epochs: int) -> Recipe:
    """Return a recipe with frozen backbone, whole network, class weights, at 96 px."""
    return replace(
        RECIPES[model],
        sizes={**RECIPES[model].sizes, "weights": "none"},
        stages=(
            Stage(frozen_epochs, 2e-3, frozen=True),
            Stage(80, 1e-3, warmup_epochs=1),
            Stage(20, 1e-4, class_weights=True),
        ),
        batch_size=256,
        precision="mixed_bfloat16",
    )


TEACHERS: Final = {
    "wide": Planned(_WIDE, 3, 27_000),
    "mobilenet-160-ferplus": Planned(
        _of_votes(_MOBILENET), 1.5, 10_000, weights=_MOBILENET_FACES
    ),
    "wide-ferplus": Planned(_of_votes(_WIDE), 2, 27_000),
    "mobilenet-160": Planned(_MOBILENET, 1.5, 10_000, weights=_MOBILENET_FACES),
    # As published, but for the batch of 64 and its learning rate.
    "vggnet": Planned(
        replace(
            RECIPES["vggnet"], stages=(Stage(300, 0.04, warmup_epochs=3),), batch_size=256
        ),
        1.5,
        80_000,
    ),
    "inception-v3": Planned(
        _three_stages("inception-v3", 50), 1, 20_000,
        weights="inception_v3_imagenet_notop.weights.h5",
    ),
    # Without pretrained weights, so with a short first stage.
    "resnet50v2": Planned(_three_stages("resnet50v2", 4), 1, 25_000),
    "xception": Planned(_three_stages("xception", 4), 1, 8_000),
    "wide-seed1": Planned(_WIDE, 2, 27_000, seed=1),
}  # fmt: skip
"""Runs of `python -m gpu teachers`."""

# Function matching, Beyer et al. 2022 (https://arxiv.org/abs/2106.05237): every face is blended
# with another one, by a uniform share, and the teachers predict for that very face.
_STUDENTS: Final = Recipe(
    model="side_by_side",
    sizes={"students": {"nano": RECIPES["nano-fer2013-start"].sizes,
                        "small": RECIPES["small-fer2013"].sizes,
                        "base": RECIPES["base-fer2013"].sizes}},
    stages=(
        Stage(600, 0.2, warmup_epochs=5, final_learning_rate=0.07, side=32),
        Stage(400, 0.07),
    ),
    batch_size=512,
    label_smoothing=0.0,
    soft_weight=0.9,
    soft_temperature=2.0,
    classes="ferplus7",
    augmentation=STUDENT_AUGMENTATION,
    mixup=1.0,
    weight_averaging=0.999,
    precision="mixed_bfloat16",
)  # fmt: skip
_CROWD: Final = {"wide-ferplus": 0.35, "mobilenet-160-ferplus": 0.35, "wide": 0.3}

STUDENTS: Final = {
    "students": Planned(_STUDENTS, 5, 30_000, teachers=_CROWD),
    "students-standardized": Planned(
        replace(_STUDENTS, standardize_logits=True), 3, 30_000, teachers=_CROWD
    ),
    "base-ferplus": Planned(
        replace(
            _STUDENTS,
            model="residual_student",
            sizes=RECIPES["base-fer2013"].sizes,
            classes="ferplus",
        ),
        2,
        40_000,
        teachers={"wide-ferplus": 0.5, "mobilenet-160-ferplus": 0.5},
    ),
}
"""Runs of `python -m gpu students`; the first two train three networks each, side by side."""
