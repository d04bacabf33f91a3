from pathlib import Path

import numpy as np
import pytest

pytestmark = pytest.mark.tensorflow
pytest.importorskip("keras", reason="training needs the extra `train`")

import keras
from keras import layers

from fer_train.training.mixed_precision import dtype_policy, keep_strided_depthwise_float32, warning


def network() -> keras.Model:
    keras.utils.set_random_seed(0)
    inputs = keras.Input((8, 8, 4))
    x = layers.DepthwiseConv2D(3, padding="same", name="plain")(inputs)
    x = layers.DepthwiseConv2D(3, 2, padding="same", name="strided")(x)
    inner = keras.Model(inputs, x)
    outer = keras.Input((8, 8, 4))
    return keras.Model(outer, layers.Conv2D(2, 1, name="head")(inner(outer)))


def test_only_strided_depthwise_convolutions_stay_float32() -> None:
    with dtype_policy("mixed_bfloat16"):
        mixed = network()
    assert keras.config.dtype_policy().name == "float32"
    keep_strided_depthwise_float32(mixed)
    inner = mixed.layers[1]
    computed = [inner.get_layer(n).compute_dtype for n in ("plain", "strided")]
    assert [*computed, mixed.get_layer("head").compute_dtype] == ["bfloat16", "float32", "bfloat16"]


def test_a_mixed_network_predicts_like_its_float32_copy() -> None:
    with dtype_policy("mixed_bfloat16"):
        mixed = network()
    keep_strided_depthwise_float32(mixed)
    twin = network()
    twin.set_weights(mixed.get_weights())
    faces = np.random.default_rng(0).normal(size=(3, 8, 8, 4)).astype(np.float32)
    outputs = np.asarray(keras.ops.cast(mixed(faces), "float32"))
    np.testing.assert_allclose(outputs, np.asarray(twin(faces)), atol=0.05)


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="only TensorFlow is slow")
def test_emulated_bfloat16_gives_a_warning(tmp_path: Path) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    old.write_text("flags\t: fma avx2 bmi2\n")
    new.write_text("flags\t: fma avx2 avx512f avx512_bf16\n")
    assert "--precision float32" in (warning("mixed_bfloat16", old) or "")
    assert warning("mixed_bfloat16", new) is None
    assert warning("mixed_bfloat16", tmp_path / "not Linux") is None
    assert warning("float32", old) is None
