"""One function a precision: a Keras model in, the bytes of an .onnx file out."""

import os
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import keras
import numpy as np
from numpy.typing import NDArray

OPSET: Final = 17
"""Old enough for ONNX Runtime 1.12, new enough for every operator that is used."""

INPUT: Final = "face"


def float32(model: keras.Model) -> bytes:
    """Convert without quantising; the input is channels first, so that no transpose stands there.

    Args:
        model: From `fer_convert.export.for_conversion`.
    """
    import tensorflow as tf
    import tf2onnx

    signature = (tf.TensorSpec(model.input_shape, tf.float32, name=INPUT),)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # tf2onnx calls deprecated parts of TensorFlow and NumPy
        graph, _ = tf2onnx.convert.from_keras(model, signature, opset=OPSET, inputs_as_nchw=[INPUT])
    return bytes(graph.SerializeToString())


def float16(model: keras.Model) -> bytes:
    """Store and compute in float16: half the bytes, for GPU providers. Takes and gives float32.

    Args:
        model: From `fer_convert.export.for_conversion`.
    """
    import onnx
    from onnxconverter_common.float16 import convert_float_to_float16

    graph = onnx.load_from_string(float32(model))
    return bytes(convert_float_to_float16(graph, keep_io_types=True).SerializeToString())


def int8(model: keras.Model, faces: NDArray[np.uint8]) -> bytes:
    """Quantise weights to int8 and activations to uint8, as QDQ pairs that every provider reads.

    Takes float32 pixels, gives float32 logits.

    Args:
        model: From `fer_convert.export.for_conversion`.
        faces: Calibration faces, uint8 (n, height, width), reaching 0 and 255.
    """
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # read once, at import
    from onnxruntime import quantization

    class Faces(quantization.CalibrationDataReader):  # type: ignore[misc]  # it has no types
        def __init__(self) -> None:
            self.left: Iterator[NDArray[np.uint8]] = iter(faces)

        def get_next(self) -> dict[str, NDArray[np.float32]] | None:
            face = next(self.left, None)
            return None if face is None else {INPUT: face.astype(np.float32)[None, None]}

    with tempfile.TemporaryDirectory() as folder:
        source, ready, target = (Path(folder) / f"{n}.onnx" for n in ("float", "ready", "int8"))
        source.write_bytes(float32(model))
        quantization.quant_pre_process(str(source), str(ready), skip_symbolic_shape=True)
        quantization.quantize_static(
            str(ready),
            str(target),
            Faces(),
            quant_format=quantization.QuantFormat.QDQ,
            activation_type=quantization.QuantType.QUInt8,
            weight_type=quantization.QuantType.QInt8,
            per_channel=True,
        )
        return target.read_bytes()
