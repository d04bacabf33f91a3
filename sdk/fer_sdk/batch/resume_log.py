"""A long run's records so far, kept beside its result, so that a killed run can go on."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from fer_sdk._internal.context_manager import ContextManager
from fer_sdk.errors import InputError
from fer_sdk.outputs.photo_rows import PhotoRecord


class Journal(ContextManager):
    """A file of JSON lines: what the run is, then a record each; whole after every line."""

    def __init__(self, path: Path, run: dict[str, Any]) -> None:
        """Begin a journal, or go on with the one that is there.

        Args:
            path: Journal file; its folder is created.
            run: What must be the same for records to belong together.

        Raises:
            InputError: If the file is another run's or cannot be written.
        """
        self.path = path
        self.done: set[str] = set()
        head = (json.dumps(run, sort_keys=True) + "\n").encode()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            end = self._read(head) if path.exists() else 0
            self._file = path.open("r+b" if end else "wb", buffering=0)
            self._file.seek(end)
            self._file.truncate()  # the line that the run was killed in
            self._file.write(b"" if end else head)
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise InputError(f"cannot go on with {path}: {error}") from error

    def _read(self, head: bytes) -> int:
        """Note the photos that are done; returns where the whole lines end."""
        end = 0
        with self.path.open("rb") as lines:
            for number, line in enumerate(lines):
                if not line.endswith(b"\n"):
                    break
                if number == 0 and line != head:
                    raise ValueError(
                        "it was begun with another model or other options; finish it with those, "
                        "or delete it"
                    )
                if number:
                    self.done.add(json.loads(line)["photo"])
                end += len(line)
        return end

    def append(self, record: PhotoRecord) -> None:
        """Add a record.

        Raises:
            InputError: If it cannot be written; the records before stay.
        """
        try:
            self._file.write((json.dumps(record) + "\n").encode())
        except OSError as error:
            raise InputError(f"cannot write {self.path}: {error.strerror}") from error
        self.done.add(record["photo"])

    def records(self) -> Iterator[PhotoRecord]:
        """Go through all records, those of earlier runs first."""
        with self.path.open(encoding="utf-8") as lines:
            next(lines)
            yield from map(json.loads, lines)

    def close(self) -> None:
        """Close the file, and remove one that holds no record; may be called twice."""
        self._file.close()
        if not self.done:
            self.path.unlink(missing_ok=True)
