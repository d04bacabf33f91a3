"""One function a precision: a Keras model in, the bytes of a .tflite file out."""

import contextlib
import io
import warnings
from collections.abc import Sequence
from typing import Any, Literal

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from fer_convert.calibration import Calibration
from fer_convert.quantize import calibrated_file, quantise_int8, quantise_int16x8
from fer_sdk._internal.native_log import caught_native_log

Io = Literal["float", "uint8", "int8"]
"""Numbers that an int8 file takes and gives: "uint8" takes pixels and gives int8 logits."""


def float32(model: keras.Model) -> bytes:
    """Convert without quantising: the reference, four bytes a weight.

    Args:
        model: From `fer_convert.export.for_conversion`.
    """
    return _convert(tf.lite.TFLiteConverter.from_keras_model(model))


def float16(model: keras.Model) -> bytes:
    """Store weights as float16: half the bytes, for GPU delegates that compute in float16 anyway.

    On a CPU the weights are widened at load: no faster there, and as accurate as float32.

    Args:
        model: From `fer_convert.export.for_conversion`.
    """
    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.target_spec.supported_types = [tf.float16]
    return _convert(converter)


def int8_dynamic(model: keras.Model) -> bytes:
    """Store weights as int8, activations quantised as they come: small without calibration.

    Slower than float32 at this size, and refused by tflite-runtime 2.14.

    Args:
        model: From `fer_convert.export.for_conversion`.
    """
    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    return _convert(converter)


def int8_full(
    model: keras.Model, calibration: Calibration, *, io: Io = "uint8", keep: Sequence[str] = ()
) -> bytes:
    """Convert weights and activations to int8.

    A quarter of the bytes, about half the time on CPUs with dot-product instructions, some tenths
    of a point of accuracy (Jacob et al. 2018, https://arxiv.org/abs/1712.05877).

    Args:
        model: From `fer_convert.export.for_conversion`.
        calibration: Gives the range of every activation.
        io: What the file takes and gives.
        keep: Names of layers, as `layers_of` gives them, that stay in float32.
    """
    converter = _quantising(model, tf.lite.OpsSet.TFLITE_BUILTINS_INT8)
    kinds = {"float": (tf.float32, tf.float32), "uint8": (tf.uint8, tf.int8)}
    kinds["int8"] = (tf.int8, tf.int8)
    converter.inference_input_type, converter.inference_output_type = kinds[io]
    if keep:  # else the converter refuses float operators on its own
        converter.target_spec.supported_ops.append(tf.lite.OpsSet.TFLITE_BUILTINS)

    def quantise(file: bytes, entry: Any, exit: Any, *rest: Any) -> bytes:
        ranged = calibrated_file(file, calibration, model.input_shape)
        return quantise_int8(ranged, entry, exit, keep)

    return _with_own_quantiser(converter, quantise)


def int16x8(model: keras.Model, calibration: Calibration) -> bytes:
    """Convert weights to int8 and activations to int16: nearly float's answers, int8's size.

    Tens of times slower on CPUs, whose fast kernels know no int16, and wrong on GPU delegates: for
    microcontrollers and DSPs. Takes and gives float32.

    Args:
        model: From `fer_convert.export.for_conversion`.
        calibration: Gives the range of every activation.
    """
    operators = tf.lite.OpsSet.EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8

    def quantise(file: bytes, *rest: Any) -> bytes:
        return quantise_int16x8(calibrated_file(file, calibration, model.input_shape))

    return _with_own_quantiser(_quantising(model, operators), quantise)


def calibrated(model: keras.Model, calibration: Calibration) -> bytes:
    """Return the float file with the range of every activation in it, ready for `quantise_int8`.

    Args:
        model: From `fer_convert.export.for_conversion`.
        calibration: Gives the ranges.
    """
    kept = b""

    def quantise(file: bytes, entry: Any, exit: Any, *rest: Any) -> bytes:
        nonlocal kept
        kept = calibrated_file(file, calibration, model.input_shape)
        return kept

    _with_own_quantiser(_quantising(model, tf.lite.OpsSet.TFLITE_BUILTINS_INT8), quantise)
    return kept


def _quantising(model: keras.Model, operators: tf.lite.OpsSet) -> tf.lite.TFLiteConverter:
    """Return a converter that goes the way of full-integer quantisation."""
    blank: NDArray[np.float32] = np.zeros(model.input_shape, np.float32)
    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: iter([[blank]])
    converter.target_spec.supported_ops = [operators]
    return converter


def _with_own_quantiser(converter: tf.lite.TFLiteConverter, quantise: Any) -> bytes:
    """Convert, calling `quantise` where TensorFlow would calibrate and quantise by itself.

    TensorFlow measures and quantises in one step. Taking them apart lets ranges be stored, and
    gives the same bytes.
    """
    converter._quantize = quantise
    return _convert(converter)


def _convert(converter: tf.lite.TFLiteConverter) -> bytes:
    with (
        contextlib.redirect_stdout(io.StringIO()),
        caught_native_log(),
        warnings.catch_warnings(),
    ):
        # The export prints every captured variable, and warns that ranges come from calibration.
        warnings.simplefilter("ignore", UserWarning)
        return bytes(converter.convert())
