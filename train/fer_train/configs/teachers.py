"""Recipes of teachers: networks on pretrained backbones, and larger networks from scratch.

Backbones take `--weights imagenet` (downloaded by Keras) or `--weights FILE`, a .weights.h5 file.
"""

from dataclasses import replace
from typing import Final

from fer_train.configs.augmentations import MEDIUM, MILD, STUDENT_AUGMENTATION
from fer_train.data.recipe import Augmentation, Recipe, Stage

# Stages of the project's ResNet50V2 before this repository: frozen backbone, whole network, class
# weights. It ended at 61.16 % of PublicTest + PrivateTest; class weights gave 60.02 %.
_TRANSFER_STAGES: Final = (
    Stage(epochs=50, learning_rate=1e-3, frozen=True),
    Stage(epochs=50, learning_rate=5e-4),
    Stage(epochs=20, learning_rate=5e-5, class_weights=True),
)


def _transfer(model: str, input_size: int) -> Recipe:
    return Recipe(
        model=model,
        sizes={"input_size": input_size, "weights": "imagenet"},
        stages=_TRANSFER_STAGES,
        batch_size=64,
        optimizer="adam",
        weight_decay=1e-4,
        label_smoothing=0.0,
        augmentation=MILD,
    )


def _small_transfer(model: str, input_size: int, epochs: int) -> Recipe:
    """Return the three transfer stages with few epochs of small images, for CPUs."""
    return replace(
        _transfer(model, input_size),
        stages=(
            Stage(epochs=1, learning_rate=1e-3, frozen=True),
            Stage(epochs, learning_rate=3e-4, warmup_epochs=1),
            Stage(epochs=1, learning_rate=5e-5, class_weights=True),
        ),
        precision="mixed_bfloat16",
    )


