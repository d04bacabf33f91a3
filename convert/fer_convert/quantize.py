"""Quantization of .tflite files in TensorFlow's two steps.

The first step stores the range of every activation in a float file, the calibrated file. The second
step converts weights and activations to integers.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import tensorflow as tf
from ai_edge_litert.tools import flatbuffer_utils
from numpy.typing import NDArray
from tensorflow.lite.python.convert import mlir_quantize
from tensorflow.lite.python.optimize import calibrator

from fer_convert.calibration import Calibration, Range
from fer_sdk._internal.native_log import captured_native_log
from fer_sdk.errors import BundleError

_ASSEMBLING: Final = ("CONCATENATION", "RESHAPE")
"""Operators whose inputs and outputs have the same scale."""


@dataclass(frozen=True, slots=True)
class Layer:
    """An operator of a calibrated file.

    Attributes:
        number: Index in the file, from 0.
        operator: Operator type, such as "CONV_2D".
        name: Name of its output tensor in the file.
        low: Smallest output value in calibration.
        high: Largest output value in calibration.
    """

    number: int
    operator: str
    name: str
    low: float
    high: float

    @property
    def short_name(self) -> str:
        """Name of the first fused operation, without the model's name."""
        first = self.name.split(";")[0]
        return first.partition("/")[2] or first


def calibrated_file(file: bytes, calibration: Calibration, input_shape: tuple[int, ...]) -> bytes:
    """Return a float .tflite file that contains the range of every activation.

    The input's range is set to [0, 255] independent of the faces, so that the quantized input is
    the unscaled pixel.

    Args:
        file: The float file.
        calibration: Faces or stored ranges.
        input_shape: Input shape of the model, (batch, height, width, 1).

    Raises:
        BundleError: If stored ranges do not match the file's operators.
    """
    faces = calibration.faces
    if faces is None:
        faces = np.zeros(
            (1, *input_shape[1:3]), np.uint8
        )  # creates the range entries, which are replaced below

    def inputs() -> Iterator[list[NDArray[np.float32]]]:
        for face in faces:
            yield [np.broadcast_to(face.astype(np.float32)[None, ..., None], input_shape).copy()]

    model = _calibrate(file, inputs)
    found = _tensors_with_ranges(model)
    if calibration.ranges is not None:
        stored = calibration.ranges.tflite
        if [name for name, *_ in stored] != [operator for operator, _ in found]:
            raise BundleError(
                f"the {len(stored)} stored ranges do not match the {len(found)} tensors of the "
                "float file: run `fer-convert calibrate` again"
            )
        for (_, tensor), (_, low, high) in zip(found, stored, strict=True):
            _set_range(tensor, low, high)
    _set_range(found[0][1], 0.0, 255.0)
    return bytes(flatbuffer_utils.convert_object_to_bytearray(model))


def calibrated_on_images(
    file: bytes, images: Sequence[NDArray[np.uint8]], output_range: tuple[float, float]
) -> bytes:
    """Return a float .tflite file that contains the range of every activation.

    The input's range is set to [0, 255] independent of the images, so that the quantized input is
    the unscaled pixel.

    Args:
        file: The float file.
        images: uint8 (height, width, channels) of the model's input size.
        output_range: Range of the output, and of the tensors that it is assembled from; values
            outside saturate.
    """

    def inputs() -> Iterator[list[NDArray[np.float32]]]:
        for image in images:
            yield [image.astype(np.float32)[None]]

    model = _calibrate(file, inputs)
    graph = model.subgraphs[0]
    _set_range(graph.tensors[graph.inputs[0]], 0.0, 255.0)
    makers = {index: operator for operator in graph.operators for index in operator.outputs}
    left = list(graph.outputs)
    while left:
        index = left.pop()
        _set_range(graph.tensors[index], *output_range)
        maker = makers[index]
        if flatbuffer_utils.opcode_to_name(model, maker.opcodeIndex) in _ASSEMBLING:
            left += [i for i in maker.inputs if i in makers]
    return bytes(flatbuffer_utils.convert_object_to_bytearray(model))


def ranges_of(calibrated: bytes) -> tuple[Range, ...]:
    """Return the ranges in a calibrated file; the first is the input's."""
    return tuple(
        (operator, float(tensor.quantization.min[0]), float(tensor.quantization.max[0]))
        for operator, tensor in _tensors_with_ranges(_read(calibrated))
    )


def layers_of(calibrated: bytes) -> tuple[Layer, ...]:
    """Return the operators of a calibrated file in file order."""
    found = _tensors_with_ranges(_read(calibrated))[1:]
    return tuple(
        Layer(
            number,
            operator,
            tensor.name.decode(),
            float(tensor.quantization.min[0]),
            float(tensor.quantization.max[0]),
        )
        for number, (operator, tensor) in enumerate(found)
    )


def quantize_int8(
    calibrated: bytes,
    input_type: tf.DType = tf.float32,
    output_type: tf.DType = tf.float32,
    keep: Sequence[str] = (),
) -> bytes:
    """Quantize a calibrated file to int8.

    Args:
        calibrated: Returned by `calibrated_file`.
        input_type: Type of the input.
        output_type: Type of the output.
        keep: Names of the layers that stay in float32.
    """
    with captured_native_log():
        return bytes(
            mlir_quantize(
                calibrated,
                input_data_type=input_type,
                output_data_type=output_type,
                denylisted_nodes=list(keep) or None,
            )
        )


def quantize_int16x8(calibrated: bytes) -> bytes:
    """Quantize a calibrated file to int8 weights and int16 activations, with float32 input."""
    quantizer = calibrator.Calibrator(calibrated)
    return bytes(
        quantizer.calibrate_and_quantize(
            lambda: iter(()),  # the file already contains the ranges
            tf.float32,
            tf.float32,
            allow_float=False,
            activations_type=tf.int16,
            bias_type=tf.int64,
        )
    )


def _calibrate(file: bytes, inputs: Callable[[], Iterator[list[NDArray[np.float32]]]]) -> Any:
    """Return the parsed file with the range of every activation on these inputs."""
    prepared = calibrator.add_intermediate_tensors(file)
    with captured_native_log():
        return _read(calibrator.Calibrator(prepared).calibrate(inputs))


def _read(file: bytes) -> Any:
    return flatbuffer_utils.read_model_from_bytearray(bytearray(file))


def _tensors_with_ranges(model: Any) -> list[tuple[str, Any]]:
    """Return each tensor that has a range, with its operator's name; the first is the input."""
    graph = model.subgraphs[0]
    found = [("input", graph.tensors[graph.inputs[0]])]
    for operator in graph.operators:
        name = flatbuffer_utils.opcode_to_name(model, operator.opcodeIndex)
        found += [(name, graph.tensors[index]) for index in operator.outputs]
    return [(operator, tensor) for operator, tensor in found if _has_range(tensor)]


def _has_range(tensor: Any) -> bool:
    found = tensor.quantization
    return found is not None and found.min is not None and len(np.atleast_1d(found.min)) > 0


def _set_range(tensor: Any, low: float, high: float) -> None:
    tensor.quantization.min, tensor.quantization.max = [low], [high]
