"""A log of finished photos beside the result, from which a stopped run is resumed."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from fer_sdk._internal.context_manager import ContextManager
from fer_sdk.errors import InputError, OutputError
from fer_sdk.results import PhotoResult


class ResumeLog(ContextManager):
    """A JSON Lines file: the settings of the run, then one line per finished photo."""

    def __init__(self, path: Path, run: dict[str, Any]) -> None:
        """Create a log, or open an existing one of the same run.

        Args:
            path: Log file; its folder is created.
            run: Model and settings, which must be the same when the run is resumed.

        Raises:
            InputError: If the existing file is damaged or belongs to another run.
            OutputError: If the file cannot be written.
        """
        self.path = path
        self.done: set[str] = set()
        head = (json.dumps(run, sort_keys=True) + "\n").encode()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            end = self._read(head) if path.exists() else 0
            self._file = path.open("r+b" if end else "wb", buffering=0)
            self._file.seek(end)
            self._file.truncate()  # an incomplete last line of a killed run
            self._file.write(b"" if end else head)
        except OSError as error:
            raise OutputError(f"cannot write {path}: {error.strerror}") from error
        except (ValueError, KeyError, TypeError) as error:
            raise InputError(f"cannot resume from {path}: {error}") from error

    def _read(self, head: bytes) -> int:
        """Collect the finished photos; returns the offset where the complete lines end."""
        end = 0
        with self.path.open("rb") as lines:
            for number, line in enumerate(lines):
                if not line.endswith(b"\n"):
                    break
                if number == 0 and line != head:
                    raise ValueError(
                        "it holds the results of a run that was stopped, with another model or "
                        "other options: use those again, or delete this file to start anew"
                    )
                if number:
                    self.done.add(json.loads(line)["photo"])
                end += len(line)
        return end

    def append(self, result: PhotoResult) -> None:
        """Add a result.

        Raises:
            OutputError: If it cannot be written; the results before are kept.
        """
        try:
            self._file.write(f"{result.to_json()}\n".encode())
        except OSError as error:
            raise OutputError(f"cannot write {self.path}: {error.strerror}") from error
        self.done.add(result.photo)

    def records(self) -> Iterator[dict[str, Any]]:
        """Yield `PhotoResult.to_dict()` of all finished photos, in the order they were added."""
        with self.path.open(encoding="utf-8") as lines:
            next(lines)
            yield from map(json.loads, lines)

    def close(self) -> None:
        """Close the file, and remove it if it holds no result; may be called twice."""
        self._file.close()
        if not self.done:
            self.path.unlink(missing_ok=True)
