"""polars' frames as Arrow tables and back, exactly or not at all."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ..errors import DecodeError, SerializationError, shown
from ._flat import form_of
from ._optional import polars, pyarrow

_VIEWED = 2**31 - 1


def to_table(frame: Any) -> Any:
    """The Arrow table of *frame*; or `SerializationError` that names the column which would not come back as it was."""
    place = _first_inexact(tuple(frame.dtypes))
    if place is not None:
        name, dtype = frame.columns[place], frame.dtypes[place]
        raise SerializationError(f"column {shown(name)} of dtype {dtype} would not come back as it was; cast it to another dtype")
    try:
        with _panics():
            return _flat_table(frame) or _table(frame)
    except Exception as error:  # noqa: BLE001 - any way to say no
        raise SerializationError(f"polars could not make an Arrow table of it ({type(error).__name__})") from None


def _table(frame: Any) -> Any:
    # The oldest level: texts as other languages read them, not as views.
    return frame.to_arrow(compat_level=polars().CompatLevel.oldest())


def _flat_table(frame: Any) -> Any:
    """`_table`, in two thirds of the time, of a frame that has rows and only flat columns; else None."""
    pa = pyarrow()
    if not frame.height or not _has_views():
        return None
    table = pa.RecordBatchReader.from_stream(frame).read_all()
    for i, (name, kind) in enumerate(zip(table.schema.names, table.schema.types, strict=True)):
        plain = _without_views().get(kind.id)
        if plain is not None:
            table = table.set_column(i, name, table.column(i).cast(plain))
        elif form_of(kind) is None:
            return None
    return table


@functools.cache
def _has_views() -> bool:
    return hasattr(polars().DataFrame, "__arrow_c_stream__") and hasattr(pyarrow(), "string_view")


@functools.cache
def _without_views() -> dict[int, Any]:
    """The types that polars has its texts in, by their ids, as those they are stored in."""
    pa = pyarrow()
    return {pa.string_view().id: pa.large_string(), pa.binary_view().id: pa.large_binary()}


@functools.lru_cache(maxsize=64)
def _first_inexact(dtypes: tuple[Any, ...]) -> int | None:
    """The place of the first dtype that an empty column does not bring back."""
    pl = polars()
    for i, dtype in enumerate(dtypes):
        empty = pl.DataFrame(schema={"x": dtype})
        try:
            with _panics():
                if pl.from_arrow(_table(empty)).schema != empty.schema:
                    return i
        except Exception:  # noqa: BLE001 - any way to say no
            return i
    return None


def from_table(table: Any, *, series: bool) -> Any:
    """The frame, or its only column, of a table or batch that is safe to access; or any exception."""
    pl, pa = polars(), pyarrow()
    with _panics():
        if isinstance(table, pa.RecordBatch) and table.num_rows and _has_views() and all(map(form_of, table.schema.types)):
            frame = pl.DataFrame(_with_views(table))
        else:
            frame = pl.from_arrow(table if isinstance(table, pa.Table) else pa.Table.from_batches([table]))
        frame.columns = table.schema.names  # it has names of its own for empty ones
        if not series:
            return frame
        if frame.width != 1:
            raise DecodeError("corrupt", "a Series of another number of columns")
        return frame.to_series()


def _with_views(batch: Any) -> Any:
    """*batch* with the texts of up to 2 GiB as polars has them, which pyarrow makes in a third of the time."""
    pa, view = pyarrow(), pyarrow().string_view()
    arrays = [array.cast(view) if array.type == pa.large_string() and array.nbytes < _VIEWED else array for array in batch.columns]
    return pa.RecordBatch.from_arrays(arrays, names=list(map(str, range(len(arrays)))))


@contextmanager
def _panics() -> Iterator[None]:
    """A panic of polars is no `Exception`; here it becomes one."""
    try:
        yield
    except BaseException as error:
        if isinstance(error, Exception) or type(error).__name__ != "PanicException":
            raise
        raise RuntimeError("polars panicked") from None
