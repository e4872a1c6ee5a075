"""Arrow IPC streams: written in pieces, and inspected before a byte of them is given to the library.

The library reads what a stream claims: a compressed body unfolds to any size, columns may
share one buffer, a null column has any number of rows. So the few fields that say how much
there is are read here first, each checked against the bytes that are there.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from ..errors import DecodeError, SerializationError, shown
from ._budget import Budget
from ._flat import Batch, Column, Form, array_of, batch_of, column_of, cut, form_of, message_of, prefixed
from ._flatbuffer import I16, I32, I64, U8, U32, Table, number
from ._optional import pyarrow

if TYPE_CHECKING:
    import pyarrow as pa  # type: ignore[import-untyped]

_END = b"\xff\xff\xff\xff\x00\x00\x00\x00"
_EXTENSION = b"ARROW:extension:name"
_SCHEMA, _DICTIONARY, _BATCH, _END_OF_STREAM = 1, 2, 3, 4  # in the order of a stream
_V5 = 4
_TIMESTAMP = 10
_FIELD_BYTES = 16  # the least a field takes in the schema
_MOST_KEPT = 16 << 10  # bytes of a schema that is remembered
_BYTES_PER_VALUE = 8
"""What one value counts as, though it has no bytes of its own in the stream, as a null."""


class Described(NamedTuple):
    """What a stream's first message says of its columns, and how they lie if all of them are flat."""

    schema: Any
    names: tuple[str, ...]
    metadata: Mapping[bytes, bytes]
    forms: tuple[Form, ...] | None


def write(table: pa.Table | pa.RecordBatch, max_bytes: int, budget: Budget) -> list[bytes | memoryview]:
    """The stream of *table*, in pieces; or `SerializationError` if `read` would refuse it."""
    head, flat = _head(table.schema)
    if not flat and any(map(_is_dictionary, table.schema.types)):
        stream = _with_dictionaries(table)
    else:
        batches = [table] if isinstance(table, pyarrow().RecordBatch) else table.to_batches()
        stream = [head, *(piece for batch in batches for piece in _batch(batch)), _END]
    return _checked(stream, (table.num_columns + 1) * table.num_rows if flat else None, max_bytes, budget)


def write_columns(
    columns: list[Column | pa.Array], names: tuple[str, ...], metadata: tuple[bytes, str], max_bytes: int, budget: Budget
) -> list[bytes | memoryview]:
    """`write` of *columns* of one length, under a schema with that one key and text for metadata."""
    found = [column if isinstance(column, Column) else column_of(column) for column in columns]
    laid = [column for column in found if column is not None]
    if not laid or len(laid) < len(found) or not laid[0].rows:
        arrays = [array_of(column) if isinstance(column, Column) else column for column in columns]
        schema = _schema_of(tuple(array.type for array in arrays), names, metadata)
        return write(pyarrow().RecordBatch.from_arrays(arrays, schema=schema), max_bytes, budget)
    rows = laid[0].rows
    small = len(metadata[1]) + sum(map(len, names)) < _MOST_KEPT
    head = (_head_once if small else _head_of)(tuple([column.kind for column in laid]), names, metadata)
    return _checked([head, *message_of(rows, laid), _END], (len(laid) + 1) * rows, max_bytes, budget)


def _checked(stream: list[bytes | memoryview], values: int | None, max_bytes: int, budget: Budget) -> list[bytes | memoryview]:
    """*stream*, if it would be read back; of flat columns it is known how many *values* `inspect` would find."""
    size = sum(map(len, stream))
    if size > max_bytes:
        raise SerializationError(f"a table of {size} bytes, and it takes {max_bytes}; raise max_bytes=")
    try:
        if values is None:
            inspect([memoryview(piece) for piece in stream], budget)
        else:
            budget.take(values * _BYTES_PER_VALUE)
    except DecodeError as error:
        raise SerializationError(f"a table that would not be read back ({error}); raise max_bytes=, or cast it to plain types") from None
    return stream


def _schema_of(types: tuple[Any, ...], names: tuple[str, ...], metadata: tuple[bytes, str]) -> pa.Schema:
    pa = pyarrow()
    return pa.schema([pa.field(name, kind) for name, kind in zip(names, types, strict=True)], metadata=dict([metadata]))


def _head(schema: pa.Schema) -> tuple[bytes, bool]:
    """The message of *schema*, and whether all of its columns are flat; or `SerializationError` for a type that is not written."""
    head = bytes(memoryview(schema.serialize()))
    try:
        ((found, _),) = _messages(memoryview(head))
        flat = found.described is not None and found.described.forms is not None
    except DecodeError:
        flat = False  # `inspect` says why, unless it is the type of a column
    if not flat:
        for name, kind in zip(schema.names, schema.types, strict=True):
            refused = _refused(kind)
            if refused:
                raise SerializationError(f"column {shown(name)} has the Arrow type {kind}: {refused}")
    return head, flat


