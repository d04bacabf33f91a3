"""Recipes of the shipped networks and of small networks in general."""

from dataclasses import replace
from typing import Final

from fer_train.configs.augmentations import STUDENT_AUGMENTATION
from fer_train.data.recipe import Augmentation, Recipe, Stage


def _student(stem: int, widths: tuple[int, ...], blocks: tuple[int, ...], epochs: int) -> Recipe:
    """Return the recipe of a shipped network; they differ in size and number of epochs only.

    One learning-rate schedule spans both stages. Distillation: Hinton et al. 2015,
    https://arxiv.org/abs/1503.02531; with the teacher's prediction for the same augmentation: Beyer
    et al. 2022, https://arxiv.org/abs/2106.05237.
    """
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


def _everyday(fer2013: Recipe, weights: str, *stages: Stage) -> Recipe:
    """Return the recipe that continues the training of a network on votes and ordinary faces.

    Targets are FER+'s votes and the predictions of teachers of FER+'s classes; `--faces` adds
    ordinary faces. The network learns logits for equally frequent classes.
    """
    return replace(
        fer2013,
        sizes={**fer2013.sizes, "weights": weights},
        stages=stages,
        classes="ferplus7",
        soft_weight=0.5,
        logit_adjustment=True,
        bn_folded=True,
    )


_NANO: Final = _student(stem=16, widths=(32, 56, 64), blocks=(1, 1, 0), epochs=100)
_SMALL: Final = _student(stem=16, widths=(48, 64, 72), blocks=(1, 2, 1), epochs=130)
_BASE: Final = _student(stem=32, widths=(64, 128, 176), blocks=(1, 1, 1), epochs=100)
_TWO_SIDES: Final = (
    Stage(5, 0.03, warmup_epochs=1, final_learning_rate=0.01, side=32),
    Stage(4, 0.01),
)

