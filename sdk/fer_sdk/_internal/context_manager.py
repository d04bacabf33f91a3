"""Base class of objects that are used in a `with` block."""

from types import TracebackType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing_extensions import Self


class ContextManager:
    """Calls `close` at the end of a `with` block."""

    def close(self) -> None:
        """Free the object's resources; may be called twice."""
        raise NotImplementedError

    def __enter__(self) -> "Self":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