def _head_of(types: tuple[Any, ...], names: tuple[str, ...], metadata: tuple[bytes, str]) -> bytes:
    head, flat = _head(_schema_of(types, names, metadata))
    if not flat:
        raise SerializationError("a table whose labels name an Arrow extension; rename them")
    return head


# Types that are flat have nothing beside what their equality compares.
_head_once = functools.lru_cache(maxsize=64)(_head_of)


def _batch(batch: pa.RecordBatch) -> list[bytes | memoryview]:
    columns = [column for column in map(column_of, batch.columns) if column is not None]
    return message_of(batch.num_rows, columns) if len(columns) == batch.num_columns else [memoryview(batch.serialize())]


def _with_dictionaries(table: pa.Table | pa.RecordBatch) -> list[bytes | memoryview]:
    pa = pyarrow()
    if not isinstance(table, pa.RecordBatch):
        # One dictionary a column: a stream that replaces one is not read.
        columns = [column.combine_chunks() for column in table.unify_dictionaries().columns]
        table = pa.RecordBatch.from_arrays(columns, schema=table.schema)
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_batch(table)  # of no rows too, or its dictionaries would be lost
    return [memoryview(sink.getvalue())]


def read(data: memoryview, budget: Budget) -> tuple[Described, list[Column] | pa.Table | pa.RecordBatch]:
    """What is in *data*: columns if it is one batch of flat ones, one batch as such, or a table; or any exception.

    A table and a batch may be accessed safely, and so may the arrays that are made of the columns.
    """
    pa = pyarrow()
    described, batches = _lone(data, budget) or inspect([data], budget)
    if described.forms and len(batches) == 1 and batches[0][0].rows:
        return described, cut(described.forms, *batches[0])
    stream = pa.ipc.open_stream(pa.py_buffer(data))
    if any(map(_refused, stream.schema.types)):
        raise DecodeError("not understood", "arrow: a type that is not written")
    found = list(stream)
    table = found[0] if len(found) == 1 else pa.Table.from_batches(found, stream.schema)
    table.validate(full=True)
    return described, table


# -- types -----------------------------------------------------------------------------


def _refused(kind: pa.DataType) -> str:
    """Why columns of this type are not written, with the remedy; or nothing."""
    if form_of(kind) is not None:
        return ""
    types = pyarrow().types
    if isinstance(kind, pyarrow().BaseExtensionType):
        return "cast it to its storage type"
    if types.is_run_end_encoded(kind) or types.is_union(kind):
        return "cast it to the type of its values"
    if types.is_string_view(kind) or types.is_binary_view(kind):
        return "cast it to large_string or large_binary"
    if types.is_list_view(kind) or types.is_large_list_view(kind):
        return "cast it to large_list"
    if types.is_fixed_size_binary(kind) and not kind.byte_width:
        return "it holds nothing; leave it out"
    if (types.is_fixed_size_list(kind) and not kind.list_size) or (types.is_struct(kind) and not kind.num_fields):
        return "it holds nothing; leave it out"
    if types.is_dictionary(kind):
        return _refused(kind.value_type)
    return next(filter(None, (_refused(kind.field(i).type) for i in range(kind.num_fields))), "")


def _is_dictionary(kind: pa.DataType) -> bool:
    return pyarrow().types.is_dictionary(kind) or any(_is_dictionary(kind.field(i).type) for i in range(kind.num_fields))


# -- messages --------------------------------------------------------------------------


class Message(NamedTuple):
    """Of that *kind*, before a *body* of so many bytes: a schema, or a batch with the dictionary that it is, if it is one."""

    kind: int
    body: int
    described: Described | None = None
    batch: Batch | None = None
    dictionary: int | None = None


def inspect(stream: list[memoryview], budget: Budget) -> tuple[Described, list[tuple[Batch, memoryview]]]:
    """The schema and the batches with their bodies, dictionaries' too; or `DecodeError` for more than its bytes or *budget* hold."""
    schema, last, seen = None, 0, set[int | None]()
    batches: list[tuple[Batch, memoryview]] = []
    for message, body in (message for piece in stream for message in _messages(piece)):
        # A schema, then its dictionaries, then its batches, then the end.
        if (message.kind == _SCHEMA) != (last == 0) or message.kind < last or last == _END_OF_STREAM:
            raise DecodeError("corrupt", "arrow: messages out of order")
        last, schema = message.kind, message.described or schema
        if message.kind == _DICTIONARY and message.dictionary in seen:
            raise DecodeError("not understood", "arrow: a dictionary that changes")
        seen.add(message.dictionary)
        if message.batch is not None:
            budget.take(message.batch.values * _BYTES_PER_VALUE)
            batches.append((message.batch, body))
    if last != _END_OF_STREAM or schema is None:
        raise DecodeError("truncated", "arrow: no end of stream")
    return schema, batches


