"""The base class of sinks: one file, complete or absent."""

import contextlib
from pathlib import Path
from types import TracebackType

from fer_sdk._internal.context_manager import ContextManager
from fer_sdk._internal.files import write_beside


class FileSink(ContextManager):
    """A file that is written under a temporary name in its folder and renamed by `close`.

    An exception in a `with` block discards the file; `close` keeps it. An existing file of that
    name is replaced.
    """

    def __init__(self, path: str | Path) -> None:
        """Create the temporary file.

        Args:
            path: File to write; its folder is created.

        Raises:
            OutputError: If the folder cannot be written.
        """
        self.path = Path(path)
        self._stack = contextlib.ExitStack()
        self._temporary = self._stack.enter_context(write_beside(self.path))

    def close(self) -> None:
        """Complete the file and rename it to its final name; may be called twice.

        Raises:
            OutputError: If it cannot be written, or what was written cannot be read back.
        """
        self._stack.close()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.__exit__(kind, error, trace)
