"""Reader of FlatBuffers that validates every offset.

Format: https://flatbuffers.dev/internals. A table begins with the signed distance to its vtable.
The vtable holds its own size, the size of the table and, for each field, its offset in the table,
or 0 if the field is absent. Every read is checked to be inside the file, and every field to be
inside its table, so that a C++ reader without these checks stays inside the file.
"""

import struct
from dataclasses import dataclass
from typing import Final, Literal

from fer_sdk.bundles.validation.malformed import MalformedError

Kind = Literal["i8", "u8", "bool", "i32", "u32", "f32", "i64", "u64"]

_FORMATS: Final[dict[str, str]] = {
    "i8": "b", "u8": "B", "bool": "B", "i32": "i", "u32": "I", "f32": "f", "i64": "q", "u64": "Q",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Span:
    """Elements at consecutive positions of the file.

    Attributes:
        start: Offset of the first element in bytes.
        count: Number of elements.
        width: Size of an element in bytes.
    """

    start: int
    count: int
    width: int


class Table:
    """One table. Each method reads the field of a number and raises if it is outside the file."""

    def __init__(self, data: bytes, at: int, name: str, fields: int) -> None:
        """Read the vtable of a table.

        Args:
            data: Content of the file.
            at: Offset of the table in bytes.
            name: Name of the table in error messages.
            fields: Number of fields in the schema; a table with more is rejected.

        Raises:
            MalformedError: If the table or its vtable is outside the file, or a field is unknown.
        """
        self._data, self._at, self._name = data, at, name
        vtable = at - int(_number(data, at, "i32", name))
        size, self._size = (_number16(data, vtable + i, name) for i in (0, 2))
        count = (size - 4) // 2
        if size < 4 or size % 2 or self._size < 4 or vtable + size > len(data):
            raise MalformedError(f"{name} has a damaged vtable")
        if at + self._size > len(data):
            raise MalformedError(f"{name} reaches beyond the file")
        self._places = [_number16(data, vtable + 4 + 2 * i, name) for i in range(count)]
        if any(self._places[fields:]):
            raise MalformedError(f"{name} has fields that are not in the schema")

    def has(self, field: int) -> bool:
        """Return whether a field is present."""
        return field < len(self._places) and self._places[field] != 0

    def number(self, field: int, kind: Kind, default: float = 0) -> float:
        """Return a number, or the default if the field is absent."""
        if not self.has(field):
            return default
        return _number(self._data, self._inside(field, kind), kind, self._name)

    def integer(self, field: int, kind: Kind, default: int = 0) -> int:
        """Return an integer, or the default if the field is absent."""
        return int(self.number(field, kind, default))

    def flag(self, field: int) -> bool:
        """Return a bool; False if the field is absent."""
        value = self.integer(field, "bool")
        if value not in (0, 1):
            raise MalformedError(f"a flag of {self._name} is {value}")
        return value == 1

    def vector(self, field: int, kind: Kind) -> Span:
        """Return the position of a vector of numbers; count 0 if the field is absent."""
        if not self.has(field):
            return Span(0, 0, 1)
        return self._span(self._follow(field), struct.calcsize(_FORMATS[kind]))

    def numbers(self, field: int, kind: Kind) -> tuple[float, ...]:
        """Return a vector of numbers; empty if the field is absent."""
        span = self.vector(field, kind)
        return struct.unpack_from(f"<{span.count}{_FORMATS[kind]}", self._data, span.start)

    def integers(self, field: int, kind: Kind) -> tuple[int, ...]:
        """Return a vector of integers; empty if the field is absent."""
        return tuple(map(int, self.numbers(field, kind)))

    def check_text(self, field: int) -> None:
        """Check that a string is inside the file and ends with a null byte."""
        if self.has(field):
            span = self._span(self._follow(field), 1)
            if self._data[span.start + span.count : span.start + span.count + 1] != b"\0":
                raise MalformedError(f"a string of {self._name} has no null byte at its end")

    def table(self, field: int, name: str, fields: int) -> "Table | None":
        """Return a table, or None if the field is absent."""
        if not self.has(field):
            return None
        return Table(self._data, self._follow(field), name, fields)

    def tables(self, field: int, name: str, fields: int) -> list["Table"]:
        """Return a vector of tables; empty if the field is absent."""
        if not self.has(field):
            return []
        span = self._span(self._follow(field), 4)
        places = range(span.start, span.start + 4 * span.count, 4)
        return [
            Table(self._data, place + int(_number(self._data, place, "u32", name)), name, fields)
            for place in places
        ]

    def _inside(self, field: int, kind: Kind) -> int:
        place, width = self._places[field], struct.calcsize(_FORMATS[kind])
        if place < 4 or place + width > self._size or (self._at + place) % width:
            raise MalformedError(f"a field of {self._name} is outside the table")
        return self._at + place

    def _follow(self, field: int) -> int:
        at = self._inside(field, "u32")
        return at + int(_number(self._data, at, "u32", self._name))

    def _span(self, at: int, width: int) -> Span:
        count = int(_number(self._data, at, "u32", self._name))
        if at + 4 + count * width > len(self._data) or (count and (at + 4) % width):
            raise MalformedError(f"a vector of {self._name} reaches beyond the file")
        return Span(at + 4, count, width)


def root(data: bytes, identifier: bytes, name: str, fields: int) -> Table:
    """Return the file's root table.

    Args:
        data: Content of the file.
        identifier: File identifier of four bytes, such as b"TFL3".
        name: Name of the table in error messages.
        fields: Number of fields in the schema.

    Raises:
        MalformedError: If the identifier differs or the file is truncated.
    """
    if len(data) < 8 or data[4:8] != identifier:
        raise MalformedError(f"it has no file identifier {identifier.decode()}")
    return Table(data, int(_number(data, 0, "u32", name)), name, fields)


def _number(data: bytes, at: int, kind: Kind, name: str) -> float:
    layout = _FORMATS[kind]
    if at < 0 or at + struct.calcsize(layout) > len(data) or at % struct.calcsize(layout):
        raise MalformedError(f"{name} is outside the file")
    value: float = struct.unpack_from("<" + layout, data, at)[0]
    return value


def _number16(data: bytes, at: int, name: str) -> int:
    if at < 0 or at + 2 > len(data) or at % 2:
        raise MalformedError(f"{name} is outside the file")
    value: int = struct.unpack_from("<H", data, at)[0]
    return value
