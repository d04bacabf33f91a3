"""One function a precision: a Keras model in, the bytes of a .tflite file out."""

import contextlib
import io
import warnings
from collections.abc import Iterator

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from fer_sdk.native_log import caught_native_log


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


def int8_full(model: keras.Model, faces: NDArray[np.uint8]) -> bytes:
    """Convert weights and activations to int8.

    A quarter of the bytes, about half the time on CPUs with dot-product instructions, some tenths
    of a point of accuracy (Jacob et al. 2018, https://arxiv.org/abs/1712.05877). Takes uint8
    pixels, answers with int8 logits.

    Args:
        model: From `fer_convert.export.for_conversion`.
        faces: Calibration faces, uint8 (n, height, width), reaching 0 and 255.
    """
    converter = _calibrated(model, faces, tf.lite.OpsSet.TFLITE_BUILTINS_INT8)
    converter.inference_input_type = tf.uint8
    converter.inference_output_type = tf.int8
    return _convert(converter)


def int16x8(model: keras.Model, faces: NDArray[np.uint8]) -> bytes:
    """Convert weights to int8 and activations to int16: nearly float's answers, int8's size.

    Tens of times slower on CPUs, whose fast kernels know no int16, and wrong on GPU delegates: for
    microcontrollers and DSPs. Takes and gives float32.

    Args:
        model: From `fer_convert.export.for_conversion`.
        faces: Calibration faces, uint8 (n, height, width), reaching 0 and 255.
    """
    operators = tf.lite.OpsSet
    return _convert(
        _calibrated(
            model,
            faces,
            operators.EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8,
        )
    )


def _calibrated(
    model: keras.Model, faces: NDArray[np.uint8], operators: tf.lite.OpsSet
) -> tf.lite.TFLiteConverter:
    def representative() -> Iterator[list[NDArray[np.float32]]]:
        for face in faces:
            yield [face.astype(np.float32)[None, ..., None]]

    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = representative
    converter.target_spec.supported_ops = [operators]
    return converter


def _convert(converter: tf.lite.TFLiteConverter) -> bytes:
    with (
        contextlib.redirect_stdout(io.StringIO()),
        caught_native_log(),
        warnings.catch_warnings(),
    ):
        # The export prints every captured variable, and warns that ranges come from calibration.
        warnings.simplefilter("ignore", UserWarning)
        return bytes(converter.convert())
