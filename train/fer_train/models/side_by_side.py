"""Several students in one network, which are trained in one step and share the teachers' work.

No student affects another: their weights are disjoint and the loss is the sum of their losses.
"""

from collections.abc import Mapping
from typing import Any

import keras
from keras import layers

from fer_sdk.evaluation.fer2013 import SIDE
from fer_sdk.labels import FER2013_LABELS
from fer_train.models import residual_student


def build(
    students: Mapping[str, Mapping[str, Any]],
    classes: int = len(FER2013_LABELS),
    side: int | None = SIDE,
) -> keras.Model:
    """Build the network.

    Args:
        students: Arguments of `residual_student.build` by name, at least two.
        classes: Number of logits of each student.
        side: Side of the faces in pixels; None for any size.

    Returns:
        Model from float32 (batch, side, side, 1), range [0, 255], to the students' logits side by
        side (batch, students x classes). Each student is the layer of its name.
    """
    inputs = keras.Input((side, side, 1), name="face")
    logits = []
    for name, sizes in students.items():
        network = residual_student.build(**sizes, classes=classes, side=side)
        logits.append(keras.Model(network.input, network.output, name=name)(inputs))
    return keras.Model(inputs, layers.Concatenate(name="logits")(logits), name="side_by_side")
