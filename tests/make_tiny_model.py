"""Write tests/golden/tiny-*: models whose output can be computed by hand.

The input is divided into eight bands of six rows. Logit k, from 0 to 6, is the mean grey level of
band k times 10/255. A face with a white band 3 and black elsewhere has the logits
(0, 0, 0, 10, 0, 0, 0).

foreign-rgb.tflite, without a sidecar, is a network of another origin: 96x96 pixels of three
channels, five classes, a Flatten layer of open batch size, softmax. Its logits are ten times the
means of the three channels, then 5 and 0.

    python -m tests.make_tiny_model        requires the extra `convert`
"""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tests.synthetic import band_face

from fer_sdk.bundles.bundle import ModelBundle, Precision
from fer_sdk.labels import FER2013_LABELS
from fer_sdk.preprocess import FER2013_INPUT

GOLDEN = Path(__file__).parent / "golden"


def weights() -> NDArray[np.float32]:
    """Return the kernel of the dense layer: float32 (8 bands, 7 logits)."""
    return np.asarray(np.eye(8, 7) * (10 / 255), np.float32)


def sidecar(path: Path, precision: Precision) -> None:
    """Write the sidecar of a tiny model; the model file must exist."""
    ModelBundle(
        path=path,
        labels=FER2013_LABELS,
        precision=precision,
        input=FER2013_INPUT,
        temperature=1.0,
        uncertain_below=0.5,
        license="Apache-2.0",
        source={"made by": "tests/make_tiny_model.py"},
        metrics=(),
    ).write_sidecar()


def make_tflite() -> None:
    """Write tiny-float32.tflite, tiny-int8.tflite and tiny-int16x8.tflite."""
    import keras

    from fer_convert import recipes
    from fer_convert.calibration import Calibration
    from fer_convert.export import for_conversion

    model = keras.Sequential(
        [
            keras.Input((48, 48, 1)),
            keras.layers.AveragePooling2D((6, 48)),
            keras.layers.Flatten(),
            keras.layers.Dense(7, use_bias=False),
        ]
    )
    model.set_weights([weights()])
    ready = for_conversion(model)
    faces = np.stack([band_face(band, level) for band in range(8) for level in (64, 128, 255)])
    bands = Calibration("bands", faces)
    converted: tuple[tuple[Precision, bytes], ...] = (
        ("float32", recipes.float32(ready)),
        ("int8", recipes.int8_full(ready, bands)),
        ("int16x8", recipes.int16x8(ready, bands)),
    )
    for precision, data in converted:
        path = GOLDEN / f"tiny-{precision}.tflite"
        path.write_bytes(data)
        sidecar(path, precision)


def make_foreign() -> None:
    """Write foreign-rgb.tflite."""
    import keras
    import tensorflow as tf

    model = keras.Sequential(
        [
            keras.Input((96, 96, 3)),
            keras.layers.AveragePooling2D(96),
            keras.layers.Flatten(),
            keras.layers.Dense(5, activation="softmax"),
        ]
    )
    model.set_weights([10 * np.eye(3, 5), np.array([0, 0, 0, 5, 0])])
    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    (GOLDEN / "foreign-rgb.tflite").write_bytes(converter.convert())


def make_onnx() -> None:
    """Write tiny-float32.onnx, built node by node."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    graph = helper.make_graph(
        [
            helper.make_node(
                "AveragePool", ["face"], ["bands"], kernel_shape=[6, 48], strides=[6, 48]
            ),
            helper.make_node("Flatten", ["bands"], ["flat"]),
            helper.make_node("MatMul", ["flat", "weights"], ["logits"]),
        ],
        "tiny",
        [helper.make_tensor_value_info("face", TensorProto.FLOAT, [1, 1, 48, 48])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, [1, 7])],
        [numpy_helper.from_array(weights(), "weights")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.checker.check_model(model)
    path = GOLDEN / "tiny-float32.onnx"
    path.write_bytes(model.SerializeToString())
    sidecar(path, "float32")


if __name__ == "__main__":
    make_tflite()
    make_foreign()
    make_onnx()
