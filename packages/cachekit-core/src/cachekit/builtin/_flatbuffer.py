"""The little of FlatBuffers that Arrow's messages need, every position checked."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from typing import Any

from ..errors import DecodeError

Form = Callable[[Any, int], tuple[Any, ...]]
U8: Form = struct.Struct("<B").unpack_from
U16: Form = struct.Struct("<H").unpack_from
U32: Form = struct.Struct("<I").unpack_from
I16: Form = struct.Struct("<h").unpack_from
I32: Form = struct.Struct("<i").unpack_from
I64: Form = struct.Struct("<q").unpack_from


class Table:
    """One table in *data*, a whole buffer, at *position*. A field that is not there is None."""

    __slots__ = ("_data", "_fields", "_position")

    def __init__(self, data: bytes, position: int) -> None:
        vtable = position - number(data, I32, position)
        size = number(data, U16, vtable)
        if size < 4 or size % 2 or vtable + size > len(data):
            raise DecodeError("corrupt", "arrow: a table of the wrong form")
        self._data, self._position = data, position
        self._fields: tuple[int, ...] = struct.unpack_from(f"<{size // 2 - 2}H", data, vtable + 4)

    def number(self, slot: int, form: Form) -> int:
        """The number in *slot*, of that form; 0 if it is not there."""
        at = self._at(slot)
        return 0 if at is None else number(self._data, form, at)

    def has(self, slot: int) -> bool:
        return self._at(slot) is not None

    def table(self, slot: int) -> Table:
        """The table that *slot* leads to, which must be there."""
        return Table(self._data, self._target(slot))

    def pairs(self, slot: int) -> Iterator[tuple[int, int]]:
        """The vector of structs of two int64 in *slot*; none if it is not there."""
        if not self.has(slot):
            return iter(())
        start = self._target(slot)
        end = start + 4 + 16 * number(self._data, U32, start)
        if end > len(self._data):
            raise DecodeError("corrupt", "arrow: a vector past the end")
        pairs: Iterator[Any] = struct.iter_unpack("<qq", self._data[start + 4 : end])
        return pairs

    def tables(self, slot: int) -> Iterator[Table]:
        """The vector of tables in *slot*; none if it is not there."""
        if self.has(slot):
            start = self._target(slot)
            for at in range(start + 4, start + 4 + 4 * number(self._data, U32, start), 4):
                yield Table(self._data, at + number(self._data, U32, at))

    def length(self, slot: int) -> int:
        """Of the text or vector in *slot*; 0 if it is not there."""
        return number(self._data, U32, self._target(slot)) if self.has(slot) else 0

    def _at(self, slot: int) -> int | None:
        offset = self._fields[slot] if slot < len(self._fields) else 0
        return self._position + offset if offset else None

    def _target(self, slot: int) -> int:
        at = self._at(slot)
        if at is None:
            raise DecodeError("corrupt", "arrow: a field is missing")
        return at + number(self._data, U32, at)


def number(data: bytes | memoryview, form: Form, at: int) -> int:
    """The number at *at*, or `DecodeError` if it does not lie within *data*."""
    if at >= 0:  # below zero, it would count from the end
        try:
            value: int = form(data, at)[0]
            return value
        except struct.error:
            pass
    raise DecodeError("truncated", "arrow: a position past the end")
