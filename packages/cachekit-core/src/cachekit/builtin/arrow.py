"""The `arrow` serializer: tables and frames as standard Arrow IPC streams."""

from __future__ import annotations

import inspect
from typing import Any

from .._shapes import UNION, shape
from ..errors import ConfigurationError, DecodeError, SerializationError
from . import _frames
from ._budget import Budget

_TAKES = (
    "`arrow` takes DataFrame and Series of pandas and polars, Table and RecordBatch of pyarrow: "
    "return one of these, or use serializer='auto'"
)


class ArrowSerializer:
    """pandas, polars and pyarrow tables, exactly as they were, in a stream that other languages read.

    Parameters:
        return_format: ``"pandas"``, ``"polars"`` or ``"pyarrow"``, what every table comes back as; None
            gives back the kind that went in.
        max_bytes: the largest stream, in bytes. Reading allocates at most twice as much.

    Raises:
        ConfigurationError: another format, or its library is not installed.

    Example:
        >>> import pyarrow
        >>> from cachekit.builtin.arrow import ArrowSerializer
        >>> arrow = ArrowSerializer()
        >>> arrow.loads(arrow.dumps(pyarrow.table({"n": [1, 2]}))).to_pydict()
        {'n': [1, 2]}
    """

    name = "arrow"

    def __init__(self, *, return_format: str | None = None, max_bytes: int = 256 << 20) -> None:
        if return_format is not None and return_format not in _frames.FORMATS:
            raise ConfigurationError.of("return_format", return_format, "takes 'pandas', 'polars', 'pyarrow' or None")
        if type(max_bytes) is not int or max_bytes <= 0:
            raise ConfigurationError.of("max_bytes", max_bytes, "takes a positive number of bytes")
        _frames.require(return_format)
        self._format = return_format
        self._max_bytes = max_bytes

    @staticmethod
    def lossy(annotation: Any) -> str | None:
        """Why no value of *annotation* is a table, and what to do; None if one may be."""
        met = shape(annotation)
        classes = [shape(each).cls for each in (met.of if met.label == UNION else [annotation])]
        if not classes or any(cls is None or _may_be_a_table(cls) for cls in classes):
            return None
        named = " | ".join(cls.__qualname__ for cls in classes if cls is not None)
        return f"{named} is not a table; {_TAKES}"

    def dumps(self, value: Any) -> bytes:
        """The stream of *value*, or `SerializationError` if it could not come back as it was."""
        return b"".join(self.dumps_buffers(value))

    def dumps_buffers(self, value: Any) -> list[bytes | memoryview]:
        """`dumps` in pieces: the schema, the columns, the end."""
        kind = _frames.kind_of(type(value))
        if kind is None:
            cls = type(value)
            raise SerializationError(f"{cls.__module__}.{cls.__qualname__} is not a table; {_TAKES}")
        return _frames.dumps_frame(value, kind, self._max_bytes)

    def loads(self, data: bytes) -> Any:
        """The table in hostile *data*, or `DecodeError`."""
        return self.loads_buffer(memoryview(data))

    def loads_buffer(self, data: memoryview) -> Any:
        """`loads` of contiguous, read-only bytes. Tables of polars and pyarrow keep views of them."""
        try:
            if len(data) > self._max_bytes:
                raise DecodeError("too large", f"arrow: {len(data)} bytes")
            return _frames.loads_frame(data, Budget(2 * self._max_bytes), self._format)
        except DecodeError:
            raise
        except ConfigurationError as error:
            raise DecodeError("not installed", str(error)) from None
        # Three libraries read hostile bytes here; whatever they raise is one thing.
        except Exception as error:  # noqa: BLE001
            raise DecodeError("corrupt", f"arrow: {type(error).__name__}") from None


def _may_be_a_table(cls: type) -> bool:
    """Whether *cls* is a class of tables, or says nothing of what is returned, as a protocol or an abstract base does."""
    return _frames.kind_of(cls) is not None or inspect.isabstract(cls) or bool(cls.__dict__.get("_is_protocol"))
