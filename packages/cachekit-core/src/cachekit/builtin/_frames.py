"""Tables and frames of pandas, polars and pyarrow as Arrow IPC streams, and back."""

from __future__ import annotations

import functools
import json
import sys
from typing import Any

from ..errors import DecodeError, SerializationError
from . import _ipc, _optional, _pandas, _polars
from ._budget import Budget
from ._flat import array_of

_ABOUT = b"cachekit"
_json = json.JSONEncoder(separators=(",", ":")).encode
_MOST_KEPT = 4 << 10  # bytes of a description that is remembered
FORMATS = ("pandas", "polars", "pyarrow")
_KINDS = {
    "pandas.DataFrame", "pandas.Series", "pandas.Index",
    "polars.DataFrame", "polars.Series",
    "pyarrow.Table", "pyarrow.RecordBatch",
}  # fmt: skip
_PANDAS_INDEXES = {"RangeIndex", "MultiIndex", *_pandas.INDEXES}


def require(library: str | None) -> None:
    """Import what tables of *library* need, or raise `ConfigurationError` with the line that installs it."""
    _optional.pyarrow()
    if library is not None:
        _optional.library(library)


def kind_of(cls: type) -> str | None:
    """What `dumps_frame` knows instances of *cls* as, or None. Subclasses would come back as something else."""
    library = cls.__module__.partition(".")[0]
    if library not in FORMATS or getattr(sys.modules.get(library), cls.__name__, None) is not cls:
        return None
    name = "Index" if library == "pandas" and cls.__name__ in _PANDAS_INDEXES else cls.__name__
    kind = f"{library}.{name}"
    return kind if kind in _KINDS else None


def dumps_frame(value: Any, kind: str, max_bytes: int) -> list[bytes | memoryview]:
    """The stream of *value*, in pieces; or `SerializationError`."""
    budget = Budget(2 * max_bytes)
    if kind.startswith("pandas."):
        try:
            columns, names, about = _pandas.to_columns(value, budget)
        except DecodeError as error:
            raise SerializationError(f"a {kind} that would not be read back ({error}); raise max_bytes=") from None
        return _ipc.write_columns(columns, names, (_ABOUT, _json(about)), max_bytes, budget)
    table = _polars.to_table(value if kind == "polars.DataFrame" else value.to_frame()) if kind.startswith("polars.") else value
    if not table.num_columns and len(value):
        raise SerializationError("a table of rows without columns, which Arrow streams have no room for")
    metadata = table.schema.metadata or {}
    if _ABOUT in metadata:
        raise SerializationError("its schema's metadata has a key 'cachekit'; rename it")
    return _ipc.write(table.replace_schema_metadata({**metadata, _ABOUT: _json({"kind": kind})}), max_bytes, budget)


def loads_frame(data: memoryview, budget: Budget, library: str | None = None) -> Any:
    """The value in *data*, of the kind that was written or as *library* has it; or any exception."""
    described, read = _ipc.read(data, budget)
    text = described.metadata[_ABOUT]
    about = (_about if len(text) > _MOST_KEPT else _about_once)(text)
    kind = about["kind"]
    library = library or kind.partition(".")[0]
    require(library)
    if library == "pandas" and kind.startswith("pandas."):
        columns = read if isinstance(read, list) else list(map(_joined, read.columns))
        return _pandas.from_columns(columns, described.names, about, budget)
    table = _table(described, read)
    if library == "pyarrow":
        return _as_batch(table) if kind == "pyarrow.RecordBatch" else _as_table(table)
    if library == "polars":
        return _polars.from_table(table, series=kind.endswith(".Series"))
    return _pandas.from_foreign(list(map(_joined, table.columns)), described.names, table.num_rows, budget, series=kind.endswith(".Series"))


def _about(text: bytes) -> dict[str, Any]:
    about: dict[str, Any] = json.loads(text)
    if about["kind"] not in _KINDS:
        raise DecodeError("not understood", "a frame of another kind")
    return about


# What is read of one entry again and again; nothing of it is given away, but copies.
_about_once = functools.lru_cache(maxsize=64)(_about)


def _joined(column: Any) -> Any:
    return column.combine_chunks() if hasattr(column, "chunks") else column


def _table(described: _ipc.Described, read: Any) -> Any:
    """What was read, as a table or a batch with the metadata that it was written with."""
    metadata = {key: text for key, text in described.metadata.items() if key != _ABOUT} or None
    if type(read) is not list:
        return read.replace_schema_metadata(metadata)
    return _optional.pyarrow().RecordBatch.from_arrays(list(map(array_of, read)), schema=described.schema.with_metadata(metadata))


def _as_table(read: Any) -> Any:
    pa = _optional.pyarrow()
    return pa.Table.from_batches([read]) if isinstance(read, pa.RecordBatch) else read


def _as_batch(read: Any) -> Any:
    pa = _optional.pyarrow()
    if isinstance(read, pa.RecordBatch):
        return read
    if read.num_rows:
        raise DecodeError("corrupt", "more than one batch")
    return pa.RecordBatch.from_pylist([], schema=read.schema)