RECIPES: Final = {
    # Networks of FER+'s votes for seven classes. PublicTest: FER+ majority, n = 2,938. Their soft
    # labels were made by
    #
    # fer-train soft-labels mobilenet-faces-ferplus.keras base-fer2013-int8 base-ferplus-int8 \
    #     --faces data/fairface.npz --prior balanced --smiles 0.5 --augmentations 5
    # fer-train soft-labels mobilenet-faces-ferplus.keras base-ferplus-int8 \
    #     --prior balanced --augmentations 5
    #
    # with data/fairface.npz of `fer-train import-faces` and balanced priors of
    # `fer-train fit-priors`, both on the packs that docs/tutorials/train.md names. The last
    # of these teachers is in train/teachers.
    #
    # fer-train distill nano train/soft_labels_ferplus.npz \
    #     --faces data/fairface.npz train/soft_labels_fairface.npz --precision float32 --epochs 24
    # 1 core: 59 minutes. PublicTest 85.94 %. First part of the training of `nano-continued`. With
    # --epochs 6 and 3 augmentations, 16 minutes, 85.09 %.
    "nano": _everyday(_NANO, "train/students/nano-fer2013-float32.tflite", *_TWO_SIDES),
    # fer-train distill nano-continued, the same, without --epochs
    # 1 core: 39 minutes after `nano`. PublicTest 86.62 %. After one epoch of QAT, shipped as
    # `nano`. Only faces of the full side: `nano` loses 2.6 points in 13 epochs at 32 pixels.
    "nano-continued": _everyday(
        _NANO, "runs/nano-seed0/nano.keras", Stage(12, 0.03, warmup_epochs=1)
    ),
    # fer-train distill small, the same, --epochs 18
    # 1 core: 91 minutes. PublicTest 87.44 %. First part of the training of `small-continued`. With
    # --epochs 6 and 3 augmentations, 29 minutes: 86.28 %.
    "small": _everyday(_SMALL, "train/students/small-fer2013-float32.tflite", *_TWO_SIDES),
    # fer-train distill small-continued, the same, without --epochs
    # 1 core: 78 minutes after `small`. PublicTest 87.85 %. After one epoch of QAT, shipped as
    # `small`. With a soft temperature of 1, 6 epochs at a learning rate of .02: 87.13 %.
    "small-continued": replace(
        _everyday(_SMALL, "runs/small-seed0/small.keras", Stage(10, 0.03, warmup_epochs=1)),
        soft_temperature=2.0,
    ),
    # fer-train distill nano-from-scratch, the same, without --epochs
    # 1 core: 27 minutes. PublicTest 81.52, 81.48 and 82.03 % with seeds 0, 1 and 2. Not shipped:
    # shows how much the scores of `nano` depend on the seed.
    "nano-from-scratch": replace(
        _everyday(
            _NANO,
            "none",
            Stage(6, 0.1, warmup_epochs=1, final_learning_rate=0.035, side=32),
            Stage(4, 0.035),
        ),
        soft_temperature=2.0,
        bn_folded=False,
    ),
    # fer-train distill base, the same, without --epochs
    # 1 core: 108 minutes. PublicTest 87.75 %. After one epoch of QAT, shipped as `base`. With 5
    # epochs and a soft temperature of 1: 87.64 %.
    "base": replace(
        _everyday(
            _BASE, "train/teachers/base-ferplus-float32.tflite", Stage(6, 0.02, warmup_epochs=1)
        ),
        soft_temperature=2.0,
    ),
    # fer-train distill base-continued, the same, without --epochs
    # 1 core: 194 minutes after `base`, with other processes running. PublicTest 87.85 %.
    "base-continued": replace(
        _everyday(_BASE, "runs/base-seed0/base.keras", Stage(8, 0.03, warmup_epochs=1)),
        soft_temperature=2.0,
    ),
    #
    # Shipped networks for FER2013's labels, as this dataset's benchmarks have them.
    #
    # fer-train distill nano-fer2013-start train/soft_labels.npz --precision float32
    # 2 cores: 121 minutes. PublicTest 65.6 %. First half of the training of `nano-fer2013`.
    "nano-fer2013-start": _NANO,
    # fer-train distill nano-fer2013 train/soft_labels.npz --precision float32
    # 2 cores: 54 minutes after `nano-fer2013-start`. PublicTest 66.09 %, PrivateTest 67.31 %.
    # Continues from the weights of `nano-fer2013-start` at a higher learning rate.
    "nano-fer2013": replace(
        _NANO,
        sizes={**_NANO.sizes, "weights": "runs/nano-fer2013-start-seed0/nano-fer2013-start.keras"},
        stages=(
            Stage(30, 0.06, warmup_epochs=1, final_learning_rate=0.02, side=32),
            Stage(20, 0.02),
        ),
    ),
    # fer-train distill small-fer2013 train/soft_labels.npz --precision float32
    # 2 cores: 326 minutes. PublicTest 69.78 %, PrivateTest 69.58 %.
    "small-fer2013": _SMALL,
    # fer-train distill base-fer2013 train/soft_labels.npz --precision float32
    # 2 cores: 488 minutes. PublicTest 69.42 %, PrivateTest 70.49 %.
    "base-fer2013": _BASE,
    # fer-train distill base-ferplus train/soft_labels.npz --precision float32
    # 2 cores: 253 minutes after `base-fer2013`. FER+ majority, 8 classes: PublicTest
    # (n = 2,948) 87.04 %, PrivateTest (n = 2,894) 85.90 %.
    # FER+: Barsoum et al. 2016, https://arxiv.org/abs/1608.01041. Start of the training of `base`,
    # and a teacher. Continues from the weights of `base-fer2013`; the soft labels cover seven of
    # the eight classes, so votes get half the weight.
    "base-ferplus": replace(
        _BASE,
        sizes={**_BASE.sizes, "weights": "runs/base-fer2013-seed0/base-fer2013.keras"},
        stages=(
            Stage(12, 0.02, warmup_epochs=1, final_learning_rate=0.01, side=32),
            Stage(8, 0.01),
        ),
        classes="ferplus",
        soft_weight=0.5,
    ),
    # fer-train fit first-student
    # 2 CPU cores: 73 minutes. PublicTest 67.9 %.
    # Without teachers; votes as targets: Barsoum et al. 2016, https://arxiv.org/abs/1608.01041.
    "first-student": Recipe(
        model="residual_student",
        stages=(Stage(epochs=90, learning_rate=0.1, warmup_epochs=3),),
        ferplus_weight=0.35,
        augmentation=replace(STUDENT_AUGMENTATION, contrast=0.3),
    ),
    # fer-train fit smoke
    # Any CPU: seconds. No useful score: a few thousand parameters and two epochs, for tests and a
    # first run of all commands.
    "smoke": Recipe(
        model="residual_student",
        stages=(Stage(epochs=2, learning_rate=0.05),),
        sizes={"stem": 4, "widths": (6, 8), "blocks": (1, 1)},
        batch_size=16,
        augmentation=Augmentation(rotation_degrees=10, flip=True),
    ),
}

# fer-train qat MODEL.keras train/soft_labels_ferplus.npz, or train/soft_labels.npz for FER2013's
# labels. `nano`, PublicTest, FER+ majority, n = 2,938: 85.09 % in float32, 85.02 % in int8 without
# QAT, 85.16 % in int8 after one epoch of QAT (1 core: 3 minutes).
# Quantization-aware training: Jacob et al. 2018, https://arxiv.org/abs/1712.05877. `bn_folded`
# gives folded batch norms statistics to train with; it changes no network's outputs.
QAT: Final = Recipe(
    model="from_file",
    stages=(Stage(epochs=6, learning_rate=2e-3),),
    weight_decay=0.0,
    label_smoothing=0.0,
    soft_weight=0.8,
    weight_averaging=0.999,
    augmentation=Augmentation(flip=True),
    bn_folded=True,
)
