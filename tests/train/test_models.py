from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from tests.synthetic import synthetic_faces

from fer_sdk.bundles.bundle import ModelBundle
from fer_sdk.bundles.registry import find_model
from fer_sdk.errors import InputError
from fer_sdk.runtimes import open_session
from fer_train.configs import RECIPES

pytestmark = pytest.mark.tensorflow
keras = pytest.importorskip("keras", reason="networks need the extra `train`")

from fer_train import models
from fer_train.data import augmentations
from fer_train.data.recipe import Augmentation
from fer_train.evaluation.inference import predict
from fer_train.training import batch_norm
from research.interpolate import mean_network

FACES = np.random.default_rng(0).uniform(0, 255, (4, 48, 48, 1)).astype(np.float32)


@pytest.mark.parametrize("recipe", RECIPES)
def test_every_recipe_s_network_maps_faces_to_logits(recipe: str) -> None:
    # Tests have no pretrained weights.
    sizes = {k: "none" if k == "weights" else v for k, v in RECIPES[recipe].sizes.items()}
    network = models.build(RECIPES[recipe].model, sizes)
    assert network.input_shape == (None, 48, 48, 1)
    assert np.asarray(network(FACES)).shape == (4, 7)
    modules = {layer.__class__.__module__.split(".")[0] for layer in network.layers}
    assert modules == {"keras"}


@pytest.mark.parametrize(
    ("name", "sizes", "parameters"),
    [
        ("simple_cnn", {}, None),
        ("mini_vgg", {}, None),
        ("mini_vgg", {"fully_connected": False}, None),
        ("vggnet", {"dense": 256}, None),
        # Parameters of the backbones without top, from keras.io/api/applications.
        ("resnet50", {}, 23_587_712),
        ("resnet50v2", {}, 23_564_800),
        ("inception_v3", {"input_size": 75}, 21_802_784),
        ("xception", {"input_size": 71}, 20_861_480),
        ("mobilenet", {"input_size": 48}, 3_228_864),
    ],
)
def test_every_network_maps_faces_to_logits(
    name: str, sizes: dict[str, object], parameters: int | None
) -> None:
    network = models.build(name, sizes)
    assert np.asarray(network(FACES)).shape == (4, 7)
    if parameters is not None:
        assert network.get_layer("backbone").count_params() == parameters


def test_every_known_network_is_tested_above() -> None:
    marks = test_every_network_maps_faces_to_logits.pytestmark  # type: ignore[attr-defined]
    tested = {case[0] for case in marks[0].args[1]}
    assert tested | {"residual_student", "from_file", "side_by_side"} == set(models.MODELS)


def test_a_student_starts_with_the_features_of_another(tmp_path: Path) -> None:
    sizes = {"stem": 4, "widths": (6, 8), "blocks": (1, 1)}
    path = tmp_path / "seven.keras"
    seven = models.build("residual_student", sizes)
    seven.save(path)
    eight = models.build("residual_student", {**sizes, "classes": 8, "weights": str(path)})
    features, others = (keras.Model(m.input, m.layers[-2].output)(FACES) for m in (seven, eight))
    np.testing.assert_array_equal(features, others)
    assert eight.output_shape == (None, 8)
    with pytest.raises(InputError, match="and of the residual_student to train have other sizes"):
        models.build("residual_student", {**sizes, "stem": 5, "weights": str(path)})
    with pytest.raises(InputError, match=r"no network at .*nothing\.keras"):
        models.build("residual_student", {"weights": str(tmp_path / "nothing.keras")})


def test_backbone_input_has_three_equal_channels_in_its_scaling() -> None:
    network = models.build("resnet50", {})
    scaling = next(la for la in network.layers if isinstance(la, keras.layers.Rescaling))
    seen = np.asarray(keras.Model(network.input, scaling.output)(FACES))
    means = np.array([103.939, 116.779, 123.68], np.float32)
    np.testing.assert_allclose(seen, np.repeat(FACES, 3, axis=3) - means, atol=1e-3)


def test_backbone_weights_are_loaded_from_a_file_or_missing(tmp_path: Path) -> None:
    path = tmp_path / "mobilenet.weights.h5"
    first = models.build("mobilenet", {"input_size": 48})
    first.get_layer("backbone").save_weights(path)
    second = models.build("mobilenet", {"input_size": 48, "weights": str(path)})
    for a, b in zip(
        first.get_layer("backbone").get_weights(),
        second.get_layer("backbone").get_weights(),
        strict=True,
    ):
        np.testing.assert_array_equal(a, b)
    with pytest.raises(InputError, match=r"no weights at .*nothing"):
        models.build("mobilenet", {"weights": str(tmp_path / "nothing.weights.h5")})
    with pytest.raises(InputError, match=r"Xception cannot be built at 96 px.*--weights FILE"):
        models.build("xception", {"weights": str(path)})


