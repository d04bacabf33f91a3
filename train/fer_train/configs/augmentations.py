"""Augmentations that several recipes share."""

from dataclasses import replace
from typing import Final

from fer_train.data.recipe import Augmentation

TEACHER_AUGMENTATION: Final = Augmentation(
    rotation_degrees=15, zoom=0.2, shift_px=4, flip=True, brightness=0.1, contrast=0.5
)
"""Numbered augmentations of `fer-train soft-labels`."""

STUDENT_AUGMENTATION: Final = replace(TEACHER_AUGMENTATION, erasing=0.3)
"""Augmentation of networks that are trained without a teacher."""

MILD: Final = Augmentation(rotation_degrees=10, zoom=0.1, shift_px=3, flip=True)
MEDIUM: Final = Augmentation(
    rotation_degrees=12, zoom=0.15, shift_px=3, flip=True, contrast=0.3, erasing=0.2
)
