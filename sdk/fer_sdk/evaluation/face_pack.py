"""Packs of face crops from other sources than FER2013, as one .npz file.

A pack holds `bytes`, all images one after the other in a format that OpenCV decodes, and `start`,
the offset of each image and the end, int64 (n + 1,). An image is a color crop of `SIDE` pixels: the
square that the SDK cuts out for FER2013's input, scaled to `INNER` pixels, with a margin of
`MARGIN` around it. Every other array of length n is a column, such as `label` and `split`; byte
strings are read as UTF-8 text.

Packs may hold MediaPipe's `blendshapes`, uint8 (n, m), 0 to 254 for 0 to 1 and 255 for a face that
was not measured, and their `blendshape_names` (m,). They give the column `smile`, float32: the mean
of mouthSmileLeft and mouthSmileRight, 0 to 1; NaN for a face that was not measured.
"""

import zipfile
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from fer_sdk.errors import InputError
from fer_sdk.preprocess import FER2013_INPUT, to_input

SIDE: Final = 80
MARGIN: Final = 8
INNER: Final = SIDE - 2 * MARGIN
_NOUNS: Final = {"happiness": "happy", "anger": "angry", "sadness": "sad"}


@dataclass(frozen=True, slots=True)
class FacePack:
    """Faces of a pack as the SDK would cut them out.

    Attributes:
        pixels: uint8 (n, 48, 48), grey levels 0 to 255.
        columns: What the pack says of each face, arrays of length n by name.
    """

    pixels: NDArray[np.uint8]
    columns: dict[str, NDArray[Any]]

    def column(self, name: str) -> NDArray[Any]:
        """Return a column.

        Raises:
            InputError: If the pack has no such column.
        """
        if name not in self.columns:
            raise InputError(
                f"the pack has no column {name!r}: it has {', '.join(sorted(self.columns))}"
            )
        return self.columns[name]

    @property
    def labels(self) -> NDArray[np.str_]:
        """The column `label` (n,), with nouns such as "anger" replaced by the SDK's labels.

        Raises:
            InputError: If the pack has no such column.
        """
        return np.array([_NOUNS.get(str(name), str(name)) for name in self.column("label")])

    def subset(self, split: str) -> "FacePack":
        """Return the faces with a value in the column `split`.

        Raises:
            InputError: If no face has it.
        """
        splits = self.column("split")
        if split not in splits:
            names = ", ".join(sorted(map(str, set(splits))))
            raise InputError(f"the pack has no split {split!r}: it has {names}")
        kept = splits == split
        columns = {name: values[kept] for name, values in self.columns.items()}
        return FacePack(self.pixels[kept], columns)


def load(path: Path) -> FacePack:
    """Read a pack and cut its faces.

    Raises:
        InputError: If there is no such file, or it is damaged or of another form.
    """
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
        data, start = arrays.pop("bytes"), arrays.pop("start")
        images = [data[begin:end] for begin, end in pairwise(start)]
        pixels = np.stack([_cut(image) for image in images])
    except FileNotFoundError as error:
        raise InputError(f"no face pack at {path}") from error
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise InputError(f"{path} is not a readable face pack: {error}") from error
    columns: dict[str, NDArray[Any]] = {
        name: np.char.decode(array, "utf-8") if array.dtype.kind == "S" else array
        for name, array in arrays.items()
        if array.ndim and len(array) == len(pixels)
    }
    if "blendshapes" in columns and "blendshape_names" in arrays:
        columns["smile"] = _smile(columns["blendshapes"], arrays["blendshape_names"])
    return FacePack(pixels, columns)


def _smile(blendshapes: NDArray[np.uint8], names: NDArray[np.str_]) -> NDArray[np.float32]:
    sides = blendshapes[:, np.isin(names, ("mouthSmileLeft", "mouthSmileRight"))]
    smile = sides.mean(axis=1, dtype=np.float32) / 254
    return np.asarray(np.where((sides == 255).any(axis=1), np.nan, smile), np.float32)


def _cut(encoded: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Decode one image and return what the SDK cuts out of it."""
    import cv2

    image = cv2.imdecode(encoded, cv2.IMREAD_COLOR) if len(encoded) else None
    if image is None or image.shape != (SIDE, SIDE, 3):
        came = "no image" if image is None else f"an image of {image.shape[1]}x{image.shape[0]}"
        raise ValueError(f"each face must be an image of {SIDE}x{SIDE} pixels, but one is {came}")
    inner = np.ascontiguousarray(image[MARGIN:-MARGIN, MARGIN:-MARGIN])
    return to_input(np.asarray(inner, np.uint8), FER2013_INPUT, "bgr")
