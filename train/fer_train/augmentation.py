"""How far a random view may differ from the face; plain numbers, so recipes need no Keras."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Augmentation:
    """How far a view may differ from the face; 0 switches a change off."""

    rotation_degrees: float = 0.0
    zoom: float = 0.0  # log-uniform from 1 / (1 + zoom) to 1 + zoom
    shift_px: float = 0.0
    flip: bool = False
    flip_vertical: bool = False
    brightness: float = 0.0  # of 255
    contrast: float = 0.0
    noise: float = 0.0  # standard deviation, of 255
    erasing: float = 0.0  # probability
