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
from fer_convert.layer_errors import sqnr_db
from fer_sdk.errors import BundleError
from fer_sdk.runtimes.onnx import exact_int8_sums

OPSET: Final = 17
"""Old enough for ONNX Runtime 1.12, new enough for every operator that is used."""

INPUT: Final = "face"

RESHAPING: Final = ("Flatten", "Reshape", "Squeeze", "Transpose", "Unsqueeze")
"""Operators whose output has the range of their input."""

SHARES: Final = (1.0, 0.95, 0.9, 0.85, 0.8, 0.75, 0.7)
"""Of a measured range, to choose from."""


def float32(model: keras.Model) -> bytes:
    """Convert without quantizing; the input is channels first, so that no transpose stands there.

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
    """Quantize weights to int8 and activations to uint8, as QDQ pairs that every provider reads.

    Takes float32 pixels, gives float32 logits.

    Args:
        model: From `fer_convert.export.for_conversion`.
        calibration: Gives the range of every activation.

    Raises:
        BundleError: If stored ranges are not this model's.
    """
    with _folded(model) as path:
        return _quantized(path, _ranges(path, model, calibration))


def ranges_of(model: keras.Model, calibration: Calibration) -> tuple[Range, ...]:
    """Return the ranges that `int8` would use, the input's first."""
    with _folded(model) as path:
        return tuple(found for _, found in _ranges(path, model, calibration))


@contextlib.contextmanager
def _folded(model: keras.Model) -> Iterator[Path]:
    """Give the path of the float .onnx file with its batch normalization folded."""
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # read once, at import
    from onnxruntime import quantization

    with tempfile.TemporaryDirectory() as folder:
        source, ready = Path(folder) / "float.onnx", Path(folder) / "ready.onnx"
        source.write_bytes(float32(model))
        quantization.quant_pre_process(str(source), str(ready), skip_symbolic_shape=True)
        yield ready


def _quantized(path: Path, ranges: list[tuple[str, Range]]) -> bytes:
    """Quantize a float .onnx file, as `quantize_static` does, which would measure again."""
    from onnxruntime import quantization
    from onnxruntime.quantization.calibrate import TensorsData
    from onnxruntime.quantization.qdq_quantizer import QDQQuantizer
    from onnxruntime.quantization.quant_utils import load_model_with_shape_infer

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
        # The logits leave as float32 anyway: rounding them first would only lose.
        extra_options={"OpTypesToExcludeOutputQuantization": ["Gemm", "MatMul"]},
    )
    quantizer.quantize_model()
    target = path.with_name("int8.onnx")
    quantizer.model.save_model_to_file(str(target), use_external_data_format=False)
    return target.read_bytes()


def _ranges(path: Path, model: keras.Model, calibration: Calibration) -> list[tuple[str, Range]]:
    """Return each tensor's name with its range; the input's is that of pixels.

    Measured ranges are narrowed by the share that leaves the logits of the calibration faces
    nearest to float's: rare large numbers are cut off so that all others are rounded less (Banner
    et al. 2019, https://arxiv.org/abs/1810.05723).
    """
    import onnx

    graph = onnx.load(str(path)).graph
    makers = {INPUT: "input"} | {name: node.op_type for node in graph.node for name in node.output}
    measured = _measure(path, model, calibration)
    names = [name for name in makers if name in measured]
    if calibration.ranges is not None:
        stored = calibration.ranges.onnx
        if [maker for maker, *_ in stored] != [makers[name] for name in names]:
            raise BundleError(
                f"stored ranges are for {len(stored)} tensors, but the float .onnx file has "
                f"{len(names)} or makes them otherwise: write them again"
            )
        return list(zip(names, stored, strict=True))

    def narrowed(share: float) -> list[tuple[str, Range]]:
        found = {name: (share * low, share * high) for name, (low, high) in measured.items()}
        found[INPUT] = (0.0, 255.0)
        for node in graph.node:
            if node.op_type in RESHAPING and node.output[0] in found:
                found[node.output[0]] = found[node.input[0]]
        return [(name, (makers[name], *found[name])) for name in names]

    inputs = list(_inputs(model, calibration))
    wanted = _logits(path.read_bytes(), inputs)
    return max(
        (narrowed(share) for share in SHARES),
        key=lambda ranges: sqnr_db(wanted, _logits(_quantized(path, ranges), inputs)),
    )


def _inputs(model: keras.Model, calibration: Calibration) -> Iterator[NDArray[np.float32]]:
    """Give each calibration face as the model takes it, or a blank one."""
    batch, height, width, _ = model.input_shape
    faces = calibration.faces
    if faces is None:
        faces = np.zeros((1, height, width), np.uint8)  # only to have places for the ranges
    for face in faces:
        pixels = face.astype(np.float32)[None, None]
        yield np.ascontiguousarray(np.broadcast_to(pixels, (batch, 1, height, width)))


def _logits(file: bytes, inputs: list[NDArray[np.float32]]) -> NDArray[np.float32]:
    """Return what a float-in, float-out file answers."""
    import onnxruntime

    options = exact_int8_sums(onnxruntime.SessionOptions())
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])
    return np.concatenate([session.run(None, {INPUT: pixels})[0] for pixels in inputs])


def _measure(
    path: Path, model: keras.Model, calibration: Calibration
) -> dict[str, tuple[float, float]]:
    """Return least and largest number of each tensor by name."""
    from onnxruntime import quantization

    left = _inputs(model, calibration)

    class Faces(quantization.CalibrationDataReader):  # type: ignore[misc]  # it has no types
        def get_next(self) -> dict[str, NDArray[np.float32]] | None:
            pixels = next(left, None)
            return None if pixels is None else {INPUT: pixels}

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
    """Return every operator that ONNX Runtime can quantize."""
    from onnxruntime.quantization.registry import QDQRegistry, QLinearOpsRegistry

    return sorted({*QDQRegistry, *QLinearOpsRegistry})
