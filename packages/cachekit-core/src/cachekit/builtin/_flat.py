"""Batches whose columns each hold one value a row in buffers of their own: laid out, and cut out again, without a copy.

pyarrow's writer copies each buffer into a new one, and its reader looks at every value of every
type. Of these types few need that: any bits are a number.
"""

from __future__ import annotations

import functools
import struct
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from ..errors import BrokenPluginError, DecodeError
from ._flatbuffer import I64, Table
from ._optional import library, pyarrow

if TYPE_CHECKING:
    import pyarrow as pa  # type: ignore[import-untyped]

_NUMBERS = ["BOOL", *(f"{sign}INT{size}" for sign in ("", "U") for size in (8, 16, 32, 64)), "HALF_FLOAT", "FLOAT", "DOUBLE"]
_TRUSTED = [*_NUMBERS, "DATE32", "TIMESTAMP", "DURATION"]  # of these, any bits are a value
_OTHERS = ["DATE64", "TIME32", "TIME64", "DECIMAL128", "DECIMAL256"]
_TEXTS = {"STRING": 32, "BINARY": 32, "LARGE_STRING": 64, "LARGE_BINARY": 64}
_PADDING = [b"\0" * n for n in range(8)]
_PREFIX = 0xFFFFFFFF
_V5, _BATCH = 4, 3
# The prefix; then the root, a message's vtable and table, and the same of the batch that it holds, before the batch's vectors.
_MESSAGE = struct.Struct("<IiI4x6HiqIhB3x5HiqII4x")
_MESSAGE_VTABLE = (12, 20, 16, 18, 12, 4)  # sizes of itself and its table; where version, kind, header and body's length lie
_BATCH_VTABLE = (10, 20, 4, 12, 16)  # likewise; rows, nodes, buffers


class Form(NamedTuple):
    """How the values of a flat type lie: in so many *bits* each, an offset's if they are text; any bits are a value if *trusted*."""

    kind: Any
    bits: int
    is_text: bool
    trusted: bool


class Column(NamedTuple):
    """Values of an Arrow type as they lie in a message: first the bitmap of those that are no nulls, which is empty if there are none."""

    kind: Any
    rows: int
    nulls: int
    buffers: Sequence[bytes | memoryview]


class Batch(NamedTuple):
    """What the header of a batch says: the length and the nulls of each column, and where each buffer starts and how long it is."""

    rows: int
    nodes: tuple[tuple[int, int], ...]
    buffers: tuple[tuple[int, int], ...]

    @property
    def values(self) -> int:
        """How many it holds, those without bytes of their own included."""
        return self.rows + sum(rows for rows, _ in self.nodes)


@functools.cache
def _flat() -> dict[int, tuple[int, bool]]:
    """By the ids of flat types: the bits of an offset, if they are texts, and whether any bits are a value."""
    names = {
        **dict.fromkeys(_TRUSTED, (0, True)),
        **dict.fromkeys(_OTHERS, (0, False)),
        **{name: (bits, False) for name, bits in _TEXTS.items()},
    }
    return {getattr(pyarrow().lib, f"Type_{name}"): form for name, form in names.items()}


def form_of(kind: pa.DataType) -> Form | None:
    """How values of that type lie, if it is flat."""
    form = _flat().get(kind.id)
    return None if form is None else Form(kind, form[0] or kind.bit_width, bool(form[0]), form[1])


# -- writing ---------------------------------------------------------------------------


