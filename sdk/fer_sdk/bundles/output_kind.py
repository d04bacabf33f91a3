"""Whether a network returns logits or probabilities, checked on its outputs."""

from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from fer_sdk.errors import BundleError
from fer_sdk.preprocess import InputSpec

Output = Literal["logits", "probabilities"]
"""What a model's outputs are: "logits" are the inputs of softmax, "probabilities" its outputs."""

PROBES: Final = 4
TOLERANCE: Final = 0.03
"""Largest difference of a sum of probabilities to 1: seven int8 outputs are rounded to 1/256."""


def probe_faces(spec: InputSpec) -> NDArray[np.uint8]:
    """Return grey images that differ strongly: uint8 (`PROBES`, *spec.shape), range [0, 255]."""
    height, width = spec.height, spec.width
    down = np.linspace(0, 255, height)[:, None] + np.zeros((1, width))
    across = np.linspace(255, 0, width)[None, :] + np.zeros((height, 1))
    # Multiples of the golden ratio look random enough; numpy.random takes 15 ms to import.
    noise = np.arange(height * width).reshape(height, width) * 0.6180339887 % 1 * 255
    faces = np.stack([np.zeros((height, width)), down, across, noise])
    levels = np.asarray(faces, np.uint8)
    return levels if spec.pixels.channels == 1 else np.repeat(levels[..., None], 3, axis=3)


def kind_of_outputs(outputs: NDArray[np.floating]) -> Output | Literal["sigmoid"]:
    """Return what a network's outputs for `probe_faces` are: float (`PROBES`, classes), finite.

    A network that returns the same for all of them within 0 and 1 counts as one of logits.
    """
    if not ((outputs >= 0).all() and (outputs <= 1 + TOLERANCE).all()):
        return "logits"
    if (abs(outputs.sum(axis=1) - 1) <= TOLERANCE).all():
        return "probabilities"
    return "sigmoid" if float(np.ptp(outputs)) > TOLERANCE else "logits"


def check_output(outputs: NDArray[np.floating], stated: Output, where: str) -> None:
    """Check that outputs are what the sidecar states.

    Softmax on probabilities would give other, much lower confidences: 1.0 would become 0.31.

    Args:
        outputs: Outputs for `probe_faces`, float (`PROBES`, classes).
        stated: What the sidecar states.
        where: The model's name in error messages.

    Raises:
        BundleError: If logits are stated and the outputs are probabilities, or the reverse.
    """
    if not np.isfinite(outputs).all():
        return  # reported where the outputs are used
    kind = kind_of_outputs(outputs)
    if stated == "probabilities" and kind != "probabilities":
        raise BundleError(
            f"{where} must return probabilities according to its sidecar, but its outputs are "
            f"{outputs.min():.3g} to {outputs.max():.3g} and do not sum to 1: state 'logits', or "
            "end the network in softmax and not in sigmoid"
        )
    if stated == "logits" and kind == "probabilities":
        raise BundleError(
            f"{where} must return logits according to its sidecar, but its outputs sum to 1, so it "
            "ends in softmax: remove the softmax, or state the output 'probabilities'"
        )
    if stated == "logits" and kind == "sigmoid":
        raise BundleError(
            f"{where} must return logits according to its sidecar, but all its outputs are within "
            "0 and 1, so it ends in sigmoid: remove the sigmoid"
        )
