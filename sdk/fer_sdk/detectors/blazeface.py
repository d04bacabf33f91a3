"""BlazeFace, the face detector of the Android and web demos, run by LiteRT.

MediaPipe's short-range network (Bazarevsky et al. 2019, https://arxiv.org/abs/1907.05047) with the
settings of its graph face_detection_short_range. Pre- and post-processing are float64 and use
additions, multiplications, divisions and floor only, so that the Kotlin and JavaScript
implementations give the same bits and pass the same golden files.
"""

from dataclasses import dataclass
from importlib import resources
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from fer_sdk.detectors.base import check_min_score
from fer_sdk.errors import MissingDependencyError, RuntimeFailure
from fer_sdk.preprocess import FER2013_CROP, Affine, InputSpec, Point, check_image, sample
from fer_sdk.results import Face, Landmarks

BLAZEFACE_FILE: Final = "face_detection_short_range.tflite"
SIDE: Final = 128
ANCHORS: Final = 896
SCORE_CLIP: Final = 100.0
MIN_OVERLAP: Final = 0.3

_INPUT: Final = InputSpec(SIDE, SIDE, FER2013_CROP)
_LN2: Final = 0.6931471805599453


@dataclass(frozen=True, slots=True)
class Letterbox:
    """An image, resized with its aspect ratio and centred in the network's square input.

    Attributes:
        pixels: uint8 (128, 128, 3), range [0, 255], RGB; black outside the image.
        scale: Image pixels per input pixel.
        width: Width of the image in pixels.
        height: Height of the image in pixels.
    """

    pixels: NDArray[np.uint8]
    scale: float
    width: int
    height: int