def test_a_failed_download_is_reported_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*words: object, **named: object) -> None:
        raise Exception("URL fetch failure on https://example.invalid: None")

    monkeypatch.setattr(keras.utils, "get_file", refuse)
    monkeypatch.setattr("keras.src.utils.file_utils.get_file", refuse)
    with pytest.raises(InputError, match=r"weights imagenet: URL fetch failure.*--weights FILE"):
        models.build("mobilenet", {"weights": "imagenet", "input_size": 96})


def test_an_unknown_network_or_argument_lists_the_known_ones() -> None:
    with pytest.raises(InputError, match="available are from_file, inception_v3, mini_vgg, "):
        models.build("resnet9000", {})
    with pytest.raises(
        InputError, match="vggnet has no argument input_size: its arguments are widths, dense"
    ):
        models.build("vggnet", {"input_size": 96})


def augmented(
    augmentation: Augmentation, faces: NDArray[np.float32] = FACES
) -> NDArray[np.float32]:
    chain = keras.Sequential([keras.Input((48, 48, 1)), *augmentations.build(augmentation, 0)])
    return np.asarray(chain(faces, training=True))


def test_faces_stay_the_same_without_augmentation_and_at_inference() -> None:
    np.testing.assert_allclose(augmented(Augmentation()), FACES, atol=1e-3)
    strong = Augmentation(90, 0.5, 9, True, True, 0.5, 0.5, 0.0, 1.0)
    chain = keras.Sequential([keras.Input((48, 48, 1)), *augmentations.build(strong, 0)])
    np.testing.assert_array_equal(np.asarray(chain(FACES, training=False)), FACES)
    noisy = augmentations.build(Augmentation(noise=0.1), 0)
    chain = keras.Sequential([keras.Input((48, 48, 1)), *noisy])
    np.testing.assert_allclose(np.asarray(chain(FACES, training=False)), FACES, rtol=1e-6)
    assert np.abs(np.asarray(chain(FACES, training=True)) - FACES).mean() > 5


def test_flip_mirrors_some_faces_exactly_and_keeps_the_others() -> None:
    faces = np.repeat(FACES[:1], 64, axis=0)
    flipped = np.asarray(augmented(Augmentation(flip=True), faces))
    mirrored = np.abs(flipped - faces[:, :, ::-1]).max(axis=(1, 2, 3)) < 1e-3
    kept = np.abs(flipped - faces).max(axis=(1, 2, 3)) < 1e-3
    assert (mirrored ^ kept).all()
    assert 16 < mirrored.sum() < 48


def test_shift_moves_a_dot_by_at_most_that_many_pixels() -> None:
    faces = np.zeros((64, 48, 48, 1), np.float32)
    faces[:, 20, 30] = 255
    shifted = np.asarray(augmented(Augmentation(shift_px=4), faces))[..., 0]
    total = shifted.sum(axis=(1, 2))
    across = (shifted.sum(axis=1) * np.arange(48)).sum(axis=1) / total - 30
    down = (shifted.sum(axis=2) * np.arange(48)).sum(axis=1) / total - 20
    assert np.abs(across).max() <= 4.01
    assert np.abs(down).max() <= 4.01
    assert across.std() > 1.5
    assert down.std() > 1.5


def test_rotation_is_about_the_centre() -> None:
    faces = np.zeros((64, 48, 48, 1), np.float32)
    faces[:, 23:25, 40:42] = 255
    turned = np.asarray(augmented(Augmentation(rotation_degrees=30), faces))[..., 0]
    total = turned.sum(axis=(1, 2))
    across = (turned.sum(axis=1) * np.arange(48)).sum(axis=1) / total - 23.5
    down = (turned.sum(axis=2) * np.arange(48)).sum(axis=1) / total - 23.5
    np.testing.assert_allclose(np.hypot(across, down), 17, atol=0.3)
    angles = np.degrees(np.arctan2(down, across))
    assert np.abs(angles).max() <= 30.5
    assert angles.std() > 10


def test_zoom_keeps_within_its_limits() -> None:
    faces = np.zeros((64, 48, 48, 1), np.float32)
    faces[:, 14:34, 14:34] = 255
    sides = np.sqrt(np.asarray(augmented(Augmentation(zoom=0.25), faces)).sum(axis=(1, 2, 3)) / 255)
    assert sides.min() > 20 / 1.25 - 0.3
    assert sides.max() < 20 * 1.25 + 0.3
    assert sides.std() > 1


@pytest.mark.skipif(
    keras.backend.backend() != "tensorflow", reason="only TensorFlow has the fused kernel"
)
def test_the_fused_batch_norm_trains_like_that_of_keras() -> None:
    faces, labels = synthetic_faces(64)
    inputs, targets = faces[..., None].astype(np.float32), np.eye(7, dtype=np.float32)[labels]
    sizes = {"stem": 4, "widths": (6, 8), "blocks": (1, 1), "dropout": 0.0}
    keras.utils.set_random_seed(0)
    plain, fused = (models.build("residual_student", sizes) for _ in range(2))
    fused.set_weights(plain.get_weights())
    batch_norm.fuse(fused)
    losses = []
    for model in (plain, fused):
        model.compile(
            # With large steps, differences of rounding would grow.
            optimizer=keras.optimizers.SGD(0.01),
            loss=keras.losses.CategoricalCrossentropy(from_logits=True),
            jit_compile=False,
        )
        losses.append([float(model.train_on_batch(inputs, targets)) for _ in range(4)])
    assert losses[1] == pytest.approx(losses[0], rel=1e-4)
    assert losses[0][3] < losses[0][0]
    for one, other in zip(plain.get_weights(), fused.get_weights(), strict=True):
        np.testing.assert_allclose(other, one, rtol=2e-4, atol=4e-5)


