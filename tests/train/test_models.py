import numpy as np
import pytest
from numpy.typing import NDArray

from fer_sdk.errors import InputError
from fer_train.recipes import RECIPES

pytestmark = pytest.mark.tensorflow
keras = pytest.importorskip("keras", reason="networks need the extra `train`")

from fer_train import augment, models  # noqa: E402 - needs Keras
from fer_train.augmentation import Augmentation  # noqa: E402
from fer_train.publish import fit_temperature  # noqa: E402

FACES = np.random.default_rng(0).uniform(0, 255, (4, 48, 48, 1)).astype(np.float32)


@pytest.mark.parametrize("recipe", RECIPES)
def test_every_recipes_network_takes_faces_and_gives_logits(recipe: str) -> None:
    network = models.build(RECIPES[recipe].model, RECIPES[recipe].sizes)
    assert network.input_shape == (None, 48, 48, 1)
    assert np.asarray(network(FACES)).shape == (4, 7)
    modules = {layer.__class__.__module__.split(".")[0] for layer in network.layers}
    assert modules == {"keras"}


def test_unknown_network_names_the_known_ones() -> None:
    with pytest.raises(InputError, match="there are residual_student"):
        models.build("resnet9000", {})


def views(augmentation: Augmentation, faces: NDArray[np.float32] = FACES) -> NDArray[np.float32]:
    chain = keras.Sequential([keras.Input((48, 48, 1)), *augment.build(augmentation, 0)])
    return np.asarray(chain(faces, training=True))


def test_no_augmentation_and_inference_leave_faces_alone() -> None:
    np.testing.assert_allclose(views(Augmentation()), FACES, atol=1e-3)
    strong = Augmentation(90, 0.5, 9, True, 0.5, 0.5, 1.0)
    chain = keras.Sequential([keras.Input((48, 48, 1)), *augment.build(strong, 0)])
    np.testing.assert_array_equal(np.asarray(chain(FACES, training=False)), FACES)


def test_flip_mirrors_some_faces_exactly_and_keeps_the_others() -> None:
    faces = np.repeat(FACES[:1], 64, axis=0)
    flipped = np.asarray(views(Augmentation(flip=True), faces))
    mirrored = np.abs(flipped - faces[:, :, ::-1]).max(axis=(1, 2, 3)) < 1e-3
    kept = np.abs(flipped - faces).max(axis=(1, 2, 3)) < 1e-3
    assert (mirrored ^ kept).all()
    assert 16 < mirrored.sum() < 48


def test_shift_moves_a_dot_by_at_most_that_many_pixels() -> None:
    faces = np.zeros((64, 48, 48, 1), np.float32)
    faces[:, 20, 30] = 255
    shifted = np.asarray(views(Augmentation(shift_px=4), faces))[..., 0]
    total = shifted.sum(axis=(1, 2))
    across = (shifted.sum(axis=1) * np.arange(48)).sum(axis=1) / total - 30
    down = (shifted.sum(axis=2) * np.arange(48)).sum(axis=1) / total - 20
    assert np.abs(across).max() <= 4.01
    assert np.abs(down).max() <= 4.01
    assert across.std() > 1.5
    assert down.std() > 1.5


def test_rotation_turns_about_the_middle() -> None:
    faces = np.zeros((64, 48, 48, 1), np.float32)
    faces[:, 23:25, 40:42] = 255
    turned = np.asarray(views(Augmentation(rotation_degrees=30), faces))[..., 0]
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
    sides = np.sqrt(np.asarray(views(Augmentation(zoom=0.25), faces)).sum(axis=(1, 2, 3)) / 255)
    assert sides.min() > 20 / 1.25 - 0.3
    assert sides.max() < 20 * 1.25 + 0.3
    assert sides.std() > 1


def test_temperature_is_found_again() -> None:
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(20_000, 7)) * 2
    powers = np.exp(logits)
    truth = (powers.cumsum(1) / powers.sum(1, keepdims=True) > rng.random((20_000, 1))).argmax(1)
    for temperature in (0.5, 1.0, 2.5):
        sharpened = (logits * temperature).astype(np.float32)
        found = fit_temperature(sharpened, truth.astype(np.uint8))
        assert found == pytest.approx(temperature, rel=0.04)
