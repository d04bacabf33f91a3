"""Rises of log-odds over a neutral photo: of smiling photos, and of copies of the neutral one."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from fer_bench.measure.inputs import model_inputs
from fer_bench.results.statistics import wilson_interval
from fer_sdk._internal.native_log import captured_native_log
from fer_sdk.bundles.registry import DEFAULT_MODEL
from fer_sdk.classifier import LEAST_PROBABILITY, ExpressionClassifier
from fer_sdk.errors import InputError
from fer_sdk.inputs.images import read_photo
from fer_sdk.preprocess import FER2013_INPUT
from fer_sdk.recognizer import ExpressionRecognizer
from fer_sdk.video.baseline import NEUTRAL, BaselineSettings
from research.london import people_of

Image = NDArray[np.uint8]
Degrade = Callable[[Image, float], Image]
"""Changes a BGR photo; the second argument is the side of its face crop in pixels."""

THRESHOLDS: Final = np.arange(0.25, 5.01, 0.25)
MOST_FALSE: Final = 0.02
"""Largest share of false rises for which a threshold is chosen."""
SETTINGS: Final = BaselineSettings()


def gamma(exponent: float) -> Degrade:
    """Return a function that raises relative grey levels to a power."""
    table = np.rint(255 * (np.arange(256) / 255) ** exponent).astype(np.uint8)
    return lambda photo, size: table[photo]


def jpeg(quality: int) -> Degrade:
    """Return a function that compresses a photo, quality 1 to 100."""

    def degrade(photo: Image, size: float) -> Image:
        _, encoded = cv2.imencode(".jpg", photo, [cv2.IMWRITE_JPEG_QUALITY, quality])
        return np.asarray(cv2.imdecode(encoded, cv2.IMREAD_COLOR), np.uint8)

    return degrade


def noisy(deviation: float) -> Degrade:
    """Return a function that adds normal noise, the same in each call."""

    def degrade(photo: Image, size: float) -> Image:
        noise = np.random.default_rng(0).standard_normal(photo.shape, np.float32)
        return np.clip(np.rint(photo + deviation * noise), 0, 255).astype(np.uint8)

    return degrade


def tilted(degrees: float) -> Degrade:
    """Return a function that rotates a photo clockwise in the image."""

    def degrade(photo: Image, size: float) -> Image:
        height, width = photo.shape[:2]
        matrix = cv2.getRotationMatrix2D((width / 2, height / 2), -degrees, 1)
        edge = cv2.BORDER_REPLICATE
        return np.asarray(cv2.warpAffine(photo, matrix, (width, height), borderMode=edge), np.uint8)

    return degrade


def turned(degrees: float) -> Degrade:
    """Return a function that shows a photo as a plane turned about its vertical axis.

    The distance of the camera is 1.5 times the width of the photo. A flat photo shows the
    foreshortening of a turned head, but not its far side.
    """

    def degrade(photo: Image, size: float) -> Image:
        height, width = photo.shape[:2]
        distance = 1.5 * width
        corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
        across, down = (corners - np.array([width / 2, height / 2])).T
        nearer = distance / (distance + across * np.sin(np.radians(degrees)))
        there = np.stack(
            [width / 2 + across * np.cos(np.radians(degrees)) * nearer, height / 2 + down * nearer],
            axis=1,
        ).astype(np.float32)
        matrix = cv2.getPerspectiveTransform(corners, there)
        edge = cv2.BORDER_REPLICATE
        return np.asarray(
            cv2.warpPerspective(photo, matrix, (width, height), borderMode=edge), np.uint8
        )

    return degrade


def blurred(deviation: float) -> Degrade:
    """Return a function that blurs a photo by a deviation in pixels of the model's input."""

    def degrade(photo: Image, size: float) -> Image:
        pixels = deviation * size / FER2013_INPUT.width
        return np.asarray(cv2.GaussianBlur(photo, (0, 0), pixels), np.uint8)

    return degrade


