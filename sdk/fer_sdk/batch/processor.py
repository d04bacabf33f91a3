"""Batch processing of photos, one after the other."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fer_sdk._internal.context_manager import ContextManager
from fer_sdk._internal.native_log import captured_native_log
from fer_sdk._internal.output_paths import check_outputs
from fer_sdk.bundles.prior import PriorChoice
from fer_sdk.bundles.registry import DEFAULT_MODEL
from fer_sdk.detectors.yunet import MAX_SIDE, Search
from fer_sdk.errors import FerError, InputError
from fer_sdk.inputs.images import read_photo
from fer_sdk.recognizer import ExpressionRecognizer
from fer_sdk.results import ImageResult, PhotoResult


@dataclass(frozen=True, slots=True)
class BatchSettings:
    """Settings of a batch, the same in every process.

    Attributes:
        model: Name of a shipped model or path of a model file.
        runtime: As in `ExpressionClassifier.load`.
        delegate: As in `ExpressionClassifier.load`.
        threads: CPU threads of the classifier.
        prior: Expected class frequencies, as in `ExpressionClassifier.load`.
        max_faces: Photos with more faces are rejected.
        convert: Also accept grey, transparent and 16-bit images, as `read_photo` does.
        max_side: As in `YuNet`.
        search: As in `YuNet`.
    """

    model: str | Path = DEFAULT_MODEL
    runtime: str | None = None
    delegate: str = "cpu"
    threads: int = 1
    prior: PriorChoice = None
    max_faces: int = 64
    convert: bool = False
    max_side: int = MAX_SIDE
    search: Search = "fast"


@dataclass(frozen=True, slots=True)
class PhotoTask:
    """A photo and the pictures to write of it.

    Attributes:
        photo: Path of the photo.
        picture: Where to write the annotated picture, if the photo shows a face; None for nowhere.
        crops: Prefix of the paths for the model input of each face: "out/a" writes
            out/a.face1.png, out/a.face2.png, ...; None for nowhere.
    """

    photo: str | Path
    picture: str | Path | None = None
    crops: str | Path | None = None


class PhotoProcessor(ContextManager):
    """Recognizes the faces of photos; a photo that fails gives a result with `error` set.

    A JPEG whose data is damaged in its middle fails in the commands and in `process_photos` with
    several processes. In an application's process it is decoded as `read_photo` states: OpenCV
    only tells by a line on stderr, which a library must not redirect.
    """

    def __init__(self, settings: BatchSettings | None = None) -> None:
        """Open the recognizer.

        Args:
            settings: Model and limits; None takes the defaults.

        Raises:
            FerError: As `ExpressionRecognizer` does.
        """
        self._settings = settings or BatchSettings()
        with captured_native_log():
            self._recognizer = ExpressionRecognizer(
                self._settings.model,
                runtime=self._settings.runtime,
                delegate=self._settings.delegate,
                threads=self._settings.threads,
                prior=self._settings.prior,
                max_side=self._settings.max_side,
                search=self._settings.search,
            )

    @property
    def labels(self) -> tuple[str, ...]:
        """All labels of the model, in the order of its outputs."""
        return self._recognizer.labels

    def process(self, photo: str | Path | PhotoTask) -> PhotoResult:
        """Process a photo and write the pictures of its task.

        Args:
            photo: Path of a photo, or a task.
        """
        task = photo if isinstance(photo, PhotoTask) else PhotoTask(photo)
        return self._process(str(task.photo), Path(task.photo), task)

    def process_bytes(self, name: str, data: bytes) -> PhotoResult:
        """Process a photo given as the bytes of its file.

        Args:
            name: The photo's name in the result.
            data: Content of a JPEG, PNG, WebP or BMP file.
        """
        return self._process(name, data, PhotoTask(name))

    def close(self) -> None:
        """Free the model and the detector; may be called twice."""
        self._recognizer.close()

    def _process(self, name: str, source: Path | bytes, task: PhotoTask) -> PhotoResult:
        try:
            if isinstance(source, Path):
                check_outputs([task.picture], [source])
            pixels = self._read(source)
            found = self._recognizer.recognize(pixels, color="bgr")
            if len(found) > self._settings.max_faces:
                raise InputError(
                    f"{name} has {len(found)} faces, but max_faces is {self._settings.max_faces}: "
                    "crop the photo or raise the limit"
                )
            picture = None if task.picture is None or not found else Path(task.picture)
            if picture is not None:
                _write_annotated(picture, pixels, found)
            crops = () if task.crops is None else self._write_crops(Path(task.crops), pixels, found)
        except FerError as error:
            return PhotoResult((), photo=name, error=" ".join(str(error).split()))
        return PhotoResult(found.faces, found.speed_ms, photo=name, picture=picture, crops=crops)

    def _read(self, source: Path | bytes) -> NDArray[np.uint8]:
        with captured_native_log() as log:
            pixels = read_photo(source, convert=self._settings.convert)
        if "Corrupt JPEG data" in log.text:  # OpenCV fills the rest with grey and reports success
            name = "the photo" if isinstance(source, bytes) else source
            raise InputError(f"{name} is a damaged JPEG file: {log.text.strip().splitlines()[0]}")
        return pixels

    def _write_crops(
        self, prefix: Path, pixels: NDArray[np.uint8], found: ImageResult
    ) -> tuple[Path, ...]:
        """Write the model's input for each face."""
        from fer_sdk.outputs.annotate import write_picture

        crops = self._recognizer.crops(pixels, found.faces, color="bgr")
        if self._recognizer.classifier.bundle.input.pixels.color == "rgb":
            crops = crops[..., ::-1]
        paths = [prefix.with_name(f"{prefix.name}.face{i}.png") for i in range(1, len(found) + 1)]
        for path, crop in zip(paths, crops, strict=True):
            write_picture(path, crop)
        return tuple(paths)


def _write_annotated(path: Path, pixels: NDArray[np.uint8], found: ImageResult) -> None:
    from fer_sdk.outputs.annotate import draw_faces, write_picture

    write_picture(path, draw_faces(pixels, found))
