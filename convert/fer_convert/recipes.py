"""One conversion function per precision, from a Keras model to the bytes of a .tflite file."""

import contextlib
import io
import warnings
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from fer_convert.calibration import Calibration
from fer_convert.quantize import calibrated_file, quantize_int8, quantize_int16x8
from fer_convert.settings import Io
from fer_sdk._internal.native_log import captured_native_log


def float32(model: keras.Model) -> bytes:
    """Convert without quantization: the reference, four bytes per weight.

    Args:
        model: Returned by `fer_convert.export.for_conversion`.
    """
    return _convert(tf.lite.TFLiteConverter.from_keras_model(model))


def float16(model: keras.Model) -> bytes:
    """Store weights as float16: half the size, for GPU delegates, which compute in float16.

    CPU runtimes convert the weights to float32 at load; speed and accuracy are those of float32.

    Args:
        model: Returned by `fer_convert.export.for_conversion`.
    """
    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.target_spec.supported_types = [tf.float16]
    return _convert(converter)


def int8_dynamic(model: keras.Model) -> bytes:
    """Store weights as int8 and quantize activations at run time; needs no calibration.

    Slower than float32 for models of this size; tflite-runtime 2.14 cannot load such files.

    Args:
        model: Returned by `fer_convert.export.for_conversion`.
    """
    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    return _convert(converter)


def int8_full(
    model: keras.Model, calibration: Calibration, *, io: Io = "uint8", keep: Sequence[str] = ()
) -> bytes:
    """Quantize weights and activations to int8.

    A quarter of the size and about half the latency on CPUs with dot-product instructions, for a
    loss of some tenths of a percentage point of accuracy (Jacob et al. 2018,
    https://arxiv.org/abs/1712.05877).

    Args:
        model: Returned by `fer_convert.export.for_conversion`.
        calibration: Source of the activation ranges.
        io: Input and output type.
        keep: Names of the layers that stay in float32, as returned by `layers_of`.
    """
    converter = _quantizing(model, tf.lite.OpsSet.TFLITE_BUILTINS_INT8)
    kinds = {"float": (tf.float32, tf.float32), "uint8": (tf.uint8, tf.int8)}
    kinds["int8"] = (tf.int8, tf.int8)
    converter.inference_input_type, converter.inference_output_type = kinds[io]
    if keep:  # otherwise the converter rejects float operators
        converter.target_spec.supported_ops.append(tf.lite.OpsSet.TFLITE_BUILTINS)

    def quantize(file: bytes, input_type: Any, output_type: Any, *rest: Any) -> bytes:
        with_ranges = calibrated_file(file, calibration, model.input_shape)
        return quantize_int8(with_ranges, input_type, output_type, keep)

    return _convert_with_quantizer(converter, quantize)


def int16x8(model: keras.Model, calibration: Calibration) -> bytes:
    """Quantize weights to int8 and activations to int16: nearly float accuracy at int8's size.

    For microcontrollers and DSPs: CPU runtimes have no fast int16 kernels and are tens of times
    slower, and GPU delegates return wrong results. Input and output are float32.

    Args:
        model: Returned by `fer_convert.export.for_conversion`.
        calibration: Source of the activation ranges.
    """
    operators = tf.lite.OpsSet.EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8

    def quantize(file: bytes, *rest: Any) -> bytes:
        return quantize_int16x8(calibrated_file(file, calibration, model.input_shape))

    return _convert_with_quantizer(_quantizing(model, operators), quantize)


def calibrated(model: keras.Model, calibration: Calibration) -> bytes:
    """Return the calibrated file of a model, the input of `quantize_int8`.

    Args:
        model: Returned by `fer_convert.export.for_conversion`.
        calibration: Source of the activation ranges.
    """
    with_ranges = b""

    def quantize(file: bytes, *rest: Any) -> bytes:
        nonlocal with_ranges
        with_ranges = calibrated_file(file, calibration, model.input_shape)
        return with_ranges

    _convert_with_quantizer(_quantizing(model, tf.lite.OpsSet.TFLITE_BUILTINS_INT8), quantize)
    return with_ranges


def _quantizing(model: keras.Model, operators: tf.lite.OpsSet) -> tf.lite.TFLiteConverter:
    """Return a converter configured for full-integer quantization."""
    blank: NDArray[np.float32] = np.zeros(model.input_shape, np.float32)
    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: iter([[blank]])
    converter.target_spec.supported_ops = [operators]
    return converter


def _convert_with_quantizer(converter: tf.lite.TFLiteConverter, quantize: Any) -> bytes:
    """Convert with `quantize` in place of TensorFlow's calibration and quantization.

    TensorFlow calibrates and quantizes in one step. Separate steps allow ranges to be stored and
    write the same bytes.
    """
    converter._quantize = quantize
    return _convert(converter)


def _convert(converter: tf.lite.TFLiteConverter) -> bytes:
    with (
        contextlib.redirect_stdout(io.StringIO()),
        captured_native_log(),
        warnings.catch_warnings(),
    ):
        # The export prints every captured variable and warns about missing quantization statistics.
        warnings.simplefilter("ignore", UserWarning)
        return bytes(converter.convert())