_INCEPTION_V3_75: Final = _small_transfer("inception_v3", 75, epochs=7)
_MOBILENET_FACES: Final = replace(
    _transfer("mobilenet", 96),
    sizes={"input_size": 96, "weights": "imagenet", "trained_on": "vggface2"},
    stages=(
        Stage(epochs=1, learning_rate=1e-3, frozen=True),
        Stage(epochs=12, learning_rate=3e-4, warmup_epochs=1),
        Stage(epochs=2, learning_rate=5e-5, class_weights=True),
    ),
    bn_folded=True,
    label_smoothing=0.05,
    augmentation=MEDIUM,
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
_MOBILENET_FACES_128: Final = replace(
    _MOBILENET_FACES_112,
    sizes={**_MOBILENET_FACES_112.sizes, "input_size": 128},
    label_smoothing=0.0,
    soft_weight=0.5,
    augmentation=Augmentation(flip=True, erasing=0.3),
)
_RESIDUAL_48: Final = Recipe(
    model="residual_student",
    sizes={"stem": 32, "widths": (64, 128, 256)},
    stages=(
        Stage(epochs=36, learning_rate=0.1, warmup_epochs=2),
        Stage(epochs=14, learning_rate=0.06),
    ),
    ferplus_weight=0.6,
    augmentation=STUDENT_AUGMENTATION,
    precision="mixed_bfloat16",
)

RECIPES: Final = {
    # Transfer from ImageNet at 96 px, for a GPU. Times and scores: not measured.
    #
    # fer-train fit resnet50v2 (He et al. 2016, https://arxiv.org/abs/1603.05027)
    "resnet50v2": _transfer("resnet50v2", 96),
    # fer-train fit resnet50 (He et al. 2015, https://arxiv.org/abs/1512.03385)
    "resnet50": _transfer("resnet50", 96),
    # fer-train fit inception-v3 (Szegedy et al. 2015, https://arxiv.org/abs/1512.00567)
    "inception-v3": _transfer("inception_v3", 96),
    # fer-train fit xception (Chollet 2017, https://arxiv.org/abs/1610.02357)
    "xception": _transfer("xception", 96),
    # fer-train fit mobilenet (Howard et al. 2017, https://arxiv.org/abs/1704.04861)
    "mobilenet": _transfer("mobilenet", 96),
    #
    # The same networks with small inputs and few epochs, for CPUs.
    #
    # fer-train fit resnet50v2-48 --weights FILE
    # 2 cores: 20 minutes. PublicTest 31.28 %, PrivateTest 31.23 %.
    "resnet50v2-48": _small_transfer("resnet50v2", 48, epochs=2),
    # fer-train fit resnet50-48 --weights FILE
    # 2 cores: 19 minutes. PublicTest 25.78 %, PrivateTest 26.48 %.
    "resnet50-48": _small_transfer("resnet50", 48, epochs=2),
    # fer-train fit inception-v3-75 --weights FILE
    # 1 core with --precision float32: 42 minutes. PublicTest 61.47 %, PrivateTest 62.07 %. With
    # bfloat16 and a last epoch with class weights: 56.97 and 59.71 %.
    "inception-v3-75": replace(_INCEPTION_V3_75, stages=_INCEPTION_V3_75.stages[:2]),
    # fer-train fit xception-71 --weights FILE
    # 2 cores: 38 minutes. PublicTest 55.97 %, PrivateTest 56.74 %.
    "xception-71": _small_transfer("xception", 71, epochs=2),
    # fer-train fit mobilenet-96 --weights FILE
    # 2 cores: 31 minutes. PublicTest 63.22 %, PrivateTest 65.04 %.
    "mobilenet-96": replace(_small_transfer("mobilenet", 96, epochs=10), precision="float32"),
    #
    # MobileNet pretrained on the faces of VGGFace2 (Cao et al. 2018,
    # https://arxiv.org/abs/1710.08092; weights of HSE FaceRec).
    #
    # fer-train fit mobilenet-faces --weights FILE
    # 2 cores: 62 minutes. PublicTest 64.49 %, PrivateTest 67.07 %.
    "mobilenet-faces": _MOBILENET_FACES,
    # fer-train fit mobilenet-faces-long --weights FILE
    # 2 cores: 47 minutes. PublicTest 67.85 %, PrivateTest 68.31 %.
    # Votes as targets: Barsoum et al. 2016, https://arxiv.org/abs/1608.01041.
    "mobilenet-faces-long": _MOBILENET_FACES_LONG,
    # fer-train fit mobilenet-faces-112 --weights FILE
    # 2 cores: 40 minutes. PublicTest 68.21 %, PrivateTest 69.89 % (seed 1).
    "mobilenet-faces-112": _MOBILENET_FACES_112,
    # fer-train fit mobilenet-faces-labels --weights FILE
    # 2 cores: 42 minutes. PublicTest 68.24 %, PrivateTest 70.37 %.
    # Without FER+ votes, for variety in ensembles.
    "mobilenet-faces-labels": replace(_MOBILENET_FACES_112, ferplus_weight=0.0),
    # fer-train distill mobilenet-faces-distilled train/soft_labels.npz --weights FILE
    # 2 cores: 70 minutes. PublicTest 69.75 %, PrivateTest 70.52 %.
    # Larger faces, and half of the target from the soft labels of earlier teachers
    # (Furlanello et al. 2018, https://arxiv.org/abs/1805.04770).
    "mobilenet-faces-distilled": replace(
        _MOBILENET_FACES_128,
        stages=(
            Stage(epochs=1, learning_rate=1e-3, frozen=True),
            Stage(epochs=18, learning_rate=3e-4, warmup_epochs=1),
        ),
    ),
    # fer-train fit residual-48
    # 2 cores: 72 minutes. PublicTest 66.27 %, PrivateTest 67.43 %.
    # The network at the end of either stage is a member of the ensemble (Huang et al. 2017,
    # https://arxiv.org/abs/1704.00109).
    "residual-48": _RESIDUAL_48,
    #
    # Teachers of FER+'s classes (Barsoum et al. 2016, https://arxiv.org/abs/1608.01041).
    #
    # fer-train fit mobilenet-faces-ferplus --weights FILE --epochs 14 --precision float32
    # 2 cores: 211 minutes, with other processes running. PublicTest, FER+ majority, 8 classes
    # (n = 2,948): 87.45 %. A teacher of the shipped `nano`, `small` and `base`.
    "mobilenet-faces-ferplus": replace(
        _MOBILENET_FACES_LONG, classes="ferplus", ferplus_weight=0.0, label_smoothing=0.0
    ),
    # fer-train distill mobilenet-faces-everyday train/soft_labels_ferplus.npz --weights FILE
    # 1 core: 67 minutes. PublicTest, FER+ majority, 7 classes (n = 2,938): 88.77 %. Its float16
    # file is in train/teachers. Larger faces, and half of the target from earlier teachers.
    "mobilenet-faces-everyday": replace(
        _MOBILENET_FACES_128,
        stages=(
            Stage(epochs=1, learning_rate=1e-3, frozen=True),
            Stage(epochs=12, learning_rate=3e-4, warmup_epochs=1),
        ),
        classes="ferplus7",
        ferplus_weight=0.0,
        soft_temperature=2.0,
        logit_adjustment=True,
        precision="float32",
    ),
    # fer-train fit residual-48-ferplus
    # Time and score: not measured.
    "residual-48-ferplus": replace(
        _RESIDUAL_48, classes="ferplus", ferplus_weight=0.0, label_smoothing=0.0
    ),
}