class BlazeFace:
    """Finds faces within about two metres: at least a tenth of the image's side in size.

    The network returns one point for the mouth, so both mouth corners are set to that point.
    """

    def __init__(self, *, min_score: float = 0.5) -> None:
        """Load the network that ships with the package.

        Args:
            min_score: Smallest score of a returned face, 0 to 1.

        Raises:
            InputError: If `min_score` is out of range.
            MissingDependencyError: If LiteRT is not installed.
        """
        try:
            from ai_edge_litert.interpreter import Interpreter
        except ImportError as error:
            raise MissingDependencyError(
                "ai_edge_litert", "tflite-runtime", "BlazeFace (LiteRT only)"
            ) from error
        check_min_score(min_score)
        self._min_score = min_score
        network = (resources.files("fer_sdk") / "data" / BLAZEFACE_FILE).read_bytes()
        self._interpreter: Any = Interpreter(model_content=network, num_threads=1)
        self._interpreter.allocate_tensors()
        self._entry = self._interpreter.get_input_details()[0]["index"]
        exits = {int(t["shape"][2]): t["index"] for t in self._interpreter.get_output_details()}
        self._places, self._logits = exits[16], exits[1]

    def detect(self, image_bgr: NDArray[np.uint8]) -> tuple[Face, ...]:
        """Return the faces in an image, in descending order of score.

        Args:
            image_bgr: uint8 (height, width, 3), range [0, 255], BGR.

        Returns:
            Faces with boxes and landmarks in pixels of `image_bgr` and scores from 0 to 1.

        Raises:
            InputError: If the image has another dtype or shape, or is empty.
            RuntimeFailure: If the detector is closed.
        """
        box = letterbox(image_bgr)
        places, logits = self.run(to_tensor(box.pixels))
        return decode(places, logits, box, min_score=self._min_score)

    def run(self, tensor: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Run the network.

        Args:
            tensor: Result of `to_tensor`, float32 (1, 128, 128, 3), range [-1, 1].

        Returns:
            Places, float32 (896, 16), in input pixels relative to each anchor, and logits, float32
            (896,).

        Raises:
            RuntimeFailure: If the detector is closed.
        """
        if self._interpreter is None:
            raise RuntimeFailure("the face detector is closed")
        self._interpreter.set_tensor(self._entry, tensor)
        self._interpreter.invoke()
        places = self._interpreter.get_tensor(self._places)[0]
        return places, self._interpreter.get_tensor(self._logits)[0, :, 0]

    def close(self) -> None:
        """Free the network; may be called twice."""
        self._interpreter = None


def letterbox(image_bgr: NDArray[np.uint8]) -> Letterbox:
    """Resize an image into the network's input; each channel is resampled by `preprocess.sample`.

    Args:
        image_bgr: uint8 (height, width, 3), range [0, 255], BGR.

    Raises:
        InputError: If the image has another dtype or shape, or is empty.
    """
    check_image(image_bgr, "bgr")
    height, width = image_bgr.shape[:2]
    scale = max(height, width) / SIDE
    x0, y0 = (width - 1 - scale * (SIDE - 1)) / 2, (height - 1 - scale * (SIDE - 1)) / 2
    view = Affine(scale, 0.0, x0, 0.0, scale, y0)
    pixels = np.stack([sample(image_bgr[..., c], view, _INPUT, "grey") for c in (2, 1, 0)], axis=-1)
    steps = np.arange(SIDE, dtype=np.float64)
    across, down = scale * steps + x0, scale * steps + y0
    pixels[:, (across < -0.5) | (across >= width - 0.5)] = 0
    pixels[(down < -0.5) | (down >= height - 0.5)] = 0
    return Letterbox(pixels, scale, width, height)


def to_tensor(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Convert pixels p to p / 127.5 - 1, computed in float64: float32 (1, 128, 128, 3)."""
    return np.asarray(pixels[None] / 127.5 - 1.0, np.float32)


def decode(
    places: NDArray[np.float32],
    logits: NDArray[np.float32],
    box: Letterbox,
    *,
    min_score: float = 0.5,
) -> tuple[Face, ...]:
    """Convert the network's output to faces by weighted non-maximum suppression.

    Args:
        places: float32 (896, 16): box centre x and y, width, height, then six points (right eye,
            left eye, nose, mouth, right ear, left ear), in input pixels, all but width and height
            relative to the anchor.
        logits: float32 (896,).
        box: Position of the image in the input.
        min_score: Smallest score of a returned face, 0 to 1.

    Returns:
        Faces in pixels of the image, in descending order of score.

    Raises:
        RuntimeFailure: If a number is not finite.
    """
    if not (np.isfinite(places).all() and np.isfinite(logits).all()):
        raise RuntimeFailure("the face detector's output is not finite: try another accelerator")
    scores = sigmoid(np.clip(logits.astype(np.float64), -SCORE_CLIP, SCORE_CLIP))
    rows = places.astype(np.float64)
    sizes = rows[:, 2:4].copy()
    rows.reshape(ANCHORS, 8, 2)[:] += anchors()[:, None]
    rows[:, 2:4] = rows[:, 0:2] + sizes / 2
    rows[:, 0:2] -= sizes / 2
    kept = np.flatnonzero((scores >= min_score) & (sizes > 0).all(axis=1))
    # A stable order: of equal scores the lower anchor comes first.
    order = kept[np.argsort(-scores[kept], kind="stable")]
    return tuple(_face(row, score, box) for row, score in _merged(rows[order], scores[order]))


def anchors() -> NDArray[np.float64]:
    """Return the anchors' centres (x, y) in input pixels: float64 (896, 2), row by row.

    Each cell of a 16x16 grid has two anchors, followed by six in each cell of an 8x8 grid.
    """
    return np.concatenate([_grid(16, 2), _grid(8, 6)])


def sigmoid(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return 1 / (1 + exp(-x)) by a series: exp differs between libraries in the last bit."""
    power = np.floor(-x / _LN2 + 0.5)
    rest = -x - power * _LN2
    series = np.ones_like(x)
    for n in range(13, 0, -1):
        series = 1.0 + series * rest / n
    return 1.0 / (1.0 + np.ldexp(series, power.astype(np.int64)))


def _grid(cells: int, each: int) -> NDArray[np.float64]:
    middles = (np.arange(cells) + 0.5) * (SIDE / cells)
    return np.repeat(np.stack(np.meshgrid(middles, middles), axis=-1).reshape(-1, 2), each, axis=0)


def _merged(
    rows: NDArray[np.float64], scores: NDArray[np.float64]
) -> list[tuple[NDArray[np.float64], float]]:
    """Average each best row with all rows that overlap it, weighted by score, in input order."""
    merged = []
    while len(rows):
        near = _overlap(rows, rows[0]) > MIN_OVERLAP
        total, weight = np.zeros(rows.shape[1]), 0.0
        for row, score in zip(rows[near], scores[near], strict=True):
            total = total + row * score
            weight += float(score)
        merged.append((total / weight, float(scores[0])))
        rows, scores = rows[~near], scores[~near]
    return merged


def _overlap(rows: NDArray[np.float64], best: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the intersection over union of each row's box with the box of `best`."""
    low, high = np.maximum(rows[:, 0:2], best[0:2]), np.minimum(rows[:, 2:4], best[2:4])
    sides = np.maximum(high - low, 0.0)
    common = sides[:, 0] * sides[:, 1]
    areas = (rows[:, 2] - rows[:, 0]) * (rows[:, 3] - rows[:, 1])
    area = (best[2] - best[0]) * (best[3] - best[1])
    return np.asarray(common / (areas + area - common), np.float64)


def _face(row: NDArray[np.float64], score: float, box: Letterbox) -> Face:
    """Convert a row from input pixels to image pixels."""
    x = (row[0::2] - SIDE / 2) * box.scale + box.width / 2
    y = (row[1::2] - SIDE / 2) * box.scale + box.height / 2
    # Boxes are relative to the image's corner, points to the centre of its first pixel.
    points: list[Point] = [(float(x[k]) - 0.5, float(y[k]) - 0.5) for k in range(2, 6)]
    right_eye, left_eye, nose, mouth = points
    landmarks = Landmarks(right_eye, left_eye, nose, mouth, mouth)
    return Face((float(x[0]), float(y[0]), float(x[1]), float(y[1])), landmarks, score)
