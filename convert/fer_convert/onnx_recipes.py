"""One function a precision: a Keras model in, the bytes of an .onnx file out."""

import contextlib
import os
import re
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import keras
import numpy as np
from numpy.typing import NDArray

from fer_convert.calibration import Calibration, Range
from fer_sdk.errors import BundleError

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
    _renumber(graph.graph)
    return bytes(graph.SerializeToString())


def float16(model: keras.Model) -> bytes:
    """Store and compute in float16: half the bytes, for GPU providers. Takes and gives float32.

    Args:
        model: From `fer_convert.export.for_conversion`.
    """
    import onnx
    from onnxconverter_common.float16 import convert_float_to_float16

    graph = onnx.load_from_string(float32(model))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that a number below 1e-7 is written as 1e-7
        return bytes(convert_float_to_float16(graph, keep_io_types=True).SerializeToString())


def int8(model: keras.Model, calibration: Calibration) -> bytes:
    """Quantise weights to int8 and activations to uint8, as QDQ pairs that every provider reads.

    Takes float32 pixels, gives float32 logits.

    Args:
        model: From `fer_convert.export.for_conversion`.
        calibration: Gives the range of every activation.

    Raises:
        BundleError: If stored ranges are not this model's.
    """
    with _folded(model) as path:
        from onnxruntime import quantization
        from onnxruntime.quantization.calibrate import TensorsData
        from onnxruntime.quantization.qdq_quantizer import QDQQuantizer
        from onnxruntime.quantization.quant_utils import load_model_with_shape_infer

        ranges = _ranges(path, model, calibration)
        # As `quantize_static` does, which would measure again.
        quantizer = QDQQuantizer(
            load_model_with_shape_infer(path),
            per_channel=True,
            reduce_range=False,
            weight_qType=quantization.QuantType.QInt8,
            activation_qType=quantization.QuantType.QUInt8,
            tensors_range=TensorsData(
                quantization.CalibrationMethod.MinMax,
                {name: (np.float32(low), np.float32(high)) for name, (_, low, high) in ranges},
            ),
            nodes_to_quantize=[],
            nodes_to_exclude=[],
            op_types_to_quantize=_operators(),
            extra_options={},
        )
        quantizer.quantize_model()
        quantizer.model.save_model_to_file(str(path), use_external_data_format=False)
        return path.read_bytes()


def ranges_of(model: keras.Model, calibration: Calibration) -> tuple[Range, ...]:
    """Return the ranges that `int8` would use, the input's first."""
    with _folded(model) as path:
        return tuple(found for _, found in _ranges(path, model, calibration))


@contextlib.contextmanager
def _folded(model: keras.Model) -> Iterator[Path]:
    """Give the path of the float .onnx file with its batch normalisation folded."""
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # read once, at import
    from onnxruntime import quantization

    with tempfile.TemporaryDirectory() as folder:
        source, ready = Path(folder) / "float.onnx", Path(folder) / "ready.onnx"
        source.write_bytes(float32(model))
        quantization.quant_pre_process(str(source), str(ready), skip_symbolic_shape=True)
        yield ready


def _ranges(path: Path, model: keras.Model, calibration: Calibration) -> list[tuple[str, Range]]:
    """Return each tensor's name with its range; the input's is that of pixels."""
    import onnx

    graph = onnx.load(str(path)).graph
    makers = {INPUT: "input"} | {name: node.op_type for node in graph.node for name in node.output}
    measured = _measure(path, model, calibration)
    measured[INPUT] = (0.0, 255.0)
    names = [name for name in makers if name in measured]
    if calibration.ranges is None:
        return [(name, (makers[name], *measured[name])) for name in names]
    stored = calibration.ranges.onnx
    if [maker for maker, *_ in stored] != [makers[name] for name in names]:
        raise BundleError(
            f"stored ranges are for {len(stored)} tensors, but the float .onnx file has "
            f"{len(names)} or makes them otherwise: write them again"
        )
    return list(zip(names, stored, strict=True))


def _measure(
    path: Path, model: keras.Model, calibration: Calibration
) -> dict[str, tuple[float, float]]:
    """Return least and largest number of each tensor by name."""
    from onnxruntime import quantization

    batch, height, width, _ = model.input_shape
    faces = calibration.faces
    if faces is None:
        faces = np.zeros((1, height, width), np.uint8)  # only to have places for the ranges
    left = iter(faces)

    class Faces(quantization.CalibrationDataReader):  # type: ignore[misc]  # it has no types
        def get_next(self) -> dict[str, NDArray[np.float32]] | None:
            face = next(left, None)
            if face is None:
                return None
            pixels = face.astype(np.float32)[None, None]
            return {INPUT: np.ascontiguousarray(np.broadcast_to(pixels, (batch, 1, height, width)))}

    calibrator = quantization.create_calibrator(
        path, _operators(), augmented_model_path=str(path.with_name("augmented.onnx"))
    )
    calibrator.collect_data(Faces())
    return {
        name: (float(data.range_value[0].item()), float(data.range_value[1].item()))
        for name, data in calibrator.compute_data().items()
    }


def _renumber(graph: Any) -> None:
    """Number made-up names in the graph's order: tf2onnx's numbers differ from run to run."""
    numbers: dict[str, str] = {}

    def renumbered(name: str) -> str:
        return re.sub(
            r"__\d+", lambda found: numbers.setdefault(found[0], f"__{len(numbers)}"), name
        )

    for node in graph.node:
        node.name = renumbered(node.name)
        node.input[:] = [renumbered(name) for name in node.input]
        node.output[:] = [renumbered(name) for name in node.output]
    for value in (*graph.initializer, *graph.input, *graph.output, *graph.value_info):
        value.name = renumbered(value.name)


def _operators() -> list[str]:
    """Return every operator that ONNX Runtime can quantise."""
    from onnxruntime.quantization.registry import QDQRegistry, QLinearOpsRegistry

    return sorted({*QDQRegistry, *QLinearOpsRegistry})
