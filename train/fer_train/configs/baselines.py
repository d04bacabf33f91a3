"""Recipes of networks from the literature, trained from scratch."""

from typing import Final

from fer_train.configs.augmentations import MEDIUM, MILD, STUDENT_AUGMENTATION
from fer_train.data.recipe import Recipe, Stage

RECIPES: Final = {
    # fer-train fit simple-cnn
    # 2 cores: 11 minutes. PublicTest 55.45 %, PrivateTest 55.68 %.
    "simple-cnn": Recipe(
        model="simple_cnn",
        stages=(Stage(epochs=20, learning_rate=0.03, warmup_epochs=1),),
        augmentation=MILD,
    ),
    # fer-train fit mini-vgg
    # 2 cores: 17 minutes. PublicTest 58.51 %, PrivateTest 59.80 %.
    # VGG: Simonyan and Zisserman 2014, https://arxiv.org/abs/1409.1556.
    "mini-vgg": Recipe(
        model="mini_vgg",
        stages=(Stage(epochs=16, learning_rate=0.05, warmup_epochs=1),),
        ferplus_weight=0.6,
        augmentation=MILD,
        precision="mixed_bfloat16",
    ),
    # fer-train fit mini-vgg-pooled
    # 2 cores: 16 minutes. PublicTest 58.39 %, PrivateTest 59.56 %.
    # Global average pooling in place of dense layers.
    "mini-vgg-pooled": Recipe(
        model="mini_vgg",
        sizes={"fully_connected": False},
        stages=(Stage(epochs=16, learning_rate=0.05, warmup_epochs=1),),
        ferplus_weight=0.6,
        augmentation=MILD,
        precision="mixed_bfloat16",
    ),
    # fer-train fit vggnet
    # For a GPU: time and score not measured. The paper reports 73.28 % of all
    # 3,589 PrivateTest faces.
    # Khaireddin and Chen 2021, https://arxiv.org/abs/2105.03588.
    "vggnet": Recipe(
        model="vggnet",
        stages=(Stage(epochs=300, learning_rate=0.01, warmup_epochs=3),),
        batch_size=64,
        weight_decay=5e-3,
        augmentation=STUDENT_AUGMENTATION,
        precision="mixed_bfloat16",
    ),
    # fer-train fit vggnet-48
    # 2 cores: 59 minutes. PublicTest 65.82 %, PrivateTest 67.89 %.
    # The network of `vggnet` at half the width, for CPUs.
    "vggnet-48": Recipe(
        model="vggnet",
        sizes={"widths": (32, 64, 128, 256), "dense": 512},
        stages=(Stage(epochs=50, learning_rate=0.05, warmup_epochs=2),),
        ferplus_weight=0.2,
        augmentation=MEDIUM,
        precision="mixed_bfloat16",
    ),
}
