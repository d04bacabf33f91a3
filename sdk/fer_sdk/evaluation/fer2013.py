"""FER2013 as the tools read it: one .npz, written by `fer-train import`, checked when opened.

Keys of the file, all in the row order of the official csv:

    pixels         uint8 (n, 48, 48)   grey faces, range [0, 255]
    emotion        uint8 (n,)          0 to 6, see `fer_sdk.labels.FER2013_LABELS`
    usage          uint8 (n,)          0 Training, 1 PublicTest, 2 PrivateTest
    duplicate_of   int32 (n,)          first row with the same pixels, a Training row if there
                                       is one; the row itself if it is that first one
    ferplus_votes  uint8 (n, 10)       votes of FER+, or shape (0, 10) where they were not imported
"""

import hashlib
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

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
"""What the commands' `--split` means; both together are the 7,178 faces of some papers."""

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
    """FER2013 in memory; arrays as the module's docstring lists them."""

    pixels: NDArray[np.uint8]
    emotion: NDArray[np.uint8]
    usage: NDArray[np.uint8]
    duplicate_of: NDArray[np.int32]
    ferplus_votes: NDArray[np.uint8]

    def rows(self, *usages: int, deduplicated: bool = False) -> NDArray[np.intp]:
        """Return the row numbers of one split, or of several together.

        Args:
            usages: TRAINING, PUBLIC_TEST, PRIVATE_TEST.
            deduplicated: For a test split, leave out faces with an exact copy in Training; for
                Training, leave out blank images.
        """
        chosen = np.isin(self.usage, usages)
        if deduplicated:
            chosen &= ~np.where(self.usage == TRAINING, self.blank, self.copied_from_training)
        return np.flatnonzero(chosen)

    @property
    def blank(self) -> NDArray[np.bool_]:
        """Bool (n,): images of a single grey level."""
        flat = self.pixels.reshape(len(self.pixels), -1)
        return np.asarray(flat.min(axis=1) == flat.max(axis=1))

    @property
    def copied_from_training(self) -> NDArray[np.bool_]:
        """Bool (n,): rows outside Training whose exact pixels are also in Training."""
        return np.asarray((self.usage != TRAINING) & (self.usage[self.duplicate_of] == TRAINING))

    @property
    def fingerprint(self) -> str:
        """SHA-256 over pixels, emotion and usage in row order."""
        digest = hashlib.sha256()
        for array in (self.pixels, self.emotion, self.usage):
            digest.update(np.ascontiguousarray(array).tobytes())
        return digest.hexdigest()

    @property
    def is_official(self) -> bool:
        """Whether these are the official rows in the official order."""
        return self.fingerprint == OFFICIAL_FINGERPRINT


def load(path: Path) -> Fer2013:
    """Read and check an imported FER2013.

    Args:
        path: The .npz that `fer-train import` wrote.

    Raises:
        InputError: If the file is missing, damaged or of another kind.
    """
    if not path.is_file():
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
        raise InputError(f"{path} holds no rows, or labels or splits that FER2013 does not have")
    if not (arrays["duplicate_of"].min() >= 0 and arrays["duplicate_of"].max() < n):
        raise InputError(f"duplicate_of in {path} points outside its {n} rows")
    return Fer2013(**arrays)