def test_a_folded_batch_norm_gets_statistics_and_keeps_its_outputs() -> None:
    model = models.build("mobilenet", {"input_size": 32, "trained_on": "vggface2"})
    faces, _ = synthetic_faces(100)
    inputs = faces[..., None].astype(np.float32)
    norm = model.get_layer("backbone").get_layer("conv_pw_1_bn")
    before = model.predict(inputs, verbose=0)
    batch_norm.restore_folded(model, faces)
    np.testing.assert_allclose(model.predict(inputs, verbose=0), before, rtol=1e-3, atol=1e-4)
    backbone = model.get_layer("backbone")
    last = model.layers[model.layers.index(backbone) - 1].output
    seen = keras.Model(backbone.input, norm.input)(keras.Model(model.input, last)(inputs))
    mean, variance = keras.ops.moments(seen, axes=(0, 1, 2))
    np.testing.assert_allclose(norm.moving_mean, mean, rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(norm.moving_variance, variance, rtol=1e-3, atol=1e-4)


def test_batch_norm_statistics_are_recomputed_on_the_given_faces() -> None:
    model = models.build("residual_student", {"stem": 4, "widths": (6, 8), "blocks": (1, 1)})
    inputs = synthetic_faces(100)[0][..., None].astype(np.float32)
    first = next(x for x in model.layers if isinstance(x, keras.layers.BatchNormalization))
    momentum = first.momentum
    batch_norm.recompute_statistics(model, inputs)
    mean, variance = keras.ops.moments(
        keras.Model(model.input, first.input)(inputs), axes=(0, 1, 2)
    )
    np.testing.assert_allclose(first.moving_mean, mean, rtol=1e-3, atol=1e-4)
    # The mean over two batches omits the variance between them.
    np.testing.assert_allclose(first.moving_variance, variance, rtol=0.02)
    assert first.momentum == momentum


def test_a_student_starts_from_a_converted_network(golden: Path, tmp_path: Path) -> None:
    path = find_model("nano-float32")
    sizes = {"stem": 16, "widths": (32, 56, 64), "blocks": (1, 1, 0), "dropout": 0.0}
    model = models.build("residual_student", {**sizes, "weights": str(path)})
    faces = synthetic_faces(40)[0]
    features = keras.Model(model.input, model.get_layer("logits").input)
    before = np.asarray(features(faces[..., None]))
    batch_norm.restore_folded(model, faces)
    np.testing.assert_allclose(features(faces[..., None]), before, rtol=1e-4, atol=1e-5)
    # With its statistics restored, a network in training has about the same outputs.
    in_training = np.asarray(features(faces[..., None], training=True))
    assert np.corrcoef(in_training.ravel(), before.ravel())[0, 1] > 0.99
    with pytest.raises(InputError, match="other sizes"):
        models.build("residual_student", {**sizes, "stem": 6, "weights": str(path)})
    with pytest.raises(InputError, match="is quantized"):
        models.build("residual_student", {**sizes, "weights": str(find_model("nano-int8"))})
    (tmp_path / "no.tflite").write_bytes(b"none")
    with pytest.raises(InputError, match=r"not a readable \.tflite"):
        models.build("residual_student", {**sizes, "weights": str(tmp_path / "no.tflite")})


NANO = find_model("nano-float32")
TRAIN = Path(__file__).parents[2] / "train"
NANO_FER2013 = TRAIN / "students" / "nano-fer2013-float32.tflite"
BASE_FERPLUS = TRAIN / "teachers" / "base-ferplus-float32.tflite"


@pytest.mark.parametrize(("share", "end"), [(0.0, NANO_FER2013), (1.0, NANO)])
def test_the_ends_of_an_interpolation_are_its_two_networks(share: float, end: Path) -> None:
    start, trained = ModelBundle.load(NANO_FER2013), ModelBundle.load(NANO)
    start = replace(start, labels=start.labels[::-1])  # logits follow the labels
    network = mean_network(start, trained, RECIPES["nano"], share)
    faces = synthetic_faces(8)[0]
    session = open_session(end)
    expected = session.run(faces)[:, :: 1 if share else -1]
    session.close()
    np.testing.assert_allclose(predict(network, faces), expected, atol=1e-4)


def test_an_interpolation_needs_the_labels_of_its_trained_network() -> None:
    start, trained = ModelBundle.load(NANO), ModelBundle.load(BASE_FERPLUS)
    with pytest.raises(InputError, match=r"nano-float32\.tflite has no contempt"):
        mean_network(start, trained, RECIPES["base-ferplus"], 0.5)