def column_of(array: pa.Array) -> Column | None:
    """The values of *array* where they are; None unless its type is flat and it begins at its buffers' start."""
    form, rows = form_of(array.type), len(array)
    if form is None or array.offset or not rows:
        return None
    nulls = array.null_count
    buffers = array.buffers()
    sizes = [(rows + 7) // 8 if nulls else 0]
    if form.is_text:
        offsets, width = memoryview(buffers[1]), form.bits // 8
        if any(offsets[:width]):
            return None
        sizes += (rows + 1) * width, int.from_bytes(offsets[rows * width : (rows + 1) * width], "little")
    else:
        sizes.append((rows * form.bits + 7) // 8)
    return Column(
        array.type, rows, nulls, [memoryview(buffer)[:size] if size else b"" for buffer, size in zip(buffers, sizes, strict=True)]
    )


def message_of(rows: int, columns: Iterable[Column]) -> list[bytes | memoryview]:
    """The message of a batch of *columns*, whose body is views of them."""
    nodes: list[int] = []
    places: list[int] = []
    body: list[bytes | memoryview] = [b""]
    end = 0
    for column in columns:
        nodes += rows, column.nulls
        for buffer in column.buffers:
            size = len(buffer)
            places += end, size
            if size:
                body.append(buffer)
                if size % 8:
                    body.append(_PADDING[-size % 8])
                    size += -size % 8
                end += size
    body[0] = _header(rows, nodes, places, end)
    return body


def prefixed(metadata: bytes) -> bytes:
    """The message of *metadata*, as it stands in a stream."""
    return struct.pack("<Ii", _PREFIX, len(metadata)) + metadata


def _header(rows: int, nodes: list[int], places: list[int], body: int) -> bytes:
    size = 88 + 8 * (len(nodes) + len(places))
    fixed = _MESSAGE.pack(
        *(_PREFIX, size, 20),
        *(*_MESSAGE_VTABLE, 12, body, 20, _V5, _BATCH),
        *(*_BATCH_VTABLE, 10, rows, 12, 16 + 8 * len(nodes)),
    )
    return fixed + struct.pack(f"<I{len(nodes)}q4xI{len(places)}q", len(nodes) // 2, *nodes, len(places) // 2, *places)


# -- reading ---------------------------------------------------------------------------


def batch_of(header: Table, body: int) -> Batch:
    """What *header* says of a *body* of so many bytes, if its buffers follow each other there; or `DecodeError`."""
    if header.has(3):
        raise DecodeError("not understood", "arrow: a compressed body")
    batch = Batch(header.number(0, I64), tuple(header.pairs(1)), tuple(header.pairs(2)))
    end = 0
    for offset, length in batch.buffers:
        if offset < end or length < 0 or offset + length > body:
            raise DecodeError("corrupt", "arrow: buffers that overlap or lie outside")
        end = offset + length
    if batch.rows < 0 or any(rows < 0 for rows, _ in batch.nodes):
        raise DecodeError("corrupt", "arrow: a negative length")
    return batch


def cut(forms: tuple[Form, ...], batch: Batch, body: memoryview) -> list[Column]:
    """The columns of *batch*, whose buffers lie in *body* where it says, as somebody has checked; or any exception."""
    places = iter(batch.buffers)
    columns = []
    for form, (rows, nulls) in zip(forms, batch.nodes, strict=True):
        if rows != batch.rows:
            raise DecodeError("corrupt", "arrow: a column of another length")
        buffers = [_cut(body, next(places), (rows + 7) // 8 if nulls else 0)]
        if form.is_text:
            buffers += _cut(body, next(places), (rows + 1) * form.bits // 8), _cut(body, next(places), 0)
        else:
            buffers.append(_cut(body, next(places), (rows * form.bits + 7) // 8))
        columns.append(Column(form.kind, rows, nulls, buffers))
    if next(places, None) is not None:
        raise DecodeError("corrupt", "arrow: more buffers than columns")
    return columns


def _cut(body: memoryview, place: tuple[int, int], least: int) -> memoryview:
    start, length = place
    if length < least:
        raise DecodeError("truncated", "arrow: fewer bytes than values")
    return body[start : start + length]


def array_of(column: Column) -> pa.Array:
    """The values of *column*, all of which may be accessed safely; or any exception."""
    pa, (kind, rows, nulls, data) = pyarrow(), column
    buffers = [pa.py_buffer(data[0]) if nulls else None, *map(pa.py_buffer, data[1:])]
    array = pa.Array.from_buffers(kind, rows, buffers, -1 if nulls else 0)
    bits, trusted = _flat().get(kind.id, (0, False))
    if not trusted and not (bits and _is_plain(column, bits // 8)):
        array.validate(full=True)
    return array


def _is_plain(column: Column, width: int) -> bool:
    """Whether texts are plain ASCII, or bytes, and none begins before another ends: a fifth of the time of `validate`."""
    np, (kind, rows, _, (_, offsets, text)) = _numpy(), column
    if np is None:
        return False
    places = np.frombuffer(offsets, f"<i{width}", rows + 1)
    if places[0] < 0 or places[-1] > len(text) or np.count_nonzero(places[1:] < places[:-1]):
        return False
    return not len(text) or kind.id in _binaries() or bool(np.frombuffer(text, np.int8).min() >= 0)


@functools.cache
def _binaries() -> tuple[int, int]:
    return pyarrow().binary().id, pyarrow().large_binary().id


@functools.cache
def _numpy() -> Any:
    """NumPy, which pyarrow does without, or None."""
    try:
        return library("numpy")
    except BrokenPluginError:
        return None