def _lone(data: memoryview, budget: Budget) -> tuple[Described, list[tuple[Batch, memoryview]]] | None:
    """`inspect` of a schema and one batch, as nearly all are, in half of its time; None for anything else, sound or not."""
    if len(data) < 24 or data[-8:] != _END:
        return None
    at = 8 + number(data, I32, 4)
    body = at + 8 + number(data, I32, at + 4)
    if not 16 <= at <= body - 16 <= len(data) - 24 or not data[:4] == data[at : at + 4] == _END[:4]:
        return None
    schema, batch = _parsed(bytes(data[8:at]), first=True), _parsed(bytes(data[at + 8 : body]), first=False)
    if schema.described is None or batch.kind != _BATCH or batch.batch is None or body + batch.body + 8 != len(data):
        return None
    budget.take(batch.batch.values * _BYTES_PER_VALUE)
    return schema.described, [(batch.batch, data[body:-8])]


def _messages(data: memoryview) -> Iterator[tuple[Message, memoryview]]:
    """Each message and its body, as they follow each other."""
    at = 0
    while at < len(data):
        if number(data, U32, at) != 0xFFFFFFFF:
            raise DecodeError("corrupt", "arrow: not a message")
        size = number(data, I32, at + 4)
        start = at + 8
        if size == 0:
            yield Message(_END_OF_STREAM, 0), data[start:start]
            at = start
            continue
        if size < 8 or start + size > len(data):
            raise DecodeError("truncated", "arrow: a message past the end")
        message = _parsed(bytes(data[start : start + size]), first=at == 0)
        at = start + size + message.body
        if at > len(data):
            raise DecodeError("truncated", "arrow: a body past the end")
        yield message, data[start + size : at]


def _parsed(metadata: bytes, *, first: bool) -> Message:
    return (_parse if len(metadata) > _MOST_KEPT else _parse_schema_once if first else _parse_batch_once)(metadata)


def _parse(metadata: bytes) -> Message:
    """What *metadata* says, if it is sound in itself; its body may not be there."""
    message = Table(metadata, number(metadata, U32, 0))
    kind, body, header = message.number(1, U8), message.number(3, I64), message.table(2)
    if message.number(0, I16) != _V5 or kind not in (_SCHEMA, _DICTIONARY, _BATCH):
        raise DecodeError("not understood", "arrow: a message of another version or kind")
    if body < 0 or (kind == _SCHEMA and body):
        raise DecodeError("truncated", "arrow: a body past the end")
    if kind == _SCHEMA:
        return Message(kind, 0, described=_described(metadata, header))
    if kind == _BATCH:
        return Message(kind, body, batch=batch_of(header, body))
    if header.number(2, U8):
        raise DecodeError("not understood", "arrow: a dictionary that changes")
    return Message(kind, body, batch=batch_of(header.table(1), body), dictionary=header.number(0, I64))


# A function's frames have one schema, and those of numbers one layout; to walk through them is a third of reading a small one.
_parse_schema_once = functools.lru_cache(maxsize=64)(_parse)
_parse_batch_once = functools.lru_cache(maxsize=64)(_parse)


def _described(metadata: bytes, header: Table) -> Described:
    # A type of its own is made by whatever code is registered for its name.
    if _EXTENSION in metadata:
        raise DecodeError("not understood", "arrow: an extension type")
    if header.number(0, I16):
        raise DecodeError("not understood", "arrow: big-endian")
    _inspect_fields(header, 1, len(metadata))
    schema = pyarrow().ipc.read_schema(pyarrow().py_buffer(prefixed(metadata)))
    forms = tuple(form for form in map(form_of, schema.types) if form is not None)
    return Described(schema, tuple(schema.names), schema.metadata or {}, forms if len(forms) == len(schema.types) else None)


def _inspect_fields(parent: Table, slot: int, left: int) -> int:
    """What is *left* of the bytes that fields may make the library allocate: tables and texts may be shared, and stand a million times."""
    for field in parent.tables(slot):
        left -= _FIELD_BYTES + field.length(0)
        left -= sum(pair.length(0) + pair.length(1) for pair in field.tables(6))
        if field.number(2, U8) == _TIMESTAMP:
            left -= field.table(3).length(1)
        if left >= 0:
            left = _inspect_fields(field, 5, left)
        if left < 0:
            raise DecodeError("corrupt", "arrow: fields that overlap")
    return left
