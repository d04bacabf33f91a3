"""MobileNet (Howard et al. 2017, https://arxiv.org/abs/1704.04861)."""

from typing import Literal

import keras

from fer_train.models import transfer


def build(
    input_size: int = 96,
    weights: str = "none",
    trained_on: Literal["imagenet", "vggface2"] = "imagenet",
) -> keras.Model:
    """Build the net; arguments and result as `fer_train.models.transfer.build` has them.

    Args:
        input_size: See there.
        weights: See there.
        trained_on: What a file of weights was trained on. The known net of VGGFace2's faces (HSE
            FaceRec, Apache-2.0) takes grey levels minus its own means, and its batch norm was
            folded away, so here that stays in inference mode: a batch's statistics would undo it.
    """
    faces = trained_on == "vggface2"
    return transfer.build(
        keras.applications.MobileNet,
        scale=1.0 if faces else 1 / 127.5,
        offset=(-103.939, -116.779, -123.68) if faces else -1.0,
        input_size=input_size,
        weights=weights,
        normalise_batches=not faces,
    )
