import numpy as np
import pytest
from numpy.typing import NDArray

pytest.importorskip("scipy", reason="fitting needs the extra `train`")

from fer_train.evaluation.calibration import fit_offsets, fit_temperature, with_offsets_by_halves


def logits_and_classes(
    count: int, offsets: NDArray[np.float64], scale: float = 1.0
) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
    """Return logits, and classes sampled from softmax(scale (logits + offsets))."""
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(count, 7)) * 2
    powers = np.exp(scale * (logits + offsets))
    truth = (powers.cumsum(1) / powers.sum(1, keepdims=True) > rng.random((count, 1))).argmax(1)
    return logits.astype(np.float32), truth.astype(np.uint8)


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.5])
def test_temperature_is_recovered(temperature: float) -> None:
    logits, truth = logits_and_classes(20_000, np.zeros(7))
    found = fit_temperature(np.float32(temperature) * logits, truth)
    assert found == pytest.approx(temperature, rel=0.04)


@pytest.mark.parametrize("scale", [0.5, 1.0, 2.0])
def test_offsets_are_recovered_at_any_scale(scale: float) -> None:
    offsets = np.array([0.0, -1.0, 0.5, 0.1, 0.3, 0.6, -0.5])
    logits, truth = logits_and_classes(20_000, offsets, scale)
    np.testing.assert_allclose(fit_offsets(logits, truth), offsets, atol=0.15)
    shifted = with_offsets_by_halves(logits, truth)
    assert (shifted.argmax(1) == truth).mean() > (logits.argmax(1) == truth).mean() + 0.005


def test_a_class_without_faces_leaves_all_offsets_finite() -> None:
    logits, truth = logits_and_classes(500, np.array([0.0, -9.0, 0, 0, 0, 0, 0]))
    truth[truth == 1] = 0
    found = fit_offsets(logits, truth)
    assert np.isfinite(found).all()
    assert found.argmin() == 1


def test_offsets_of_one_half_depend_on_the_other_half_only() -> None:
    rng = np.random.default_rng(1)
    logits, truth = rng.normal(size=(40, 7)).astype(np.float32), rng.integers(0, 7, 40)
    shifted = with_offsets_by_halves(logits, truth.astype(np.uint8)) - logits
    np.testing.assert_allclose(shifted[0::2], np.tile(shifted[0], (20, 1)), atol=1e-5)
    changed = truth.copy()
    changed[::2] = 0
    again = with_offsets_by_halves(logits, changed.astype(np.uint8)) - logits
    np.testing.assert_allclose(again[0::2], shifted[0::2], atol=1e-5)
    assert np.abs(again[1::2] - shifted[1::2]).max() > 0.1
