"""Results of a stream as JSON Lines on stdout, and the frames in which something changed."""

import errno
import sys
from pathlib import Path

import click

from fer_sdk.cli.console import discard
from fer_sdk.errors import OutputError
from fer_sdk.results import FrameResult


def check_jsonl_changes(jsonl: Path | None, only_changes: bool) -> None:
    """Check that --jsonl-changes comes with --jsonl.

    Raises:
        click.UsageError: If it does not.
    """
    if only_changes and jsonl is None:
        raise click.UsageError("--jsonl-changes needs --jsonl PATH, or --jsonl - for stdout")


class StdoutLines:
    """Prints each result as one line of JSON, flushed; no error if the reader closes the pipe."""

    def __init__(self) -> None:
        """Start with an open stdout."""
        self.closed = False
        """Whether the reader closed the pipe; further results are dropped."""

    def write(self, result: FrameResult) -> None:
        """Print a result.

        Raises:
            OutputError: If stdout cannot be written, such as on a full disk.
        """
        if self.closed:
            return
        try:
            click.echo(result.to_json())  # flushes
        except OSError as error:
            discard(sys.stdout)
            if error.errno != errno.EPIPE:
                raise OutputError(f"cannot print to stdout: {error.strerror}") from error
            self.closed = True


class ChangeFilter:
    """Selects the frames in which a face appears or leaves, or its label or change changes."""

    def __init__(self) -> None:
        """Start without a frame."""
        self._before: list[tuple[int, str, str | None]] | None = None

    def passes(self, result: FrameResult) -> bool:
        """Return whether the frame differs from the previous one; true for the first frame."""
        now = [(face.id, face.label, face.changed_to) for face in result.faces]
        changed = now != self._before
        self._before = now
        return changed
