"""Labelling photos, one or thousands, in this process or on all cores."""

import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Generator, Iterable
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from multiprocessing import connection
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fer_sdk._internal.context_manager import ContextManager
from fer_sdk._internal.native_log import captured_native_log
from fer_sdk.errors import FerError, InputError
from fer_sdk.inputs.images import read_photo
from fer_sdk.outputs.photo_rows import PhotoRecord, photo_record
from fer_sdk.recognizer import ExpressionRecognizer
from fer_sdk.results import RecognizedFace

WAITING_A_PROCESS = 4
"""Photos handed to each process ahead of time."""


@dataclass(frozen=True, slots=True)
class LabellingSettings:
    """How photos are labelled; the same in every process.

    Attributes:
        model: Name of a shipped model or path of a bundle.
        runtime: As in `ExpressionClassifier.load`.
        delegate: As in `ExpressionClassifier.load`.
        threads: CPU threads of the classifier.
        max_faces: Photos with more faces are refused.
        convert: Accept grey, transparent and 16-bit images too.
    """

    model: str
    runtime: str | None = None
    delegate: str = "cpu"
    threads: int = 1
    max_faces: int = 64
    convert: bool = False


@dataclass(frozen=True, slots=True)
class PhotoTask:
    """A photo, and where to draw its faces and keep what the model saw of them."""

    photo: Path
    picture: Path | None = None
    crops: Path | None = None
    """Begin of the names: `crops` = a/b gives a/b.face1.png, a/b.face2.png, ..."""


class PhotoLabeller(ContextManager):
    """Labels photos one by one; a photo that cannot be labelled gives a record that says why."""

    def __init__(self, settings: LabellingSettings) -> None:
        """Open the recognizer.

        Raises:
            FerError: As `ExpressionRecognizer` does.
        """
        self._settings = settings
        with captured_native_log():
            self._recognizer = ExpressionRecognizer(
                settings.model,
                runtime=settings.runtime,
                delegate=settings.delegate,
                threads=settings.threads,
            )

    def label(self, task: PhotoTask) -> PhotoRecord:
        """Label a photo and write what its task asks for."""
        photo = str(task.photo)
        try:
            pixels = self._read(task.photo)
            return self._label_pixels(photo, pixels, task)
        except FerError as error:
            return photo_record(photo, error=" ".join(str(error).split()))

    def label_bytes(self, name: str, data: bytes) -> PhotoRecord:
        """Label the photo that a file's content holds; `name` stands for it in the record."""
        try:
            pixels = self._read(data)
            return self._label_pixels(name, pixels, PhotoTask(Path(name)))
        except FerError as error:
            return photo_record(name, error=" ".join(str(error).split()))

    def _read(self, source: Path | bytes) -> NDArray[np.uint8]:
        with captured_native_log() as log:
            pixels = read_photo(source, convert=self._settings.convert)
        if "Corrupt JPEG data" in log.text:  # OpenCV greys the rest and goes on
            name = "the photo" if isinstance(source, bytes) else source
            raise InputError(f"{name} is a damaged JPEG file: {log.text.strip().splitlines()[0]}")
        return pixels

    def _label_pixels(self, name: str, pixels: NDArray[np.uint8], task: PhotoTask) -> PhotoRecord:
        faces = self._recognizer.recognize(pixels, color="bgr")
        if len(faces) > self._settings.max_faces:
            raise InputError(
                f"{name} has {len(faces)} faces, but --max-faces is {self._settings.max_faces}: "
                "crop it or raise that"
            )
        if task.picture is not None and faces:
            from fer_sdk.outputs.annotate import draw_faces, write_picture

            write_picture(task.picture, draw_faces(pixels, faces))
        crops = [] if task.crops is None else self._write_crops(task.crops, pixels, faces)
        picture = task.picture if faces else None
        return photo_record(name, faces, picture=picture, crops=crops)

    def _write_crops(
        self, begin: Path, pixels: NDArray[np.uint8], faces: list[RecognizedFace]
    ) -> list[Path]:
        """Write what the model saw of each face, the very pixels."""
        from fer_sdk.outputs.annotate import write_picture

        crops = self._recognizer.crops(pixels, tuple(face.face for face in faces), color="bgr")
        paths = [begin.with_name(f"{begin.name}.face{i}.png") for i in range(1, len(faces) + 1)]
        for path, crop in zip(paths, crops, strict=True):
            write_picture(path, crop)
        return paths

    def close(self) -> None:
        """Free model and detector; may be called twice."""
        self._recognizer.close()


def label_photos(
    tasks: Iterable[PhotoTask], settings: LabellingSettings, processes: int
) -> Generator[PhotoRecord, None, None]:
    """Label photos; records come in the order of the tasks.

    A photo whose reading kills its process costs that photo alone.

    Args:
        tasks: Photos.
        settings: How.
        processes: 1 for this process, or as many others.

    Raises:
        FerError: As `ExpressionRecognizer` does, before the first photo.
    """
    with PhotoLabeller(settings) as labeller:
        if processes == 1:
            yield from map(labeller.label, tasks)
            return
    left = iter(tasks)
    pool = _open_pool(settings, processes)
    waiting: deque[tuple[PhotoTask, Future[PhotoRecord] | None]] = deque()
    try:
        while True:
            while len(waiting) < WAITING_A_PROCESS * processes:
                task = next(left, None)
                if task is None:
                    break
                waiting.append((task, _submit(pool, task)))
            if not waiting:
                return
            task, future = waiting.popleft()
            try:
                yield future.result() if future else _label_alone(task, settings)
            except BrokenProcessPool:
                pool.shutdown()
                yield _label_alone(task, settings)
                pool = _open_pool(settings, processes)
                waiting = deque((again, _submit(pool, again)) for again, _ in waiting)
    finally:
        pool.shutdown(cancel_futures=True)


def _submit(pool: ProcessPoolExecutor, task: PhotoTask) -> "Future[PhotoRecord] | None":
    try:
        return pool.submit(_label_here, task)
    except BrokenProcessPool:
        return None


def _open_pool(settings: LabellingSettings, processes: int) -> ProcessPoolExecutor:
    spawn = multiprocessing.get_context("spawn")
    return ProcessPoolExecutor(processes, spawn, _begin_process, (settings,))


def _label_alone(task: PhotoTask, settings: LabellingSettings) -> PhotoRecord:
    """Label a photo in a process of its own, which may die of it."""
    with _open_pool(settings, 1) as pool:
        try:
            return pool.submit(_label_here, task).result()
        except BrokenProcessPool:
            reason = f"{task.photo} ended the process that read it: is it damaged, or memory short?"
            return photo_record(str(task.photo), error=reason)


_here: list[PhotoLabeller] = []
"""The labeller of a process of the pool."""


def _begin_process(settings: LabellingSettings) -> None:
    import cv2

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to answer
    cv2.setNumThreads(1)
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_end_with, args=(parent.sentinel,), daemon=True).start()
    _here.append(PhotoLabeller(settings))


def _end_with(sentinel: int) -> None:
    """End this process when its parent was killed and cannot end it."""
    connection.wait([sentinel])
    os._exit(1)


def _label_here(task: PhotoTask) -> PhotoRecord:
    return _here[0].label(task)
