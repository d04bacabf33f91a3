"""A network with known predictions, and its bundle."""

from pathlib import Path
from typing import Any

import keras
import numpy as np

from fer_convert.calibration import calibration_from_training
from fer_convert.conversion_data import ConversionData
from fer_convert.parity_faces import public_test_faces
from fer_sdk import ModelBundle
from fer_sdk.evaluation.fer2013 import Fer2013
from fer_sdk.labels import FER2013_LABELS
from fer_sdk.preprocess import FER2013_INPUT


def small_net(scaling: float = 1 / 255, offset: float = 0.0) -> Any:
    """Return a network with every layer type of the student that predicts the brightest band."""
    rng = np.random.default_rng(0)
    inputs = keras.Input((48, 48, 1))
    x = keras.layers.Rescaling(scaling, offset)(inputs)
    x = keras.layers.Conv2D(12, 3, 2, padding="same", use_bias=False, name="first")(x)
    x = keras.layers.ReLU()(keras.layers.BatchNormalization()(x))
    branch = keras.layers.Conv2D(12, 3, padding="same", name="second")(x)
    x = keras.layers.ReLU()(keras.layers.Add()([x, branch]))
    x = keras.layers.AveragePooling2D((3, 24))(x)
    outputs = keras.layers.Dense(7, name="last")(keras.layers.Flatten()(x))
    model = keras.Model(inputs, outputs)
    spread = rng.normal(0, 0.02, (3, 3, 1, 12)) + 1 / 9
    model.get_layer("first").set_weights([spread])
    model.get_layer("second").set_weights([rng.normal(0, 0.01, (3, 3, 12, 12)), np.zeros(12)])
    model.get_layer("last").set_weights([np.repeat(np.eye(8, 7), 12, axis=0) * 8 / 12, np.zeros(7)])
    return model


def conversion_data_of(data: Fer2013, samples: int = 70) -> ConversionData:
    """Return the conversion data that FER2013 provides."""
    return ConversionData(
        public_test_faces(data, FER2013_INPUT),
        calibration_from_training(data, samples, FER2013_INPUT),
        data,
    )


def bundled(
    model: Any,
    folder: Path,
    labels: tuple[str, ...] = FER2013_LABELS,
    stated: float | None = None,
) -> Path:
    """Save a model with a sidecar, which states an accuracy if `stated` is given."""
    path = folder / "net.keras"
    model.save(path)
    metrics = {"data": "FER2013", "split": "PublicTest, clean", "n": 34, "accuracy": stated}
    ModelBundle(
        path=path, labels=labels, precision="float32", input=FER2013_INPUT, temperature=0.5,
        uncertain_below=0.5, license="Apache-2.0", source={"recipe": "test"},
        metrics=() if stated is None else (metrics,),
    ).write_sidecar()  # fmt: skip
    return path
