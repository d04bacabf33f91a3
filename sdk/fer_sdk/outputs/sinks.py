"""Sinks that write results to CSV, JSON, JSON Lines and Parquet files as they arrive.

All formats hold the values of `to_dict()`. JSON and JSON Lines keep them nested, one object per
frame or photo; CSV and Parquet have one row per face, flattened as `fer_sdk.outputs.rows` states.

A sink writes to a temporary file in the same folder, which is renamed when the sink is closed.
CSV, JSON and JSON Lines files are complete after every call of `write`, so that a full disk or an
interruption loses no earlier result.
"""

import contextlib
import csv
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Final, TypeAlias

from fer_sdk._internal.extras import require
from fer_sdk.errors import OutputError
from fer_sdk.outputs.file_sink import FileSink
from fer_sdk.outputs.rows import Kind, arrow_schema, columns, rows
from fer_sdk.results import FrameResult, PhotoResult

SCHEMA: Final = 3
"""Number of the file format, in JSON files; the columns state it in the others."""

ROWS_PER_BATCH: Final = 1000
"""Rows that a Parquet sink keeps in memory."""

Result: TypeAlias = FrameResult | PhotoResult


class Sink(FileSink):
    """Base class of the sinks for results; `FileSink` says what becomes of the file."""

    def write(self, result: Result) -> None:
        """Append a result.

        Args:
            result: The next frame of the stream, or a photo.

        Raises:
            OutputError: If it cannot be written; the results before are kept.
        """
        self.write_record(result.to_dict())

    def write_record(self, record: Mapping[str, Any]) -> None:
        """Append what `to_dict()` of a result returned; otherwise as `write`."""
        raise NotImplementedError


class CsvSink(Sink):
    """Writes a .csv file: a header, then one row per face."""

    def __init__(self, path: str | Path, labels: Sequence[str], *, kind: Kind = "frames") -> None:
        """Create the file.

        Args:
            path: File to write; its folder is created.
            labels: All labels of the model, such as `VideoRecognizer.labels`.
            kind: "frames" for `FrameResult`, "photos" for `PhotoResult`.

        Raises:
            OutputError: If it cannot be written.
        """
        super().__init__(path)
        self._names = list(columns(kind, labels))
        self._file = _GrowingFile(self, _csv_lines([self._names]), b"")

    def write_record(self, record: Mapping[str, Any]) -> None:
        """Append what `to_dict()` of a result returned; otherwise as `write`."""
        found = [[row[name] for name in self._names] for row in rows(record)]
        self._file.append(_csv_lines(found))


class JsonSink(Sink):
    """Writes a .json file: one object with the list `frames` or `photos`."""

    def __init__(
        self,
        path: str | Path,
        labels: Sequence[str],
        *,
        kind: Kind = "frames",
        about: Mapping[str, Any] | None = None,
    ) -> None:
        """Create the file.

        Args:
            path: File to write; its folder is created.
            labels: All labels of the model, such as `VideoRecognizer.labels`.
            kind: "frames" for `FrameResult`, "photos" for `PhotoResult`.
            about: More values for the object, such as the source's name.

        Raises:
            OutputError: If it cannot be written.
        """
        super().__init__(path)
        head = {"schema": SCHEMA, **(about or {}), "labels": list(labels)}
        begin = f'{json.dumps(head, indent=1)[:-2]},\n "{kind}": ['
        self._file = _GrowingFile(self, begin.encode(), b"\n ]\n}\n")
        self._between = "\n"

    def write_record(self, record: Mapping[str, Any]) -> None:
        """Append what `to_dict()` of a result returned; otherwise as `write`."""
        self._file.append(f"{self._between}  {json.dumps(record)}".encode())
        self._between = ",\n"


class JsonLinesSink(Sink):
    """Writes a .jsonl file: one JSON object per frame or photo, each in a line of its own."""

    def __init__(self, path: str | Path) -> None:
        """Create the file.

        Args:
            path: File to write; its folder is created.

        Raises:
            OutputError: If it cannot be written.
        """
        super().__init__(path)
        self._file = _GrowingFile(self, b"", b"")

    def write_record(self, record: Mapping[str, Any]) -> None:
        """Append what `to_dict()` of a result returned; otherwise as `write`."""
        self._file.append(f"{json.dumps(record)}\n".encode())


class ParquetSink(Sink):
    """Writes a .parquet file: one row per face. It is complete only after `close`."""

    def __init__(self, path: str | Path, labels: Sequence[str], *, kind: Kind = "frames") -> None:
        """Create the file.

        Args:
            path: File to write; its folder is created.
            labels: All labels of the model, such as `VideoRecognizer.labels`.
            kind: "frames" for `FrameResult`, "photos" for `PhotoResult`.

        Raises:
            MissingDependencyError: If pyarrow is not installed.
            OutputError: If it cannot be written.
        """
        require("parquet", "writing Parquet", "pyarrow")
        from pyarrow import parquet

        super().__init__(path)
        self._schema = arrow_schema(kind, labels)
        self._writer = self._stack.enter_context(
            parquet.ParquetWriter(self._temporary, self._schema)
        )
        self._waiting: list[dict[str, Any]] = []
        self._stack.push(self._finish)

    def write_record(self, record: Mapping[str, Any]) -> None:
        """Append what `to_dict()` of a result returned; otherwise as `write`."""
        self._waiting += rows(record)
        if len(self._waiting) >= ROWS_PER_BATCH:
            self._flush()

    def _flush(self) -> None:
        import pyarrow as pa

        try:
            self._writer.write_batch(pa.RecordBatch.from_pylist(self._waiting, self._schema))
        except OSError as error:
            raise OutputError(f"cannot write {self.path}: {error}") from error
        self._waiting.clear()

    def _finish(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Write the remaining rows, unless the file is discarded."""
        if kind is None and self._waiting:
            self._flush()


class _GrowingFile:
    """A file that always ends with `tail`; data is inserted before it."""

    def __init__(self, sink: Sink, head: bytes, tail: bytes) -> None:
        self._path = sink.path
        self._tail = tail
        self._end = 0
        with contextlib.ExitStack() as discard:
            discard.push(sink._stack)
            self._file = sink._stack.enter_context(sink._temporary.open("wb", buffering=0))
            self.append(head)
            discard.pop_all()

    def append(self, data: bytes) -> None:
        """Append all of `data`, or nothing if there is no space."""
        try:
            self._write(data + self._tail)
        except OSError as error:
            self._file.truncate(self._end)
            self._write(self._tail)  # into blocks that the file had already
            raise OutputError(f"cannot write {self._path}: {error.strerror}") from error
        self._end += len(data)

    def _write(self, data: bytes) -> None:
        self._file.seek(self._end)
        left = memoryview(data)
        while left:
            left = left[self._file.write(left) :]


def _csv_lines(lines: Sequence[Sequence[Any]]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(lines)
    # A file name need not be valid text: its bytes are written as they are.
    return text.getvalue().encode(errors="surrogateescape")
