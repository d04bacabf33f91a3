"""YuNet, the default face detector, run by LiteRT."""

from pathlib import Path
from typing import Final, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from fer_sdk.bundles.detector import MULTIPLE, DetectorBundle
from fer_sdk.bundles.registry import DEFAULT_DETECTOR, find_detector
from fer_sdk.detectors.base import check_min_score
from fer_sdk.detectors.decoding import decode, suppress
from fer_sdk.detectors.tiles import OVERLAP, Tile, finer_levels, fitted_wh, tiles_of
from fer_sdk.errors import InputError
from fer_sdk.preprocess import check_image, resize
from fer_sdk.results import Face, Landmarks
from fer_sdk.runtimes import ImageSession, open_image_session

MIN_SCORE: Final = 0.7
"""Default of `YuNet`'s `min_score`."""
MAX_SIDE: Final = 640
"""Default of `YuNet`'s `max_side`."""
GREATEST_SIDE: Final = 4096

Search = Literal["fast", "thorough"]
SEARCHES: Final[tuple[str, ...]] = get_args(Search)


class YuNet:
    """Face detector YuNet (Wu et al. 2023, https://doi.org/10.1007/s11633-023-1423-y).

    Threads may share one instance; the runs of its network follow one after the other.
    """

    def __init__(
        self,
        model: str | Path = DEFAULT_DETECTOR,
        *,
        min_score: float = MIN_SCORE,
        max_side: int = MAX_SIDE,
        search: Search = "fast",
        runtime: str = "litert",
        delegate: str = "cpu",
        threads: int = 1,
    ) -> None:
        """Load a network and open a session.

        Args:
            model: Name of a shipped detector, or path of a .tflite file with its sidecar.
            min_score: Smallest score of a returned face, 0 to 1.
            max_side: Longest side of the searched image in pixels, 32 to 4096. Larger images are
                downscaled to it, and the detection time is proportional to the area. 320 is
                sufficient for one face near the camera.
            search: "fast" searches the image once. "thorough" also searches it at its own size, at
                least twice the first, in overlapping tiles of `max_side` pixels: for faces of a
                group or crowd in a large photo.
            runtime: "litert" or "tflite".
            delegate: "cpu", or "gpu" for LiteRT's GPU delegate; `max_side` is then at most 640.
            threads: CPU threads.

        Raises:
            InputError: If there is no such detector, or an option is out of its range.
            BundleError: If the model is damaged, or model and sidecar do not belong together.
            MissingDependencyError: If the runtime is not installed.
            NoAdapterError: If `delegate` is "gpu" and no GPU is found.
            RuntimeFailure: If the runtime cannot load the network.
        """
        check_min_score(min_score)
        if search not in SEARCHES:
            raise InputError(f"search must be one of {', '.join(SEARCHES)}, but is {search!r}")
        least = MULTIPLE if search == "fast" else 2 * OVERLAP
        if not least <= max_side <= GREATEST_SIDE:
            raise InputError(
                f"max_side must be {least} to {GREATEST_SIDE} pixels for search={search!r}, "
                f"but is {max_side}"
            )
        self._min_score, self._max_side, self._search = min_score, max_side, search
        self._bundle = DetectorBundle.load(find_detector(model))
        self._session: ImageSession = open_image_session(
            self._bundle.path, runtime=runtime, delegate=delegate, threads=threads
        )
        fixed_hw = self._session.fixed_hw
        if fixed_hw is not None and max_side > min(fixed_hw):
            self._session.close()
            raise InputError(
                f"max_side must be at most {min(fixed_hw)} with delegate={delegate!r}, "
                f"but is {max_side}"
            )

    def detect(self, image_bgr: NDArray[np.uint8]) -> tuple[Face, ...]:
        """Return the faces in an image, in descending order of score.

        Args:
            image_bgr: uint8 (height, width, 3), range [0, 255], BGR.

        Returns:
            Faces with boxes and landmarks in pixels of `image_bgr` and scores from 0 to 1.

        Raises:
            InputError: If the image has another dtype or shape, or is empty.
            RuntimeFailure: If the detector is closed or its output is not finite.
        """
        check_image(image_bgr, "bgr")
        height, width = image_bgr.shape[:2]
        found = self._find(image_bgr, fitted_wh(width, height, self._max_side))
        if self._search == "thorough":
            finer = finer_levels(width, height, self._max_side)
            found = suppress(np.concatenate([found, *(self._find(image_bgr, wh) for wh in finer)]))
        return tuple(_face(row) for row in found)

    def close(self) -> None:
        """Free the network; may be called twice."""
        self._session.close()

    def _find(self, image_bgr: NDArray[np.uint8], size_wh: tuple[int, int]) -> NDArray[np.float64]:
        """Search an image at one size, in tiles if it is larger than `max_side`.

        Returns:
            Rows as of `decode`, in pixels of `image_bgr`.
        """
        height, width = image_bgr.shape[:2]
        searched = image_bgr
        if size_wh != (width, height):
            searched = resize(image_bgr, (size_wh[1], size_wh[0]))
        tiles = tiles_of(*size_wh, self._max_side)
        found = np.concatenate([self._find_in(searched, tile) for tile in tiles])
        zoom = np.array([width / size_wh[0], height / size_wh[1]] * 7)
        # The centre of a downscaled pixel is the centre of the block of pixels that it averages.
        centre = np.array([0.0] * 4 + [0.5] * 10)
        found[:, :14] = (found[:, :14] + centre) * zoom - centre
        return found

    def _find_in(self, searched: NDArray[np.uint8], tile: Tile) -> NDArray[np.float64]:
        """Search a tile; faces that one of its inner edges cuts are found in another tile."""
        right, bottom = tile.left + tile.width, tile.top + tile.height
        output = self._session.run(searched[tile.top : bottom, tile.left : right], MULTIPLE)
        found = decode(
            output.rows, output.input_hw, self._bundle.factors, min_score=self._min_score
        )
        height, width = searched.shape[:2]
        if (tile.width, tile.height) == (width, height):
            return found
        found[:, :14] += np.array([tile.left, tile.top] * 7, np.float64)
        cut = (
            ((found[:, 0] < tile.left) & (tile.left > 0))
            | ((found[:, 1] < tile.top) & (tile.top > 0))
            | ((found[:, 2] > right) & (right < width))
            | ((found[:, 3] > bottom) & (bottom < height))
        )
        return np.asarray(found[~cut], np.float64)


def open_yunet(
    runtime: str | None,
    delegate: str,
    threads: int,
    *,
    min_score: float = MIN_SCORE,
    max_side: int = MAX_SIDE,
    search: Search = "fast",
) -> YuNet:
    """Open the default detector beside a classifier with these options.

    Args:
        runtime: Runtime of the classifier; the detector runs on "tflite" if that is given, else on
            "litert".
        delegate: As in `YuNet`.
        threads: As in `YuNet`.
        min_score: As in `YuNet`.
        max_side: As in `YuNet`.
        search: As in `YuNet`.

    Raises:
        FerError: As `YuNet` does.
    """
    return YuNet(
        min_score=min_score,
        max_side=max_side,
        search=search,
        runtime="tflite" if runtime == "tflite" else "litert",
        delegate=delegate,
        threads=threads,
    )


def _face(row: NDArray[np.float64]) -> Face:
    left, top, right, bottom, *points, score = row.tolist()
    landmarks = Landmarks(*zip(points[0::2], points[1::2], strict=True))
    return Face((left, top, right, bottom), landmarks, score)
