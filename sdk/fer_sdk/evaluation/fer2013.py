"""FER2013 in one .npz file, written by `fer-train import` and validated when it is loaded.

Arrays of the file, in the row order of the official csv:

    pixels         uint8 (n, 48, 48)   grey faces, range [0, 255]
    emotion        uint8 (n,)          0 to 6, see `fer_sdk.labels.FER2013_LABELS`
    usage          uint8 (n,)          0 Training, 1 PublicTest, 2 PrivateTest
    duplicate_of   int32 (n,)          first row with equal pixels, preferably of Training; the
                                       row's own number if it is that row
    ferplus_votes  uint8 (n, 10)       votes of FER+; shape (0, 10) if they were not imported
"""

import hashlib
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from fer_sdk._internal.files import is_file
from fer_sdk.errors import InputError
from fer_sdk.labels import FER2013_LABELS, FERPLUS_LABELS

SIDE: Final = 48
USAGES: Final = ("Training", "PublicTest", "PrivateTest")
TRAINING, PUBLIC_TEST, PRIVATE_TEST = 0, 1, 2

SPLITS: Final = {
    "public": (PUBLIC_TEST,),
    "private": (PRIVATE_TEST,),
    "both": (PUBLIC_TEST, PRIVATE_TEST),
}
"""Values of the option `--split`; "both" are the 7,178 faces that some papers report."""

OFFICIAL_COUNTS: Final = {
    "Training": (3995, 436, 4097, 7215, 4830, 3171, 4965),
    "PublicTest": (467, 56, 496, 895, 653, 415, 607),
    "PrivateTest": (491, 55, 528, 879, 594, 416, 626),
}
"""Faces per class of the official fer2013.csv."""

OFFICIAL_FINGERPRINT: Final = "bb183fb6943ddf60cee1219371efd38a18d40392d446398712869eac5e880089"
"""`fingerprint` of the official fer2013.csv: same rows, same order."""


@dataclass(frozen=True, slots=True)
class Fer2013:
    """FER2013 in memory; the module docstring describes the arrays."""

    pixels: NDArray[np.uint8]
    emotion: NDArray[np.uint8]
    usage: NDArray[np.uint8]
    duplicate_of: NDArray[np.int32]
    ferplus_votes: NDArray[np.uint8]

    def rows(self, *usages: int, deduplicated: bool = False) -> NDArray[np.intp]:
        """Return the row numbers of one or more splits.

        Args:
            usages: TRAINING, PUBLIC_TEST, PRIVATE_TEST.
            deduplicated: Exclude test faces whose pixels also occur in Training, and blank
                images of Training.

        Returns:
            intp (k,), ascending.
        """
        chosen = np.isin(self.usage, usages)
        if deduplicated:
            chosen &= ~np.where(self.usage == TRAINING, self.blank, self.copied_from_training)
        return np.flatnonzero(chosen)

    @property
    def blank(self) -> NDArray[np.bool_]:
        """Images with a single grey level, bool (n,)."""
        flat = self.pixels.reshape(len(self.pixels), -1)
        return np.asarray(flat.min(axis=1) == flat.max(axis=1))

    @property
    def copied_from_training(self) -> NDArray[np.bool_]:
        """Rows outside Training whose pixels also occur in Training, bool (n,)."""
        return np.asarray((self.usage != TRAINING) & (self.usage[self.duplicate_of] == TRAINING))

    @property
    def fingerprint(self) -> str:
        """SHA-256 of pixels, emotion and usage in row order, hexadecimal."""
        digest = hashlib.sha256()
        for array in (self.pixels, self.emotion, self.usage):
            digest.update(np.ascontiguousarray(array).tobytes())
        return digest.hexdigest()

    @property
    def is_official(self) -> bool:
        """Whether the rows and their order are those of the official csv."""
        return self.fingerprint == OFFICIAL_FINGERPRINT


def load(path: str | Path) -> Fer2013:
    """Load and validate an imported FER2013.

    Args:
        path: The .npz file that `fer-train import` wrote.

    Raises:
        InputError: If the file is missing or damaged, or its arrays have another name, dtype,
            shape or range.
    """
    path = Path(path)
    if not is_file(path):
        raise InputError(
            f"no imported FER2013 at {path}: run `fer-train import fer2013.csv --out {path}` first"
        )
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise InputError(f"{path} is not a readable .npz: {error}") from error
    expected: dict[str, tuple[type, tuple[int, ...]]] = {
        "pixels": (np.uint8, (SIDE, SIDE)),
        "emotion": (np.uint8, ()),
        "usage": (np.uint8, ()),
        "duplicate_of": (np.int32, ()),
        "ferplus_votes": (np.uint8, (len(FERPLUS_LABELS),)),
    }
    if set(arrays) != set(expected):
        raise InputError(
            f"{path} must hold the arrays {sorted(expected)}, but holds {sorted(arrays)}: "
            "was it written by `fer-train import`?"
        )
    n = len(arrays["emotion"])
    for name, (dtype, shape) in expected.items():
        array = arrays[name]
        lengths = (n, 0) if name == "ferplus_votes" else (n,)
        if array.dtype != dtype or array.shape[1:] != shape or len(array) not in lengths:
            raise InputError(
                f"{name} in {path} must be {np.dtype(dtype).name} {(n, *shape)}, "
                f"but is {array.dtype} {array.shape}"
            )
    if n == 0 or arrays["emotion"].max() >= len(FER2013_LABELS) or arrays["usage"].max() > 2:
        raise InputError(
            f"{path} has no rows, or has labels or splits that FER2013 does not define"
        )
    if not (arrays["duplicate_of"].min() >= 0 and arrays["duplicate_of"].max() < n):
        raise InputError(f"duplicate_of in {path} points outside its {n} rows")
    return Fer2013(**arrays)
