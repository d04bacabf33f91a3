"""One conversion function per precision, from a Keras model to the bytes of an .onnx file."""

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
"""The newest opset that ONNX Runtime 1.12 supports; it has every operator that is used."""

INPUT: Final = "face"

RESHAPING: Final = ("Flatten", "Reshape", "Squeeze", "Transpose", "Unsqueeze")
"""Operators whose output has the range of their input."""

SHARES: Final = (1.0, 0.95, 0.9, 0.85, 0.8, 0.75, 0.7)
"""Candidate shares of a measured range; see `_ranges`."""


def float32(model: keras.Model) -> bytes:
    """Convert without quantization; the input is channels first, which needs no transpose.

    Args:
        model: Returned by `fer_convert.export.for_conversion`.
    """
    import tensorflow as tf
    import tf2onnx

    signature = (tf.TensorSpec(model.input_shape, tf.float32, name=INPUT),)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # tf2onnx uses deprecated TensorFlow and NumPy APIs
        graph, _ = tf2onnx.convert.from_keras(model, signature, opset=OPSET, inputs_as_nchw=[INPUT])
    _renumber(graph.graph)
    return bytes(graph.SerializeToString())


def float16(model: keras.Model) -> bytes:
    """Convert to float16: half the size, for GPU providers. Input and output are float32.

    Args:
        model: Returned by `fer_convert.export.for_conversion`.
    """
    import onnx
    from onnxconverter_common.float16 import convert_float_to_float16

    graph = onnx.load_from_string(float32(model))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns that values below 1e-7 are written as 1e-7
        return bytes(convert_float_to_float16(graph, keep_io_types=True).SerializeToString())


def int8(model: keras.Model, calibration: Calibration) -> bytes:
    """Quantize weights to int8 and activations to uint8, in QDQ format.

    Input is float32 pixels, output float32 logits.

    Args:
        model: Returned by `fer_convert.export.for_conversion`.
        calibration: Source of the activation ranges.

    Raises:
        BundleError: If stored ranges do not match the model's operators.
    """
    with _bn_folded(model) as path:
        return _quantize(path, _ranges(path, model, calibration))


def ranges_of(model: keras.Model, calibration: Calibration) -> tuple[Range, ...]:
    """Return the ranges that `int8` uses; the first is the input's."""
    with _bn_folded(model) as path:
        return tuple(found for _, found in _ranges(path, model, calibration))


@contextlib.contextmanager
def _bn_folded(model: keras.Model) -> Iterator[Path]:
    """Yield the path of a float .onnx file with batch normalization fused into convolutions."""
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # read once, at import
    from onnxruntime import quantization

    with tempfile.TemporaryDirectory() as folder:
        source, ready = Path(folder) / "float.onnx", Path(folder) / "ready.onnx"
        source.write_bytes(float32(model))
        quantization.quant_pre_process(str(source), str(ready), skip_symbolic_shape=True)
        yield ready


def _quantize(path: Path, ranges: list[tuple[str, Range]]) -> bytes:
    """Quantize a float .onnx file like `quantize_static`, but with the given ranges."""
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
        # The output is float32: quantizing the logits would only add rounding errors.
        extra_options={"OpTypesToExcludeOutputQuantization": ["Gemm", "MatMul"]},
    )
    quantizer.quantize_model()
    target = path.with_name("int8.onnx")
    quantizer.model.save_model_to_file(str(target), use_external_data_format=False)
    return target.read_bytes()


def _ranges(path: Path, model: keras.Model, calibration: Calibration) -> list[tuple[str, Range]]:
    """Return each tensor's name with its range; the input's range is [0, 255].

    Measured ranges are multiplied by the share in `SHARES` with the smallest error of the logits on
    the calibration faces. Clipping rare large values reduces the rounding error of all others
    (Banner et al. 2019, https://arxiv.org/abs/1810.05723).
    """
    import onnx

    graph = onnx.load(str(path)).graph
    operators = {INPUT: "input"} | {
        name: node.op_type for node in graph.node for name in node.output
    }
    measured = _measure(path, model, calibration)
    names = [name for name in operators if name in measured]
    if calibration.ranges is not None:
        stored = calibration.ranges.onnx
        if [name for name, *_ in stored] != [operators[name] for name in names]:
            raise BundleError(
                f"the {len(stored)} stored ranges do not match the {len(names)} tensors of the "
                "float .onnx file: run `fer-convert calibrate` again"
            )
        return list(zip(names, stored, strict=True))

    def narrowed(share: float) -> list[tuple[str, Range]]:
        found = {name: (share * low, share * high) for name, (low, high) in measured.items()}
        found[INPUT] = (0.0, 255.0)
        for node in graph.node:
            if node.op_type in RESHAPING and node.output[0] in found:
                found[node.output[0]] = found[node.input[0]]
        return [(name, (operators[name], *found[name])) for name in names]

    inputs = list(_inputs(model, calibration))
    expected = _logits(path.read_bytes(), inputs)
    return max(
        (narrowed(share) for share in SHARES),
        key=lambda ranges: sqnr_db(expected, _logits(_quantize(path, ranges), inputs)),
    )


def _inputs(model: keras.Model, calibration: Calibration) -> Iterator[NDArray[np.float32]]:
    """Yield each calibration face as model input, or a blank one for stored ranges."""
    batch, height, width, _ = model.input_shape
    faces = calibration.faces
    if faces is None:
        faces = np.zeros(
            (1, height, width), np.uint8
        )  # creates the range entries, whose values are not used
    for face in faces:
        pixels = face.astype(np.float32)[None, None]
        yield np.ascontiguousarray(np.broadcast_to(pixels, (batch, 1, height, width)))


def _logits(file: bytes, inputs: list[NDArray[np.float32]]) -> NDArray[np.float32]:
    """Return the logits of an .onnx file, float32 (n, classes)."""
    import onnxruntime

    options = exact_int8_sums(onnxruntime.SessionOptions())
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])
    return np.concatenate([session.run(None, {INPUT: pixels})[0] for pixels in inputs])


def _measure(
    path: Path, model: keras.Model, calibration: Calibration
) -> dict[str, tuple[float, float]]:
    """Return the smallest and largest value of each tensor by name."""
    from onnxruntime import quantization

    remaining = _inputs(model, calibration)

    class Faces(quantization.CalibrationDataReader):  # type: ignore[misc]  # the package has no types
        def get_next(self) -> dict[str, NDArray[np.float32]] | None:
            pixels = next(remaining, None)
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
    """Renumber generated names in graph order, because tf2onnx's numbers differ between runs."""
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
    """Return all operator types that ONNX Runtime can quantize."""
    from onnxruntime.quantization.registry import QDQRegistry, QLinearOpsRegistry

    return sorted({*QDQRegistry, *QLinearOpsRegistry})
