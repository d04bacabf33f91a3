"""TensorFlow's quantiser in its two steps: ranges into a float .tflite file, then integers."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf
from ai_edge_litert.tools import flatbuffer_utils
from numpy.typing import NDArray
from tensorflow.lite.python.convert import mlir_quantize
from tensorflow.lite.python.optimize import calibrator

from fer_convert.calibration import Calibration, Range
from fer_sdk._internal.native_log import caught_native_log
from fer_sdk.errors import BundleError


@dataclass(frozen=True, slots=True)
class Layer:
    """An operator of a calibrated float file.

    Attributes:
        number: In the file's order, from 0.
        operator: Such as "CONV_2D".
        name: Of the tensor that it makes, as the file has it.
        low: Least number that it made in calibration.
        high: Largest number.
    """

    number: int
    operator: str
    name: str
    low: float
    high: float

    @property
    def short_name(self) -> str:
        """The first of the fused operations, without the model's name."""
        first = self.name.split(";")[0]
        return first.partition("/")[2] or first


def calibrated_file(file: bytes, calibration: Calibration, input_shape: tuple[int, ...]) -> bytes:
    """Return a float .tflite file with the range of every activation in it.

    The input's range is set to 0 to 255, whatever the faces span: pixels then go in as they are.

    Args:
        file: The float file.
        calibration: Faces or stored ranges.
        input_shape: Of the model, (batch, height, width, 1).

    Raises:
        BundleError: If stored ranges are not this file's.
    """
    faces = calibration.faces
    if faces is None:
        faces = np.zeros((1, *input_shape[1:3]), np.uint8)  # only to have places for the ranges

    def inputs() -> Iterator[list[NDArray[np.float32]]]:
        for face in faces:
            yield [np.broadcast_to(face.astype(np.float32)[None, ..., None], input_shape).copy()]

    prepared = calibrator.add_intermediate_tensors(file)
    model = _read(calibrator.Calibrator(prepared).calibrate(inputs))
    found = _makers(model)
    if calibration.ranges is not None:
        stored = calibration.ranges.tflite
        if [name for name, *_ in stored] != [maker for maker, _ in found]:
            raise BundleError(
                f"stored ranges are for {len(stored)} tensors, but the float file has "
                f"{len(found)} or makes them otherwise: write the ranges again"
            )
        for (_, tensor), (_, low, high) in zip(found, stored, strict=True):
            _set_range(tensor, low, high)
    _set_range(found[0][1], 0.0, 255.0)
    return bytes(flatbuffer_utils.convert_object_to_bytearray(model))


def ranges_of(calibrated: bytes) -> tuple[Range, ...]:
    """Return the ranges in a calibrated file, the input's first."""
    return tuple(
        (maker, float(tensor.quantization.min[0]), float(tensor.quantization.max[0]))
        for maker, tensor in _makers(_read(calibrated))
    )


def layers_of(calibrated: bytes) -> tuple[Layer, ...]:
    """Return the operators of a calibrated file in its order."""
    found = _makers(_read(calibrated))[1:]
    return tuple(
        Layer(
            number,
            maker,
            tensor.name.decode(),
            float(tensor.quantization.min[0]),
            float(tensor.quantization.max[0]),
        )
        for number, (maker, tensor) in enumerate(found)
    )


def quantise_int8(
    calibrated: bytes,
    entry: tf.DType = tf.float32,
    exit: tf.DType = tf.float32,
    keep: Sequence[str] = (),
) -> bytes:
    """Turn a calibrated file into an int8 one.

    Args:
        calibrated: From `calibrated_file`.
        entry: Type of the input.
        exit: Type of the output.
        keep: Names of layers that stay in float32.
    """
    with caught_native_log():
        return bytes(
            mlir_quantize(
                calibrated,
                input_data_type=entry,
                output_data_type=exit,
                denylisted_nodes=list(keep) or None,
            )
        )


def quantise_int16x8(calibrated: bytes) -> bytes:
    """Turn a calibrated file into one with int16 activations; takes and gives float32."""
    quantiser = calibrator.Calibrator(calibrated)
    return bytes(
        quantiser.calibrate_and_quantize(
            lambda: iter(()),  # the ranges are there
            tf.float32,
            tf.float32,
            allow_float=False,
            activations_type=tf.int16,
            bias_type=tf.int64,
        )
    )


def _read(file: bytes) -> Any:
    return flatbuffer_utils.read_model_from_bytearray(bytearray(file))


def _makers(model: Any) -> list[tuple[str, Any]]:
    """Return each tensor with a range and the operator that makes it, the input first."""
    graph = model.subgraphs[0]
    found = [("input", graph.tensors[graph.inputs[0]])]
    for operator in graph.operators:
        name = flatbuffer_utils.opcode_to_name(model, operator.opcodeIndex)
        found += [(name, graph.tensors[index]) for index in operator.outputs]
    return [(maker, tensor) for maker, tensor in found if _has_range(tensor)]


def _has_range(tensor: Any) -> bool:
    numbers = tensor.quantization
    return numbers is not None and numbers.min is not None and len(np.atleast_1d(numbers.min)) > 0


def _set_range(tensor: Any, low: float, high: float) -> None:
    tensor.quantization.min, tensor.quantization.max = [low], [high]
