"""A stream's results as CSV, JSON or Parquet, written frame by frame.

CSV and Parquet have one row a face a frame, columns as in `columns`; JSON also lists the frames
without a face. CSV and JSON are whole files after every frame, so that a stop loses nothing.
"""

import contextlib
import csv
import io
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from fer_sdk._internal.extras import require
from fer_sdk._internal.files import write_beside
from fer_sdk.errors import InputError
from fer_sdk.video.recognizer import FrameResult, TrackedFace

SCHEMA: Final = 1
ROWS_A_BATCH: Final = 1000
QUALITIES: Final = ("size_px", "sharpness", "yaw_degrees", "pitch_degrees", "roll_degrees")

Record = Callable[[FrameResult], None]
"""Takes the next frame's result."""


def columns(labels: Sequence[str]) -> list[str]:
    """Return the names of a row's values.

    Times are in seconds, boxes in pixels; `label`, `confidence`, `uncertain` and the `p_...` are
    smoothed over time, `raw_label` is the frame's own. The last columns are `FaceQuality`'s.
    """
    return [
        "frame", "time_s", "face_id", "left", "top", "right", "bottom", "detection_score",
        "label", "confidence", "uncertain", *(f"p_{label}" for label in labels), "raw_label",
        *QUALITIES, "reasons",
    ]  # fmt: skip


@contextlib.contextmanager
def csv_records(path: Path, labels: Sequence[str]) -> Iterator[Record]:
    """Write rows to a .csv file; an error in the block leaves none.

    Raises:
        InputError: If the file cannot be written; the rows until then stay whole.
    """
    with write_beside(path) as temporary, temporary.open("wb", buffering=0) as file:
        grown = _GrowingFile(path, file, _csv_lines([columns(labels)]), b"")

        def record(result: FrameResult) -> None:
            grown.append(_csv_lines(_rows(result)))

        yield record


@contextlib.contextmanager
def json_records(path: Path, labels: Sequence[str], about: dict[str, Any]) -> Iterator[Record]:
    """Write one JSON object with all frames; an error in the block leaves none.

    Args:
        path: File to write.
        labels: All expressions that the model knows.
        about: More for the beginning of the object, such as the source's name.

    Raises:
        InputError: If the file cannot be written; the frames until then stay whole.
    """
    head = {"schema": SCHEMA, **about, "labels": list(labels)}
    with write_beside(path) as temporary, temporary.open("wb", buffering=0) as file:
        begin = json.dumps(head, indent=1)[:-2] + ',\n "frames": ['
        grown = _GrowingFile(path, file, begin.encode(), b"\n ]\n}\n")
        between = "\n"

        def record(result: FrameResult) -> None:
            nonlocal between
            faces = [_json_face(face) for face in result.faces]
            frame = {"frame": result.index, "time_s": round(result.time_s, 6), "faces": faces}
            grown.append(f"{between}  {json.dumps(frame)}".encode())
            between = ",\n"

        yield record


@contextlib.contextmanager
def parquet_records(path: Path, labels: Sequence[str]) -> Iterator[Record]:
    """Write rows to a .parquet file; an error in the block leaves none.

    Raises:
        MissingDependencyError: If pyarrow is not installed.
        InputError: If the file cannot be written.
    """
    require("parquet", "writing Parquet", "pyarrow")
    import pyarrow as pa
    from pyarrow import parquet

    kinds = {"frame": pa.int64(), "face_id": pa.int64(), "label": pa.string(),
             "raw_label": pa.string(), "reasons": pa.string(), "uncertain": pa.bool_()}  # fmt: skip
    schema = pa.schema([(name, kinds.get(name, pa.float64())) for name in columns(labels)])
    waiting: list[tuple[Any, ...]] = []
    with write_beside(path) as temporary, parquet.ParquetWriter(temporary, schema) as file:

        def flush() -> None:
            values = zip(*waiting, strict=True) if waiting else [()] * len(schema)
            arrays = [pa.array(v, kind) for v, kind in zip(values, schema.types, strict=True)]
            file.write_batch(pa.record_batch(arrays, schema=schema))
            waiting.clear()

        def record(result: FrameResult) -> None:
            waiting.extend(_rows(result))
            if len(waiting) >= ROWS_A_BATCH:
                flush()

        yield record
        flush()


class _GrowingFile:
    """A file that always ends in its tail: what is appended goes before that."""

    def __init__(self, path: Path, file: io.FileIO, head: bytes, tail: bytes) -> None:
        self._path = path
        self._file = file
        self._tail = tail
        self._end = 0
        self.append(head)

    def append(self, data: bytes) -> None:
        """Add all of `data` or, if there is no room, nothing."""
        try:
            self._write(data + self._tail)
        except OSError as error:
            self._file.truncate(self._end)
            self._write(self._tail)  # on blocks that the file already had
            raise InputError(f"cannot write more of {self._path}: {error.strerror}") from error
        self._end += len(data)

    def _write(self, data: bytes) -> None:
        self._file.seek(self._end)
        left = memoryview(data)
        while left:
            left = left[self._file.write(left) :]


def _rows(result: FrameResult) -> list[tuple[Any, ...]]:
    return [
        (
            result.index,
            round(result.time_s, 6),
            face.id,
            *(round(side, 2) for side in face.box_xyxy),
            round(face.face.score, 6),
            face.label,
            round(face.confidence, 6),
            face.expression.uncertain,
            *(round(p, 6) for p in face.expression.probabilities),
            face.raw.label,
            *(round(getattr(face.quality, name), 3) for name in QUALITIES),
            "; ".join(face.quality.reasons),
        )
        for face in result.faces
    ]


def _csv_lines(rows: Sequence[Sequence[Any]]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue().encode()


def _json_face(face: TrackedFace) -> dict[str, Any]:
    points = {name: _rounded(point, 2) for name, point in asdict(face.face.landmarks).items()}
    return {
        "id": face.id,
        "box_xyxy": _rounded(face.box_xyxy, 2),
        "landmarks": points,
        "detection_score": round(face.face.score, 6),
        "label": face.label,
        "confidence": round(face.confidence, 6),
        "uncertain": face.expression.uncertain,
        "probabilities": _by_label(face.expression.labels, face.expression.probabilities),
        "raw_probabilities": _by_label(face.raw.labels, face.raw.probabilities),
        "quality": {
            **{name: round(getattr(face.quality, name), 3) for name in QUALITIES},
            "reasons": list(face.quality.reasons),
        },
    }


def _by_label(labels: Sequence[str], probabilities: Sequence[float]) -> dict[str, float]:
    return dict(zip(labels, _rounded(probabilities, 6), strict=True))


def _rounded(values: Sequence[float], digits: int) -> list[float]:
    return [round(value, digits) for value in values]
