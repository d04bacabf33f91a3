"""A network as a `.keras` file has it, for fine-tuning."""

import keras

from fer_sdk.errors import InputError
from fer_sdk.labels import FER2013_LABELS
from fer_train.models.pretrained import load


def build(trained: str, classes: int = len(FER2013_LABELS)) -> keras.Model:
    """Load a network.

    Args:
        trained: `.keras` file.
        classes: Expected number of logits.

    Raises:
        InputError: If the file is unreadable or the number of logits differs.
    """
    network = load(trained)
    if network.output_shape[-1] != classes:
        raise InputError(
            f"{trained} has {network.output_shape[-1]} logits, expected {classes} classes"
        )
    return network
