"""Networks on a backbone of `keras.applications`: grey to colour, scaling, backbone and head."""

import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal

import keras
from keras import layers

from fer_sdk.errors import InputError, first_line
from fer_sdk.evaluation.fer2013 import SIDE
from fer_sdk.labels import FER2013_LABELS

BACKBONE = "backbone"
"""Name of the layer that frozen stages do not train."""


def build(
    application: Callable[..., keras.Model],
    *,
    scale: float,
    offset: float | Sequence[float],
    input_size: int,
    weights: str,
    head: Literal["dense", "plain"] = "dense",
    classes: int = len(FER2013_LABELS),
) -> keras.Model:
    """Build a network from grey faces through a backbone to the logits.

    Args:
        application: Function of `keras.applications`.
        scale: Factor for the grey levels.
        offset: Offset added after scaling, one number or one per channel.
        input_size: Side of the backbone's input in pixels; the model resizes the faces.
        weights: "imagenet" (downloaded by Keras), "none", or a `.weights.h5` file of the backbone.
        head: Three dense layers, or only dropout, between the pooled features and the logits.
        classes: Number of logits.

    Returns:
        Model from float32 (batch, 48, 48, 1), range [0, 255], to logits (batch, classes).

    Raises:
        InputError: If the weights cannot be loaded.
    """
    inputs = keras.Input((SIDE, SIDE, 1), name="face")
    x = inputs
    if input_size != SIDE:
        x = layers.Resizing(input_size, input_size, interpolation="bilinear")(x)
    x = layers.Concatenate(name="grey_to_colour")([x, x, x])
    x = layers.Rescaling(scale, offset)(x)
    x = _backbone(application, input_size, weights)(x)
    x = layers.GlobalAveragePooling2D()(x)
    x = _dense(x) if head == "dense" else layers.Dropout(0.3)(x)
    logits = layers.Dense(classes, name="logits")(x)
    return keras.Model(inputs, logits, name=application.__name__.lower())


def _backbone(
    application: Callable[..., keras.Model], input_size: int, weights: str
) -> keras.Model:
    shape = (input_size, input_size, 3)
    name = application.__name__
    try:
        if weights == "imagenet":
            with warnings.catch_warnings():
                # MobileNet warns that its weights are those for 224 px, which is intended.
                warnings.simplefilter("ignore", UserWarning)
                return application(
                    weights="imagenet", include_top=False, input_shape=shape, name=BACKBONE
                )
        backbone = application(weights=None, include_top=False, input_shape=shape, name=BACKBONE)
        if weights != "none":
            if not Path(weights).is_file():
                raise InputError(
                    f"no weights at {weights}: use imagenet, none or a .weights.h5 file of {name}"
                )
            backbone.load_weights(weights)
        return backbone
    except InputError:
        raise
    except Exception as error:  # Keras raises a bare Exception when a download fails
        raise InputError(
            f"{name} cannot be built at {input_size} px with the weights {weights}: "
            f"{first_line(error)}; offline, use --weights FILE with a .weights.h5 file"
        ) from error


def _dense(x: keras.KerasTensor) -> keras.KerasTensor:
    """Apply three dense layers with ELU, batch norm and dropout to pooled features."""
    x = layers.Dropout(0.5)(layers.BatchNormalization()(x))
    x = layers.Dense(1024, "elu", kernel_regularizer=keras.regularizers.L2(0.01))(x)
    x = layers.Dropout(0.4)(layers.BatchNormalization()(x))
    x = layers.Dense(512, "elu")(x)
    x = layers.Dropout(0.3)(layers.BatchNormalization()(x))
    x = layers.Dense(128, "elu")(x)
    return layers.Dropout(0.2)(x)