def smaller(scale: float) -> Degrade:
    """Return a function that shrinks a photo."""
    return lambda photo, size: np.asarray(
        cv2.resize(photo, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.uint8
    )


COPIES: Final[dict[str, dict[str, Degrade]]] = {
    "gamma": {f"{value:g}": gamma(value) for value in (0.6, 0.8, 1.25, 1.6)},
    "JPEG quality": {f"{value}": jpeg(value) for value in (10, 20, 40)},
    "noise": {f"{value}": noisy(value) for value in (5, 10, 20)},
    "tilted, degrees": {f"{value}": tilted(value) for value in (-20, -10, 10, 20)},
    "turned, degrees": {f"{value}": turned(value) for value in (-30, -15, 15, 30)},
    "blurred, px": {f"{value:g}": blurred(value) for value in (0.5, 0.75, 1.0, 1.5)},
    "resolution": {"1/2": smaller(0.5), "1/3": smaller(1 / 3)},
}
"""Copies of the neutral photo by kind and degree."""

PHOTOS: Final = ("neutral", "smiling")
NAMES: Final = (*PHOTOS, *((kind, degree) for kind, of in COPIES.items() for degree in of))
"""Columns of `LondonCopies`: the two photos, then the copies."""


@dataclass(frozen=True, slots=True)
class LondonCopies:
    """Faces of the London set.

    Attributes:
        people: Number of each person.
        genders: Gender that each person states.
        ethnicities: Ethnicity that each person states.
        crops: uint8 (people, `NAMES`, 48, 48), grey levels 0 to 255.
        found: Whether exactly one face was detected, bool (people, `NAMES`).
        suitable: Whether the image of the face can be compared with that of the neutral photo, by
            `FaceQuality` and `BaselineSettings.min_sharpness`, bool (people, `NAMES`).
        boxes: Face in the neutral photo: left, top, right, bottom, float (people, 4).
    """

    people: tuple[str, ...]
    genders: NDArray[np.str_]
    ethnicities: NDArray[np.str_]
    crops: NDArray[np.uint8]
    found: NDArray[np.bool_]
    suitable: NDArray[np.bool_]
    boxes: NDArray[np.float64]

    @property
    def first_half(self) -> NDArray[np.bool_]:
        """Every second woman and every second man, bool (people,)."""
        half = np.zeros(len(self.people), bool)
        for gender in sorted(set(self.genders.tolist())):
            half[np.flatnonzero(self.genders == gender)[::2]] = True
        return half


def read_copies(folder: Path, people: int | None, report: Callable[[], object]) -> LondonCopies:
    """Detect the face in both photos of each person and in the copies of the neutral one.

    Args:
        folder: Folder of the London set.
        people: Number of people, spread over the set; None for all.
        report: Called after each person.

    Raises:
        InputError: If the folder has another structure, or a neutral photo has not one face.
    """
    rows = people_of(folder)
    names = sorted(rows)
    if people is not None and people < len(names):
        names = [names[round(n)] for n in np.linspace(0, len(names) - 1, people)]
    shape = len(names), len(NAMES)
    crops = np.zeros((*shape, FER2013_INPUT.height, FER2013_INPUT.width), np.uint8)
    found, suitable = np.zeros(shape, bool), np.zeros(shape, bool)
    boxes = np.zeros((len(names), 4))
    with captured_native_log():
        recognizer = ExpressionRecognizer(DEFAULT_MODEL)
    with recognizer:
        for row, name in enumerate(names):
            photos = _pictures(folder, name, recognizer)
            least = 0.0
            for column, photo in enumerate(photos):
                faces = recognizer.recognize(photo, color="bgr").faces
                if len(faces) != 1:
                    if column == 0:
                        raise InputError(f"the neutral photo of {name} must show one face")
                    continue
                quality = faces[0].quality
                if column == 0:
                    least = SETTINGS.min_sharpness * quality.sharpness
                    boxes[row] = faces[0].box_xyxy
                found[row, column] = True
                suitable[row, column] = quality.good and quality.sharpness >= least
                crops[row, column] = recognizer.crops(photo, faces, color="bgr")[0]
            report()
    return LondonCopies(
        tuple(names),
        np.array([rows[name]["face_gender"] for name in names]),
        np.array([rows[name]["face_eth"] for name in names]),
        crops,
        found,
        suitable,
        boxes,
    )


def _pictures(folder: Path, name: str, recognizer: ExpressionRecognizer) -> list[Image]:
    neutral, smiling = (
        read_photo(folder / "faces" / f"{name}_{kind}.jpg") for kind in ("03", "08")
    )
    (face, *_) = recognizer.recognize(neutral, color="bgr").faces or (None,)
    size = face.quality.size_px if face else 1.0
    copies = [degrade(neutral, size) for of in COPIES.values() for degrade in of.values()]
    return [neutral, smiling, *copies]


@dataclass(frozen=True, slots=True)
class Rises:
    """Results of one model.

    Attributes:
        model: Name of the model.
        rise: Rise of the log-odds of happy against neutral over the person's neutral photo, float
            (people, `NAMES`); NaN where it cannot be compared.
        called_happy: Whether happy is the most probable label, bool (people, `NAMES`).
    """

    model: str
    rise: NDArray[np.float64]
    called_happy: NDArray[np.bool_]

    def found(self, threshold: float, people: NDArray[np.bool_]) -> tuple[int, int]:
        """Return how many smiling photos rise above a threshold, and the number of photos.

        A photo whose face cannot be compared is not found.
        """
        return int((self.rise[people, 1] > threshold).sum()), int(people.sum())

    def false(
        self, threshold: float, people: NDArray[np.bool_], kind: str | None = None
    ) -> tuple[int, int]:
        """Return how many comparable copies of neutral photos rise above a threshold, and of all.

        Args:
            threshold: Rise in log-odds.
            people: Which people, bool (people,).
            kind: Key of `COPIES`; None for all.
        """
        columns = [n for n, name in enumerate(NAMES) if n > 1 and kind in (None, name[0])]
        rises = self.rise[people][:, columns]
        return int((rises > threshold).sum()), int(np.isfinite(rises).sum())

    def chosen(self, people: NDArray[np.bool_]) -> float:
        """Return the lowest threshold with fewer false rises than `MOST_FALSE`, or the highest.

        The upper limit of the share's 95 % interval counts: the share on other people is larger
        than on those that the threshold was chosen on.
        """
        for threshold in THRESHOLDS:
            hits, n = self.false(float(threshold), people)
            if n and wilson_interval(hits, n)[1] <= MOST_FALSE:
                return float(threshold)
        return float(THRESHOLDS[-1])


def measure_rises(classifier: ExpressionClassifier, copies: LondonCopies) -> Rises:
    """Classify the faces and compare each with that of the person's neutral photo."""
    bundle = classifier.bundle
    happy, rest = bundle.labels.index("happy"), bundle.labels.index(NEUTRAL)
    people, columns = copies.found.shape
    probabilities = np.stack(
        [classifier.probabilities(model_inputs(bundle, faces)) for faces in copies.crops]
    )
    logs = np.log(np.maximum(probabilities, LEAST_PROBABILITY))
    odds = logs[..., happy] - logs[..., rest]
    rise = np.where(copies.suitable, odds - odds[:, :1], np.nan)
    called = (probabilities.argmax(axis=2) == happy) & copies.found
    return Rises(bundle.path.stem, rise.reshape(people, columns), called)
